//! What processes may do: stricter is free.

use std::collections::BTreeSet;

use serde_json::Value;

use super::grant::{Grant, Subject};
use super::json::{entries, field, list, text};
use super::refusal::Step;
use super::rule::Rung;
use super::tree::Node;
use super::walk::{Change, Walk, rung};

use Rung::{Absent, Flag, Text};

/// What a container has from its pod where it says nothing itself.
const INHERITED: [&str; 7] = [
    "appArmorProfile",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "seLinuxOptions",
    "seccompProfile",
    "windowsOptions",
];
/// What only containers have. Capabilities are judged one by one.
const OF_CONTAINERS: [&str; 4] = [
    "allowPrivilegeEscalation",
    "privileged",
    "procMount",
    "readOnlyRootFilesystem",
];
/// What only pods have. Sysctls are judged one by one.
const OF_PODS: [&str; 4] = [
    "fsGroup",
    "seLinuxChangePolicy",
    "supplementalGroups",
    "supplementalGroupsPolicy",
];

/// The securityContext of a container. One that is added has to be as strict as one of the
/// template's containers is, in each respect.
pub(super) fn container<'a>(walk: &mut Walk<'a>, node: &'static Node, change: Change<'a>) {
    if walk.objects(change).is_none() || !walk.is_known(node, change) {
        return;
    }
    let pod = walk.facts.pod_security();
    let models: Vec<Option<&'a Value>> = match walk.container.given {
        Some(_) => vec![change.given],
        None => walk
            .facts
            .containers()
            .iter()
            .map(|container| field(container, "securityContext"))
            .collect(),
    };
    // Changes of the pod's own securityContext are judged there; here the pod is as it was given.
    let effective = |own: Option<&'a Value>, name: &str| {
        let inherited = || pod.filter(|_| INHERITED.contains(&name));
        own.and_then(|own| field(own, name))
            .or_else(|| inherited().and_then(|pod| field(pod, name)))
    };
    for name in INHERITED.into_iter().chain(OF_CONTAINERS) {
        let proposed = effective(change.proposed, name);
        let mut needs = models.iter().map(|model| {
            let given = effective(*model, name);
            (given, needed(name, given, proposed))
        });
        let Some((given, Some(grant))) = needs.next() else {
            continue;
        };
        if needs.any(|(_, grant)| grant.is_none()) {
            continue;
        }
        walk.at(Step::Field(name), |walk| {
            walk.need(grant, Subject::Whole, Change { given, proposed });
        });
    }
    walk.at(Step::Field("capabilities"), |walk| {
        let of = |own: Option<&'a Value>| own.and_then(|own| field(own, "capabilities"));
        let models: Vec<_> = models.iter().map(|model| of(*model)).collect();
        capabilities(walk, &models, of(change.proposed));
    });
}

/// The securityContext of the pod.
pub(super) fn pod<'a>(walk: &mut Walk<'a>, node: &'static Node, change: Change<'a>) {
    if walk.objects(change).is_none() || !walk.is_known(node, change) {
        return;
    }
    for name in INHERITED.into_iter().chain(OF_PODS) {
        let of_field = change.field(name);
        if let Some(grant) = needed(name, of_field.given, of_field.proposed) {
            walk.at(Step::Field(name), |walk| {
                walk.need(grant, Subject::Whole, of_field);
            });
        }
    }
    walk.at(Step::Field("sysctls"), |walk| {
        sysctls(walk, change.field("sysctls"))
    });
}

/// The grant that it takes to go from `given` to `proposed`; `None` if it takes none.
///
/// Where two steps in a row take none, the way as a whole takes none.
fn needed(name: &str, given: Option<&Value>, proposed: Option<&Value>) -> Option<Grant> {
    if given == proposed {
        return None;
    }
    let raises = |grant, ladder| (rung(ladder, proposed) > rung(ladder, given)).then_some(grant);
    match name {
        "allowPrivilegeEscalation" => raises(
            Grant::SecurityContext,
            &[&[Flag(false)], &[Absent, Flag(true)]],
        ),
        "readOnlyRootFilesystem" | "runAsNonRoot" => raises(
            Grant::SecurityContext,
            &[&[Flag(true)], &[Absent, Flag(false)]],
        ),
        "privileged" => raises(Grant::Privileged, &[&[Absent, Flag(false)], &[Flag(true)]]),
        "procMount" => raises(Grant::Privileged, &[&[Absent, Text("Default")]]),
        "supplementalGroupsPolicy" => raises(
            Grant::SecurityContext,
            &[&[Text("Strict")], &[Absent, Text("Merge")]],
        ),
        // A profile of the node's cannot be compared with any other.
        "seccompProfile" | "appArmorProfile" => match (strictness(proposed), strictness(given)) {
            (Some(proposed), Some(given)) if proposed <= given => None,
            _ => Some(Grant::SecurityContext),
        },
        "windowsOptions" => {
            let on_node = |value: Option<&Value>| {
                value.and_then(|options| field(options, "hostProcess")) != Some(&Value::Bool(false))
                    && value.is_some_and(|options| field(options, "hostProcess").is_some())
            };
            match on_node(proposed) && !on_node(given) {
                true => Some(Grant::Privileged),
                false => Some(Grant::SecurityContext),
            }
        }
        _ => Some(Grant::SecurityContext),
    }
}

/// How strict a profile is, 0 the most; `None` for one that cannot be compared.
fn strictness(profile: Option<&Value>) -> Option<usize> {
    let Some(profile) = profile else {
        // By the kubelet's settings it may be any.
        return Some(1);
    };
    let fields = profile.as_object()?;
    match text(profile, "type")? {
        "RuntimeDefault" if fields.len() == 1 => Some(0),
        "Unconfined" if fields.len() == 1 => Some(2),
        _ => None,
    }
}

/// Capabilities: each that is added, or dropped no more, needs its grant.
fn capabilities<'a>(
    walk: &mut Walk<'a>,
    models: &[Option<&'a Value>],
    proposed: Option<&'a Value>,
) {
    let lists = ["add", "drop"].map(|list| proposed.and_then(|value| field(value, list)));
    let odd = |value: &Value| entries(Some(value)).iter().any(|name| !name.is_string());
    let is_odd = |value: &&Value| !value.is_array() || odd(value);
    if proposed.is_some_and(|value| !value.is_object()) || lists.iter().flatten().any(is_odd) {
        let change = Change {
            given: models.first().copied().flatten(),
            proposed,
        };
        walk.forbid(change, "there have to be lists of names");
        return;
    }
    let fewest = models
        .iter()
        .map(|model| (*model, gained(*model, proposed)))
        .min_by_key(|(_, gained)| gained.len());
    // Without a container to compare with, there is nothing to be like.
    let (given, gained) = fewest.unwrap_or_else(|| (None, gained(None, proposed)));
    for capability in &gained {
        let change = Change { given, proposed };
        walk.need(Grant::Capabilities, Subject::Name(capability), change);
    }
}

/// Capabilities that `proposed` may give and `given` does not.
fn gained(given: Option<&Value>, proposed: Option<&Value>) -> BTreeSet<String> {
    let all = "ALL";
    let [had, dropped] = ["add", "drop"].map(|list| names(given, list));
    let [added, drops] = ["add", "drop"].map(|list| names(proposed, list));
    let mut gained = BTreeSet::new();
    if !had.contains(all) {
        gained.extend(added.difference(&had).cloned());
    }
    if !drops.contains(all) {
        gained.extend(dropped.difference(&drops).cloned());
    }
    gained
}

/// Capabilities in the way that Kubernetes names them.
fn names(capabilities: Option<&Value>, name: &str) -> BTreeSet<String> {
    list(capabilities, name)
        .iter()
        .filter_map(Value::as_str)
        .map(|name| {
            let name = name.to_ascii_uppercase();
            name.strip_prefix("CAP_")
                .map_or(name.clone(), str::to_owned)
        })
        .collect()
}

/// Sysctls of the pod: each that is set needs its grant, unless it was set so.
fn sysctls<'a>(walk: &mut Walk<'a>, change: Change<'a>) {
    let Some(proposed) = walk.entries(change) else {
        return;
    };
    let given = entries(change.given);
    for (index, sysctl) in proposed.iter().enumerate() {
        let name = text(sysctl, "name").unwrap_or_default();
        if !given.contains(sysctl) {
            let change = Change {
                given: given.iter().find(|given| text(given, "name") == Some(name)),
                proposed: Some(sysctl),
            };
            walk.at(Step::Named(index, name), |walk| {
                walk.need(Grant::Sysctls, Subject::Name(name), change);
            });
        }
    }
}
