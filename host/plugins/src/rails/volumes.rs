//! Volumes, where containers have them, and other lists of things that a pod refers to.

use std::collections::HashSet;

use serde_json::Value;

use super::facts::{by_name, of_volume};
use super::grant::{Grant, Subject};
use super::json::{entries, field, list as list_of, text};
use super::refusal::Step;
use super::tree::Node;
use super::walk::{Change, Walk};

/// Types of volumes of which it does not matter how they are mounted: they are read-only in any
/// case, or empty when the pod starts.
const HARMLESS: [&str; 6] = [
    "configMap",
    "downwardAPI",
    "emptyDir",
    "image",
    "projected",
    "secret",
];

/// The volumes of the pod, which are the same when their names are.
pub(super) fn judge<'a>(walk: &mut Walk<'a>, node: &'static Node, change: Change<'a>) {
    let (Some(proposed), Some(node)) = (walk.entries(change), node.entry()) else {
        return;
    };
    let named = by_name(entries(change.given), "name");
    let mut seen = HashSet::new();
    for (index, volume) in proposed.iter().enumerate() {
        let name = text(volume, "name").unwrap_or_default();
        let change = Change {
            given: named.get(name).copied(),
            proposed: Some(volume),
        };
        walk.at(Step::Named(index, name), |walk| {
            if name.is_empty() {
                walk.forbid(change, "a volume needs a name");
            } else if !seen.insert(name) {
                walk.forbid(change, "there is another volume of this name");
            } else if change.given != change.proposed && walk.known(node, volume) {
                sources(walk, volume, change);
            }
        });
    }
}

/// What a volume is made of.
fn sources<'a>(walk: &mut Walk<'a>, volume: &'a Value, change: Change<'a>) {
    for kind in kinds(volume) {
        let change = change.field(kind);
        if change.given.is_some() && change.given == change.proposed {
            continue;
        }
        walk.at(Step::Field(kind), |walk| match kind {
            "secret" | "configMap" => {
                of_volume(volume, &mut |reference| walk.need_read(reference, change));
            }
            "projected" => {
                of_volume(volume, &mut |reference| walk.need_read(reference, change));
                tokens(walk, change);
            }
            _ => source(walk, kind, change),
        });
    }
}

/// A source that has a grant of its own, or the type's.
fn source(walk: &mut Walk<'_>, kind: &str, change: Change<'_>) {
    let named = |name| change.proposed.and_then(|source| text(source, name));
    if kind == "persistentVolumeClaim" {
        let claim = named("claimName").unwrap_or_default();
        walk.need(Grant::PersistentVolumeClaims, Subject::Name(claim), change);
        return;
    }
    walk.need(Grant::Volumes, Subject::Name(kind), change);
    if kind == "image" {
        let image = named("reference").unwrap_or_default();
        if !walk.facts.runs(image) {
            walk.need(Grant::Images, Subject::Name(image), change);
        }
    }
    // What a driver logs in with.
    let reference = |name| change.proposed.and_then(|source| field(source, name));
    let referred = ["secretRef", "nodePublishSecretRef"]
        .into_iter()
        .filter_map(reference)
        .map(|reference| text(reference, "name").unwrap_or_default());
    for secret in referred.chain(named("secretName")) {
        walk.need(Grant::Secrets, Subject::Name(secret), change);
    }
}

/// Tokens and the like of a projected volume.
fn tokens<'a>(walk: &mut Walk<'a>, change: Change<'a>) {
    let kinds = [
        "serviceAccountToken",
        "podCertificate",
        "clusterTrustBundle",
    ];
    for (index, source) in list_of(change.proposed, "sources").iter().enumerate() {
        for kind in kinds {
            let Some(token) = field(source, kind) else {
                continue;
            };
            let is_given = walk.facts.volumes().iter().any(|volume| {
                let sources = list_of(field(volume, "projected"), "sources");
                sources
                    .iter()
                    .any(|source| field(source, kind) == Some(token))
            });
            if !is_given {
                let change = Change {
                    given: None,
                    proposed: Some(token),
                };
                walk.at(Step::Entry(index), |walk| {
                    walk.at(Step::Field(kind), |walk| {
                        walk.need(Grant::ServiceAccountToken, Subject::Whole, change);
                    });
                });
            }
        }
    }
}

/// The types of a volume: one, if the API server is to take it; an empty directory if none.
fn kinds(volume: &Value) -> Vec<&str> {
    let fields = volume.as_object().into_iter().flatten();
    let kinds: Vec<_> = fields
        .filter(|(name, source)| *name != "name" && !source.is_null())
        .map(|(name, _)| name.as_str())
        .collect();
    match kinds.is_empty() {
        true => vec!["emptyDir"],
        false => kinds,
    }
}

/// Where a container has volumes.
pub(super) fn mounts<'a>(walk: &mut Walk<'a>, node: &'static Node, change: Change<'a>) {
    let (Some(proposed), Some(node)) = (walk.entries(change), node.entry()) else {
        return;
    };
    let given = entries(change.given);
    for (index, mount) in proposed.iter().enumerate() {
        let path = text(mount, "mountPath").unwrap_or_default();
        walk.at(Step::Named(index, path), |walk| {
            if !given.contains(mount) && walk.known(node, mount) {
                new_mount(walk, mount);
            }
        });
    }
}

fn new_mount<'a>(walk: &mut Walk<'a>, mount: &'a Value) {
    let name = text(mount, "name").unwrap_or_default();
    let change = Change {
        given: None,
        proposed: Some(mount),
    };
    // Of another container, but for paths that are made of that container's variables.
    let own = list_of(walk.container.given, "volumeMounts");
    let others = walk
        .facts
        .all_containers()
        .flat_map(|container| list_of(Some(container), "volumeMounts"))
        .filter(|given| field(given, "subPathExpr").is_none());
    let same: Vec<_> = own
        .iter()
        .chain(others)
        .filter(|given| text(given, "name") == Some(name))
        .collect();
    let propagation = field(mount, "mountPropagation");
    if propagation.is_some_and(|kind| kind != "None")
        && !same
            .iter()
            .any(|given| field(given, "mountPropagation") == propagation)
    {
        walk.need(Grant::Privileged, Subject::Whole, change);
    }
    if !same.iter().any(|given| is_no_more(mount, given)) {
        use_volume(walk, name, change);
    }
}

/// Whether a mount gives no more of its volume than another one does.
fn is_no_more(mount: &Value, given: &Value) -> bool {
    // An empty text counts as nothing. All else is compared as it is: a value that is no text is not
    // the same as nothing, though the API server would refuse it.
    let path = |mount, name| field(mount, name).filter(|path| *path != "");
    let same_path = |name| path(mount, name) == path(given, name);
    let is_read_only = |mount: &Value| field(mount, "readOnly") == Some(&Value::Bool(true));
    let recursive = |mount| field(mount, "recursiveReadOnly");
    same_path("subPath")
        && same_path("subPathExpr")
        && (!is_read_only(given) || is_read_only(mount) && recursive(mount) == recursive(given))
}

/// Where a container has volumes as raw devices.
pub(super) fn devices<'a>(walk: &mut Walk<'a>, node: &'static Node, change: Change<'a>) {
    let (Some(proposed), Some(node)) = (walk.entries(change), node.entry()) else {
        return;
    };
    let given = walk
        .facts
        .all_containers()
        .flat_map(|container| list_of(Some(container), "volumeDevices"));
    let given: HashSet<_> = given.filter_map(|device| text(device, "name")).collect();
    for (index, device) in proposed.iter().enumerate() {
        let name = text(device, "name").unwrap_or_default();
        walk.at(Step::Entry(index), |walk| {
            if walk.known(node, device) && !given.contains(name) {
                let change = Change {
                    given: None,
                    proposed: Some(device),
                };
                use_volume(walk, name, change);
            }
        });
    }
}

/// Uses a volume that was given in a way that it was not used before. A volume that was not given,
/// or is given otherwise, is judged among the volumes.
fn use_volume(walk: &mut Walk<'_>, name: &str, change: Change<'_>) {
    let Some(volume) = walk.facts.volume(name) else {
        return;
    };
    for kind in kinds(volume) {
        if kind == "persistentVolumeClaim" {
            let claim = field(volume, kind).and_then(|source| text(source, "claimName"));
            let subject = Subject::Name(claim.unwrap_or_default());
            walk.need(Grant::PersistentVolumeClaims, subject, change);
        } else if !HARMLESS.contains(&kind) {
            walk.need(Grant::Volumes, Subject::Name(kind), change);
        }
    }
}

/// Secrets that images are pulled with.
pub(super) fn pull_secrets<'a>(walk: &mut Walk<'a>, change: Change<'a>) {
    let Some(proposed) = walk.entries(change) else {
        return;
    };
    let given = entries(change.given);
    for (index, secret) in proposed.iter().enumerate() {
        if !given.contains(secret) {
            let change = Change {
                given: None,
                proposed: Some(secret),
            };
            let name = text(secret, "name").unwrap_or_default();
            walk.at(Step::Entry(index), |walk| {
                walk.need(Grant::ImagePullSecrets, Subject::Name(name), change);
            });
        }
    }
}

/// Devices that the pod claims.
pub(super) fn claims<'a>(walk: &mut Walk<'a>, change: Change<'a>) {
    let Some(proposed) = walk.entries(change) else {
        return;
    };
    let given = entries(change.given);
    for (index, claim) in proposed.iter().enumerate() {
        if given.contains(claim) {
            continue;
        }
        let change = Change {
            given: None,
            proposed: Some(claim),
        };
        let names = ["resourceClaimName", "resourceClaimTemplateName"];
        let name = names.into_iter().find_map(|name| text(claim, name));
        walk.at(Step::Entry(index), |walk| {
            walk.need(
                Grant::ResourceClaims,
                Subject::Name(name.unwrap_or_default()),
                change,
            );
        });
    }
}
