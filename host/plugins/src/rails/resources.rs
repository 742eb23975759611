//! What a container, or the pod as a whole, has of its node's resources.

use std::collections::BTreeSet;

use arcane_contract::quantity::Amount;
use serde_json::Value;

use super::grant::{Grant, Subject};
use super::json::field;
use super::refusal::Step;
use super::tree::Node;
use super::walk::{Change, Walk};

/// What a container has as much of as is there when it has no limit, or one of 0. Of everything
/// else it has nothing then.
const SHARED: [&str; 3] = ["cpu", "ephemeral-storage", "memory"];

const QUANTITY: &str = "there has to be a quantity, such as 500m, 2 or 64Mi";

/// Requests and limits: less than given, or up to the ceiling.
pub(super) fn judge<'a>(walk: &mut Walk<'a>, node: &'static Node, change: Change<'a>) {
    if !walk.is_known(node, change) {
        return;
    }
    for list in ["limits", "requests"] {
        let change = change.field(list);
        let fits = walk.at(Step::Field(list), |walk| walk.objects(change).is_some());
        if !fits {
            return;
        }
    }
    // The pod's own resources, where the walk is in no container, are never new.
    let is_new = walk.container.proposed.is_some() && walk.container.given.is_none();
    let mut names = BTreeSet::new();
    for resources in [change.given, change.proposed].into_iter().flatten() {
        for list in ["limits", "requests"] {
            let quantities = resources.get(list).and_then(Value::as_object);
            names.extend(
                quantities
                    .into_iter()
                    .flat_map(|quantities| quantities.keys()),
            );
        }
    }
    let names = names.iter().map(|name| name.as_str());
    let names: BTreeSet<&'a str> = match is_new {
        true => names.chain(SHARED).collect(),
        false => names.collect(),
    };
    for name in names {
        resource(walk, change, is_new, name);
    }
}

fn resource<'a>(walk: &mut Walk<'a>, change: Change<'a>, is_new: bool, name: &'a str) {
    let now = match Share::read(change.proposed, name) {
        Ok(share) => share,
        Err(list) => {
            let stays = of(change.given, list, name) == of(change.proposed, list, name);
            if !stays {
                at(walk, list, name, change, |walk, change| {
                    walk.forbid(change, QUANTITY);
                });
            }
            return;
        }
    };
    let before = match is_new {
        // The pod took as much as it wanted, or something else would have to give.
        true if SHARED.contains(&name) && !is_bounded(walk, name) => Share::UNBOUNDED,
        true => Share::NONE,
        false => Share::read(change.given, name).unwrap_or(Share::NONE),
    };
    let more = match (now.limit, before.limit) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(now), Some(before)) => now > before,
    };
    if more {
        let amount = now.limit;
        at(walk, "limits", name, change, |walk, change| {
            let subject = Subject::Amount {
                resource: name,
                amount,
            };
            walk.need(Grant::Resources, subject, change);
        });
    }
    if now.request > before.request {
        // Without a request, the limit is one.
        let said = of(change.proposed, "requests", name).is_some();
        let list = if said { "requests" } else { "limits" };
        let subject = Subject::Amount {
            resource: name,
            amount: Some(now.request),
        };
        // Of two complaints about one value, one is enough.
        if said || !more {
            at(walk, list, name, change, |walk, change| {
                walk.need(Grant::Resources, subject, change);
            });
        }
    }
}

/// How much a container has of a resource.
struct Share {
    /// The most; `None` for as much as there is.
    limit: Option<Amount>,
    /// What is kept for it.
    request: Amount,
}

impl Share {
    const NONE: Self = Self {
        limit: Some(Amount::ZERO),
        request: Amount::ZERO,
    };
    const UNBOUNDED: Self = Self {
        limit: None,
        request: Amount::ZERO,
    };

    /// What `resources` say of the resource `name`. The error is the list that holds no quantity.
    fn read(resources: Option<&Value>, name: &str) -> Result<Self, &'static str> {
        let read = |list: &'static str| {
            let quantity = of(resources, list, name);
            let amount = |value: &Value| match value {
                // As the API server reads it.
                Value::Null => Ok(Amount::ZERO),
                value => Amount::from_json(value).map_err(|_| list),
            };
            quantity.map(amount).transpose()
        };
        let limit = read("limits")?;
        let request = read("requests")?.or(limit).unwrap_or(Amount::ZERO);
        let limit = match limit {
            Some(limit) if limit > Amount::ZERO => Some(limit),
            _ if SHARED.contains(&name) => None,
            _ => Some(Amount::ZERO),
        };
        Ok(Self { limit, request })
    }
}

/// Whether the pod that was given had a bound on what it takes of a resource.
fn is_bounded(walk: &Walk<'_>, name: &str) -> bool {
    let has_limit = |resources: Option<&Value>| {
        Share::read(resources, name).is_ok_and(|share| share.limit.is_some())
    };
    has_limit(walk.facts.pod_resources())
        || walk
            .facts
            .containers()
            .iter()
            .all(|container| has_limit(field(container, "resources")))
}

fn of<'a>(resources: Option<&'a Value>, list: &str, name: &str) -> Option<&'a Value> {
    resources?.get(list)?.get(name)
}

fn at<'a>(
    walk: &mut Walk<'a>,
    list: &'static str,
    name: &'a str,
    change: Change<'a>,
    visit: impl FnOnce(&mut Walk<'a>, Change<'a>),
) {
    let change = Change {
        given: of(change.given, list, name),
        proposed: of(change.proposed, list, name),
    };
    walk.at(Step::Field(list), |walk| {
        walk.at(Step::Key(name), |walk| visit(walk, change));
    });
}
