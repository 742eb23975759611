//! What the contract with the stream is told by, and made of.

use std::collections::HashSet;

use serde_json::Value;

use super::json::{field, list, text};

/// What the names of the contract's variables begin with. Windows does not tell case apart.
const PREFIX: &str = "STREAMCONTEXT__";

/// Why a plugin has to leave them alone.
pub(super) const CONTRACT: &str = "variables of this name tell the stream what it is to do";
/// Why a plugin has to leave alone what the contract is made of.
pub(super) const PART: &str =
    "what the platform tells the stream, or where the template has a volume, is made of it";

/// Whether it is the name of one of the contract's variables.
pub(super) fn is_contract(name: &str) -> bool {
    name.get(..PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// Whether a name that begins like this may be one of the contract's.
pub(super) fn can_begin_contract(start: &str) -> bool {
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
    pub(super) fn why(&self, name: &str) -> Option<&'static str> {
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
    pub(super) fn is_open(&self, given: Option<&Value>) -> bool {
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
