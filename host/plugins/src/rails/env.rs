//! Variables of a container: the contract with the stream, and what they read.

use std::collections::HashMap;

use serde_json::Value;

use super::facts::{of_source, of_variable};
use super::json::{entries, text};
use super::protected::{CONTRACT, PART, Protected, can_begin_contract, is_contract};
use super::refusal::Step;
use super::tree::Node;
use super::walk::{Change, Walk};

const TAIL: &str = "what the template and the definition have here stays as it is, at the end, where \
    it wins over what comes before; add before it";

/// The variables of a container.
pub(super) fn variables<'a>(walk: &mut Walk<'a>, node: &'static Node, change: Change<'a>) {
    let (Some(proposed), Some(node)) = (walk.entries(change), node.entry()) else {
        return;
    };
    let given = entries(change.given);
    let protected = Protected::of(walk.container.given);
    let before = groups(given);
    let after = groups(proposed);
    for (index, entry) in proposed.iter().enumerate() {
        let mut change = Change {
            given: None,
            proposed: Some(entry),
        };
        let Some(name) = text(entry, "name") else {
            walk.at(Step::Entry(index), |walk| {
                walk.forbid(change, "a variable needs a name")
            });
            continue;
        };
        let [of_name, now] =
            [&before, &after].map(|groups| groups.get(name).map_or(&[][..], Vec::as_slice));
        if of_name == now {
            continue;
        }
        change.given = of_name.first().copied();
        walk.at(Step::Named(index, name), |walk| {
            if now.len() > 1 {
                walk.forbid(change, "a variable is set once");
            } else if walk.container.given.is_none() && is_contract(name) {
                // A container that is added may be told the same as the stream is.
                if walk.facts.contract_variable(name) != Some(entry) {
                    walk.forbid(change, CONTRACT);
                }
            } else if let Some(why) = protected.why(name) {
                walk.forbid(change, why);
            } else if walk.known(node, entry) {
                for reference in of_variable(entry) {
                    walk.need_read(reference, change);
                }
            }
        });
    }
    for (index, entry) in given.iter().enumerate() {
        let name = text(entry, "name").unwrap_or_default();
        if let (false, Some(why)) = (after.contains_key(name), protected.why(name)) {
            let change = Change {
                given: Some(entry),
                proposed: None,
            };
            walk.at(Step::Named(index, name), |walk| walk.forbid(change, why));
        }
    }
    let order = |entries: &'a [Value]| {
        let names = entries.iter().filter_map(|entry| text(entry, "name"));
        names
            .filter(|name| protected.why(name).is_some())
            .collect::<Vec<_>>()
    };
    let [first, second] = [order(given), order(proposed)];
    let moved = || {
        let sorted = |names: &[&'a str]| {
            let mut names = names.to_vec();
            names.sort_unstable();
            names
        };
        sorted(&first) == sorted(&second)
    };
    if walk.container.given.is_some() && first != second && moved() {
        walk.forbid(
            change,
            "the order of the platform's variables decides what they say",
        );
    }
}

/// What else a container's variables come from.
pub(super) fn sources<'a>(walk: &mut Walk<'a>, node: &'static Node, change: Change<'a>) {
    let (Some(proposed), Some(node)) = (walk.entries(change), node.entry()) else {
        return;
    };
    let given = entries(change.given);
    let Some(added) = proposed.strip_suffix(given) else {
        walk.forbid(change, TAIL);
        return;
    };
    let open = Protected::of(walk.container.given).is_open(walk.container.given);
    for (index, source) in added.iter().enumerate() {
        let change = Change {
            given: None,
            proposed: Some(source),
        };
        walk.at(Step::Entry(index), |walk| {
            if open {
                walk.forbid(change, PART);
            } else if text(source, "prefix").is_some_and(can_begin_contract) {
                walk.forbid(change, CONTRACT);
            } else if walk.known(node, source) {
                for reference in of_source(source) {
                    walk.need_read(reference, change);
                }
            }
        });
    }
}

/// Entries by their names.
fn groups(entries: &[Value]) -> HashMap<&str, Vec<&Value>> {
    let mut groups = HashMap::<_, Vec<_>>::new();
    for entry in entries {
        if let Some(name) = text(entry, "name") {
            groups.entry(name).or_default().push(entry);
        }
    }
    groups
}
