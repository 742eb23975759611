//! Variables of a container: the contract with the stream, and what they read.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::facts::{Kind, Reference, of_source, of_variable};
use super::grant::{Grant, Subject};
use super::refusal::Step;
use super::tree::Node;
use super::walk::{Change, Walk, entries, field, list, text};

/// What the names of the contract's variables begin with. Windows does not tell case apart.
const PREFIX: &str = "STREAMCONTEXT__";

const CONTRACT: &str = "variables of this name tell the stream what it is to do";
/// Why a plugin has to leave alone what the contract is made of.
pub(super) const PART: &str =
    "what the platform tells the stream, or where the template has a volume, is made of it";
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
                    read(walk, reference, change);
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
                    read(walk, reference, change);
                }
            }
        });
    }
}

/// Needs a grant for what the pod could not read before.
pub(super) fn read(walk: &mut Walk<'_>, reference: Reference<'_>, change: Change<'_>) {
    if !walk.facts.can_read(reference) {
        let grant = match reference.kind {
            Kind::Secret => Grant::Secrets,
            Kind::ConfigMap => Grant::ConfigMaps,
        };
        walk.need(grant, Subject::Name(reference.name), change);
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

fn is_contract(name: &str) -> bool {
    name.get(..PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// Whether a name that begins like this may be one of the contract's.
fn can_begin_contract(start: &str) -> bool {
    let common = start.len().min(PREFIX.len());
    let same = |start: &str| start.eq_ignore_ascii_case(&PREFIX[..common]);
    !start.is_empty() && start.get(..common).is_some_and(same)
}

/// Variables that are not for the plugin: those of the contract, and those whose values are put
/// into them, or into paths of volumes that the template gives.
pub(super) struct Protected<'a> {
    parts: HashSet<&'a str>,
}

impl<'a> Protected<'a> {
    pub(super) fn of(given: Option<&'a Value>) -> Self {
        let env = list(given, "env");
        let contract = env
            .iter()
            .filter(|entry| text(entry, "name").is_some_and(is_contract))
            .filter_map(|entry| text(entry, "value"));
        let paths = list(given, "volumeMounts")
            .iter()
            .filter_map(|mount| text(mount, "subPathExpr"));
        let mut parts = HashSet::new();
        let mut texts: Vec<_> = contract.chain(paths).collect();
        while let Some(value) = texts.pop() {
            for name in references(value) {
                if parts.insert(name) {
                    let entries = env.iter().filter(|entry| text(entry, "name") == Some(name));
                    texts.extend(entries.filter_map(|entry| text(entry, "value")));
                }
            }
        }
        Self { parts }
    }

    /// Why the plugin has to leave the variable alone, if it has to.
    fn why(&self, name: &str) -> Option<&'static str> {
        if is_contract(name) {
            Some(CONTRACT)
        } else {
            self.parts.contains(name).then_some(PART)
        }
    }

    /// Labels and annotations of the pod that these variables of `container` are made of.
    pub(super) fn keys(self, container: &'a Value) -> impl Iterator<Item = &'a str> {
        list(Some(container), "env")
            .iter()
            .filter_map(move |entry| {
                self.why(text(entry, "name")?)?;
                let reference = field(field(entry, "valueFrom")?, "fieldRef")?;
                let (_, subscript) = text(reference, "fieldPath")?.split_once("['")?;
                subscript.strip_suffix("']")
            })
    }

    /// Whether any of it could come from a source of variables.
    fn is_open(&self, given: Option<&Value>) -> bool {
        let set: HashSet<_> = list(given, "env")
            .iter()
            .filter_map(|entry| text(entry, "name"))
            .collect();
        self.parts.iter().any(|name| !set.contains(name))
    }
}

/// Names that a text may refer to as `$(NAME)`. More rather than fewer: `$$(NAME)` counts too.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("$(").filter_map(|(at, opening)| {
        let rest = &text[at + opening.len()..];
        // No name is longer.
        let end = rest.bytes().take(1_024).position(|byte| byte == b')')?;
        rest.get(..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_wherever_kubernetes_finds_them() {
        let found: Vec<_> = references("a$(B)$$(C)$(D $(E) $F ${G}$()").collect();
        assert_eq!(found, ["B", "C", "D $(E", "E", ""]);
    }

    #[test]
    fn a_prefix_that_the_contracts_names_can_begin_with_is_told() {
        for prefix in [
            "S",
            "STREAM",
            "STREAMCONTEXT__",
            "streamcontext__O",
            "STREAMCONTEXT__X_",
        ] {
            assert!(can_begin_contract(prefix), "{prefix}");
        }
        for prefix in ["", "DB_", "STREAMS", "ÄSTREAM"] {
            assert!(!can_begin_contract(prefix), "{prefix}");
        }
    }
}
