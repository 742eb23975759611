//! What a Job says beside its pod, where it takes more than a value to judge it.

use serde_json::Value;

use super::grant::{Grant, Subject};
use super::json::{field, text};
use super::protected::PART;
use super::refusal::Step;
use super::walk::{Change, Walk};

/// The most seconds that a pod may take to end where its template gives it less.
const GRACE: i64 = 600;
/// Where labels and annotations are for the platform.
const PREFIXES: [&str; 4] = [
    "arcane",
    "arcane.sneaksanddata.com",
    "arcane.streaming.sneaksanddata.com",
    "streaming.sneaksanddata.com",
];
/// Domains in and below which labels and annotations tell Kubernetes, its container runtimes and
/// networks what to do.
const DOMAINS: [&str; 5] = ["kubernetes.io", "k8s.io", "x-k8s.io", "cncf.io", "crio.io"];
/// How annotations begin that container runtimes act upon, such as those of Kata and of CRI-O.
const RUNTIMES: [&str; 2] = ["io.", "run.oci."];
/// Labels and annotations without a prefix that are for the platform, and those that Kubernetes
/// selects a Job's pods by.
const KEYS: [&str; 3] = ["configuration-hash", "controller-uid", "job-name"];
/// Labels that Kubernetes recommends, and does not act upon.
const RECOMMENDED: &str = "app.kubernetes.io";

/// Labels or annotations: free but for reserved names.
pub(super) fn keys<'a>(walk: &mut Walk<'a>, change: Change<'a>, why: &'static str) {
    let Some([given, proposed]) = walk.objects(change) else {
        return;
    };
    let gone = given.iter().flat_map(|fields| fields.keys());
    let gone = gone.filter(|key| proposed.is_none_or(|fields| !fields.contains_key(*key)));
    for key in proposed.iter().flat_map(|fields| fields.keys()).chain(gone) {
        // Unlike that of a field, a null here is a value: an empty one.
        let change = Change {
            given: given.and_then(|fields| fields.get(key)),
            proposed: proposed.and_then(|fields| fields.get(key)),
        };
        if change.given == change.proposed {
            continue;
        }
        if is_reserved(key) {
            walk.at(Step::Key(key), |walk| walk.forbid(change, why));
        } else if walk.facts.is_part(key) {
            walk.at(Step::Key(key), |walk| walk.forbid(change, PART));
        } else if change
            .proposed
            .is_some_and(|value| !value.is_string() && !value.is_null())
        {
            walk.at(Step::Key(key), |walk| {
                walk.forbid(change, "there has to be a text")
            });
        }
    }
}

/// Whether a label or annotation of that name is not for plugins.
fn is_reserved(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // The runtimes' annotations have no slash, even where they end with a domain.
    let prefix = key
        .split_once('/')
        .map_or(key.as_str(), |(prefix, _)| prefix);
    let is_in = |domain: &&str| {
        let rest = prefix.strip_suffix(domain);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let known = match prefix.len() == key.len() {
        true => KEYS.contains(&prefix) || RUNTIMES.iter().any(|start| key.starts_with(start)),
        false => PREFIXES.contains(&prefix),
    };
    known || DOMAINS.iter().any(is_in) && prefix != RECOMMENDED
}

/// A Job that replaces a pod only once it has ended goes on doing so.
pub(super) fn replacement(walk: &mut Walk<'_>, change: Change<'_>, why: &'static str) {
    if waits(walk.spec.given) && !waits(walk.spec.proposed) {
        walk.forbid(change, why);
    }
}

/// Whether a Job with this spec replaces a pod only once it has ended: if it says so, or has rules
/// about failures, with which Kubernetes assumes it.
fn waits(spec: Option<&Value>) -> bool {
    let said = |name| spec.and_then(|spec| field(spec, name));
    match said("podReplacementPolicy") {
        Some(policy) => policy == "Failed",
        None => said("podFailurePolicy").is_some(),
    }
}

/// As which ServiceAccount the pod runs: that of the newer of two fields, which Kubernetes looks at
/// first.
pub(super) fn account(walk: &mut Walk<'_>, change: Change<'_>) {
    if change.proposed.is_some_and(|name| !name.is_string()) {
        walk.forbid(change, "there has to be a name");
        return;
    }
    let pod = walk.spec.field("template").field("spec");
    // Where both fields change, one complaint is enough.
    let newer = pod.field("serviceAccountName");
    let is_told = newer != change && !newer.is_none();
    let proposed = account_of(pod.proposed);
    if account_of(pod.given) != proposed && !is_told {
        walk.need(Grant::ServiceAccounts, Subject::Name(proposed), change);
    }
}

fn account_of(pod: Option<&Value>) -> &str {
    ["serviceAccountName", "serviceAccount"]
        .into_iter()
        .filter_map(|name| text(pod?, name))
        .find(|name| !name.is_empty())
        .unwrap_or("default")
}

/// A grace period may be shorter, but not none, and longer up to a bound.
pub(super) fn grace(walk: &mut Walk<'_>, change: Change<'_>, why: &'static str) {
    let most = change
        .given
        .and_then(Value::as_i64)
        .map_or(GRACE, |given| given.max(GRACE));
    let fits = match change.proposed {
        // 30 seconds.
        None => true,
        Some(proposed) => proposed
            .as_i64()
            .is_some_and(|seconds| (1..=most).contains(&seconds)),
    };
    if !fits {
        walk.forbid(change, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_platform_and_of_kubernetes_are_reserved() {
        for reserved in [
            "arcane/stream-id",
            "arcane/anything",
            "ARCANE/stream-id",
            "arcane.sneaksanddata.com/render-hash",
            "arcane.streaming.sneaksanddata.com/state",
            "streaming.sneaksanddata.com/any",
            "configuration-hash",
            "job-name",
            "controller-uid",
            "kubernetes.io/config",
            "batch.kubernetes.io/job-name",
            "container.apparmor.security.beta.kubernetes.io/main",
            "kueue.x-k8s.io/queue-name",
            "k8s.io/any",
            "k8s.v1.cni.cncf.io/networks",
            "irq-load-balancing.crio.io",
            "io.katacontainers.config.hypervisor.path",
            "io.kubernetes.cri-o.devices",
            "run.oci.handler",
        ] {
            assert!(is_reserved(reserved), "{reserved}");
        }
    }

    #[test]
    fn other_names_are_free() {
        for free in [
            "team",
            "team.example.com/cost-centre",
            "app.kubernetes.io/part-of",
            "arcaneish/any",
            "arcane",
            "sneaksanddata.com/cost",
            "evil-kubernetes.io/any",
            "notk8s.io/any",
            "iot",
            "io.example.com/any",
        ] {
            assert!(!is_reserved(free), "{free}");
        }
    }
}
