//! What a plugin says of itself, held against the contract's rules.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::bindings::exports::arcane::stream_plugin::metadata;
use crate::load_error::LoadError;
use crate::question::Hook;
use crate::rails::Grant;
use crate::text;

/// The most characters in a name or version.
const NAME: usize = 63;
/// The most characters in a summary.
const SUMMARY: usize = 1_000;
/// How much of a wrong value is quoted.
const QUOTED: usize = 100;

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// Name, for people: up to 63 characters of `a-z`, `0-9` and `-`.
    pub name: String,
    /// Version, such as `1.2.0`.
    pub version: String,
    /// One sentence on what it does.
    pub summary: String,
    /// When it wants to be asked.
    pub hooks: BTreeSet<Hook>,
    /// What it wants to do beyond what every plugin may.
    #[serde(serialize_with = "names")]
    pub grants: BTreeSet<Grant>,
}

impl Description {
    /// Checks what a component has said.
    pub(crate) fn check(said: metadata::Description) -> Result<Self, LoadError> {
        // Destructured so that a new field has to be thought of here.
        let metadata::Description {
            name,
            version,
            summary,
            hooks,
            grants,
        } = said;
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if !(1..=NAME).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(invalid(
                "name",
                format!(
                    "{:?} has to be 1 to {NAME} characters of a-z, 0-9 and -",
                    text::one_line(&name, QUOTED)
                ),
            ));
        }
        let printable = |text: &str| text == text::one_line(text, usize::MAX);
        if !(1..=NAME).contains(&version.chars().count()) || !printable(&version) {
            return Err(invalid(
                "version",
                format!(
                    "{:?} has to be 1 to {NAME} characters without control characters",
                    text::one_line(&version, QUOTED)
                ),
            ));
        }
        if summary.chars().count() > SUMMARY {
            return Err(invalid(
                "summary",
                format!("has more than {SUMMARY} characters"),
            ));
        }
        Ok(Self {
            name,
            version,
            summary: text::one_line(&summary, usize::MAX),
            hooks: each("hooks", &hooks, Hook::parse)?,
            grants: each("grants", &grants, Grant::parse)?,
        })
    }
}

/// Every name of a list, each of which has to be known.
fn each<T: Ord>(
    field: &'static str,
    names: &[String],
    parse: impl Fn(&str) -> Option<T>,
) -> Result<BTreeSet<T>, LoadError> {
    names
        .iter()
        .map(|name| {
            parse(name).ok_or_else(|| {
                invalid(
                    field,
                    format!("{:?} is not known", text::one_line(name, QUOTED)),
                )
            })
        })
        .collect()
}

fn invalid(field: &'static str, problem: String) -> LoadError {
    LoadError::InvalidDescription { field, problem }
}

fn names<S: serde::Serializer>(grants: &BTreeSet<Grant>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(grants.iter().map(|grant| grant.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> metadata::Description {
        metadata::Description {
            name: "right-size".into(),
            version: "1.2.0".into(),
            summary: "Sizes Jobs.".into(),
            hooks: vec!["render".into(), "tick".into()],
            grants: vec!["placement".into()],
        }
    }

    fn problem(change: impl FnOnce(&mut metadata::Description)) -> String {
        let mut said = said();
        change(&mut said);
        Description::check(said).unwrap_err().to_string()
    }

    #[test]
    fn what_keeps_the_rules_is_taken_over() {
        let description = Description::check(said()).unwrap();
        assert_eq!(description.name, "right-size");
        assert_eq!(
            description.hooks,
            BTreeSet::from([Hook::Render, Hook::Tick])
        );
        assert_eq!(
            serde_json::to_value(&description).unwrap()["grants"],
            serde_json::json!(["placement"])
        );
    }

    #[test]
    fn what_breaks_a_rule_is_named_with_its_field() {
        for name in ["", "Right", "a b", "ä", &"a".repeat(64)] {
            assert!(
                problem(|said| said.name = name.into()).contains("name:"),
                "{name}"
            );
        }
        assert!(problem(|said| said.version = String::new()).contains("version:"));
        assert!(problem(|said| said.version = "1\u{1b}[2J".into()).contains("version:"));
        assert!(problem(|said| said.summary = "s".repeat(1_001)).contains("summary:"));
        assert!(problem(|said| said.hooks.push("sleep".into())).contains("\"sleep\" is not known"));
        assert!(problem(|said| said.grants.push("root".into())).contains("grants:"));
    }

    #[test]
    fn a_summary_cannot_steer_a_terminal() {
        let mut said = said();
        said.summary = "a\u{1b}b".into();
        assert_eq!(Description::check(said).unwrap().summary, "a\u{FFFD}b");
    }
}
