//! Containers, which are the same when their names are.

use std::collections::HashSet;

use serde_json::Value;

use super::facts::by_name;
use super::grant::{Grant, Subject};
use super::json::{entries, field, text};
use super::refusal::Step;
use super::tree::Node;
use super::walk::{Change, Walk};
use super::{resources, security};

/// Which of a pod's lists of containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// Those that run the stream.
    Main,
    /// Those that run before, and sidecars.
    Init,
}

/// A list of containers.
pub(super) fn judge<'a>(walk: &mut Walk<'a>, which: List, node: &'static Node, change: Change<'a>) {
    let (Some(proposed), Some(node)) = (walk.entries(change), node.entry()) else {
        return;
    };
    let given = entries(change.given);
    let named = by_name(given, "name");
    let mut kept = Vec::new();
    let mut seen = HashSet::new();
    for (index, container) in proposed.iter().enumerate() {
        let added = Change {
            given: None,
            proposed: Some(container),
        };
        let Some(name) = text(container, "name") else {
            walk.at(Step::Entry(index), |walk| {
                walk.forbid(added, "a container needs a name");
            });
            continue;
        };
        walk.at(Step::Named(index, name), |walk| {
            if !seen.insert(name) {
                walk.forbid(added, "there is another container of this name");
                return;
            }
            let Some(&given) = named.get(name) else {
                new_container(walk, node, added);
                return;
            };
            kept.push(name);
            if given != container {
                let change = Change {
                    given: Some(given),
                    proposed: Some(container),
                };
                within(walk, node, change);
            }
        });
    }

    let before: Vec<_> = given
        .iter()
        .filter_map(|container| text(container, "name"))
        .collect();
    for (index, container) in given.iter().enumerate() {
        let name = text(container, "name").unwrap_or_default();
        if !seen.contains(name) {
            let removed = Change {
                given: Some(container),
                proposed: None,
            };
            walk.at(Step::Named(index, name), |walk| match which {
                List::Main => walk.forbid(removed, "the stream may be what runs in it"),
                List::Init => walk.need(Grant::Containers, Subject::Whole, removed),
            });
        }
    }
    let in_order = before.iter().filter(|name| seen.contains(*name));
    if !in_order.eq(kept.iter()) {
        walk.need(Grant::Containers, Subject::Whole, change);
    }
}

fn within<'a>(walk: &mut Walk<'a>, node: &'static Node, change: Change<'a>) {
    let outside = std::mem::replace(&mut walk.container, change);
    walk.fields(node, change);
    walk.container = outside;
}

/// Judges a field of a container.
type Judge<'a> = fn(&mut Walk<'a>, &'static Node, Change<'a>);

/// A container that the plugin adds needs the grants of everything that it has, and must be held
/// as short as the template's.
fn new_container<'a>(walk: &mut Walk<'a>, node: &'static Node, change: Change<'a>) {
    walk.need(Grant::Containers, Subject::Whole, change);
    within(walk, node, change);
    let outside = std::mem::replace(&mut walk.container, change);
    let judges: [(&'static str, Judge<'a>); 2] = [
        ("securityContext", security::container),
        ("resources", resources::judge),
    ];
    for (name, judge) in judges {
        let of_field = change.field(name);
        // What is there has been judged with the other fields.
        if let (None, Some(node)) = (of_field.proposed, node.field(name)) {
            walk.at(Step::Field(name), |walk| judge(walk, node, of_field));
        }
    }
    walk.container = outside;
}

/// The image of a container: one that the template's containers run, or one that is granted.
pub(super) fn image(walk: &mut Walk<'_>, change: Change<'_>) {
    let image = match change.proposed {
        None => "",
        Some(Value::String(image)) => image,
        Some(_) => {
            walk.forbid(change, "there has to be the name of an image");
            return;
        }
    };
    if !walk.facts.runs(image) {
        walk.need(Grant::Images, Subject::Name(image), change);
    }
}

/// When an image is pulled. Always is free; otherwise a node may give out an image that another
/// tenant's credentials were needed for.
pub(super) fn image_pull(walk: &mut Walk<'_>, change: Change<'_>) {
    if change.proposed.is_some_and(|policy| policy == "Always") {
        return;
    }
    let image = walk.container.proposed;
    let image = image.and_then(|container| text(container, "image"));
    walk.need(
        Grant::Images,
        Subject::Name(image.unwrap_or_default()),
        change,
    );
}

/// Ports of a container, of which only those of the node matter.
pub(super) fn ports<'a>(walk: &mut Walk<'a>, node: &'static Node, change: Change<'a>) {
    let Some(proposed) = walk.entries(change) else {
        return;
    };
    let given = entries(change.given);
    for (index, port) in proposed.iter().enumerate() {
        walk.at(Step::Entry(index), |walk| {
            if given.contains(port) || !node.entry().is_none_or(|node| walk.known(node, port)) {
                return;
            }
            let on_node = of_node(port);
            if on_node.is_some() && !given.iter().any(|given| of_node(given) == on_node) {
                let change = Change {
                    given: None,
                    proposed: Some(port),
                };
                walk.need(Grant::HostNamespaces, Subject::Whole, change);
            }
        });
    }
}

/// The port of the node that a port of a container is, with address and protocol.
fn of_node(port: &Value) -> Option<[Option<&Value>; 3]> {
    let number = field(port, "hostPort").filter(|number| **number != 0);
    let address = field(port, "hostIP");
    (number.is_some() || address.is_some()).then(|| [number, address, field(port, "protocol")])
}
