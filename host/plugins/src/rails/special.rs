//! Who judges what takes more than a value to judge.

use super::containers::List;
use super::rule::Special;
use super::tree::Node;
use super::walk::{Change, Walk};
use super::{containers, env, job, resources, security, volumes};

/// Judges what stands at `node`, where the table says `why`.
pub(super) fn judge<'a>(
    walk: &mut Walk<'a>,
    special: Special,
    node: &'static Node,
    change: Change<'a>,
    why: &'static str,
) {
    match special {
        Special::Keys => job::keys(walk, change, why),
        Special::Replacement => {
            if walk.is_known(node, change) {
                job::replacement(walk, change, why);
            }
        }
        Special::Grace => job::grace(walk, change, why),
        Special::Account => job::account(walk, change),
        Special::Containers => containers::judge(walk, List::Main, node, change),
        Special::InitContainers => containers::judge(walk, List::Init, node, change),
        Special::Image => containers::image(walk, change),
        Special::ImagePull => containers::image_pull(walk, change),
        Special::Ports => containers::ports(walk, node, change),
        Special::Env => env::variables(walk, node, change),
        Special::EnvFrom => env::sources(walk, node, change),
        Special::Resources => resources::judge(walk, node, change),
        Special::ContainerSecurity => security::container(walk, node, change),
        Special::PodSecurity => security::pod(walk, node, change),
        Special::Mounts => volumes::mounts(walk, node, change),
        Special::Devices => volumes::devices(walk, node, change),
        Special::Volumes => volumes::judge(walk, node, change),
        Special::PullSecrets => volumes::pull_secrets(walk, change),
        Special::Claims => volumes::claims(walk, change),
    }
}
