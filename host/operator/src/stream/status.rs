//! The definition's status: what to write, and whether anything would change.

use arcane_contract::{api::RecordedDecision, schema::StatusSchema};
use arcane_lifecycle::{Condition, Problem, Status};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::plugin::PLUGIN_HEALTHY;
use crate::time::written;

/// Condition types that the operator owns. Others are left as they are.
const OWNED: [&str; 7] = [
    "Ready",
    "Warning",
    "Error",
    "Reconciled",
    "UpToDate",
    TEMPLATE_ACCEPTED,
    PLUGIN_HEALTHY,
];

/// Condition type: false while the template in use has fields that were left out.
pub const TEMPLATE_ACCEPTED: &str = "TemplateAccepted";

/// The merge patch that makes `current` say what `wanted` says, as far as the kind's schema can
/// hold it; `None` if it says so already. `decision` is a plugin's latest, where there is a new one.
pub fn patch(
    current: &Value,
    wanted: &Status,
    decision: Option<&RecordedDecision>,
    generation: i64,
    schema: &StatusSchema,
    now: Timestamp,
) -> Option<Value> {
    let existing = conditions(current);
    let foreign = existing
        .iter()
        .filter(|condition| !OWNED.contains(&text(condition, "type")))
        .cloned();
    let ours = wanted
        .conditions
        .iter()
        .map(|condition| render(condition, existing, generation, now));
    let mut status = Map::new();
    status.insert("phase".into(), json!(wanted.phase.as_str()));
    if let Some(hash) = &wanted.configuration_hash {
        status.insert("configurationHash".into(), json!(hash));
    }
    status.insert("conditions".into(), ours.chain(foreign).collect());
    if let Some(decision) = decision {
        status.insert("lastDecision".into(), json!(decision));
    }
    let mut pruned = schema.prune(Value::Object(status));
    replace_decision(&mut pruned, current);
    let differs = pruned.as_object().is_some_and(|fields| {
        fields
            .iter()
            .any(|(name, value)| current.get(name) != Some(value))
    });
    differs.then_some(pruned)
}

/// What the last decision had and a new one has not is taken away, rather than merged with it.
fn replace_decision(patch: &mut Value, current: &Value) {
    let old = current.get("lastDecision").and_then(Value::as_object);
    let new = patch.get_mut("lastDecision").and_then(Value::as_object_mut);
    if let (Some(new), Some(old)) = (new, old) {
        for name in old.keys() {
            new.entry(name).or_insert(Value::Null);
        }
    }
}

fn render(condition: &Condition, existing: &[Value], generation: i64, now: Timestamp) -> Value {
    let Condition {
        kind,
        status,
        reason,
        message,
    } = condition;
    let status = if *status { "True" } else { "False" };
    // The time of the last transition, not of the last write.
    let since = existing
        .iter()
        .find(|old| text(old, "type") == *kind && text(old, "status") == status)
        .and_then(|old| old.get("lastTransitionTime").cloned())
        .unwrap_or_else(|| json!(written(now)));
    json!({
        "type": kind,
        "status": status,
        "reason": reason,
        "message": brief(message),
        "observedGeneration": generation,
        "lastTransitionTime": since,
    })
}

/// Characters of a message that are written. It may quote a name from a spec, and one of the length
/// that a spec can have would leave the object too large to be told of anything.
const LONGEST: usize = 4_096;

fn brief(message: &str) -> &str {
    let end = message.char_indices().nth(LONGEST);
    end.map_or(message, |(end, _)| &message[..end])
}

/// Whether the status tells of this problem.
pub fn tells(status: &Value, problem: &Problem) -> bool {
    conditions(status).iter().any(|condition| {
        text(condition, "type") == "Error"
            && text(condition, "status") == "True"
            && text(condition, "message") == brief(&problem.message)
    })
}

fn conditions(status: &Value) -> &[Value] {
    status
        .get("conditions")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use arcane_lifecycle::Phase;
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

    use super::*;

    fn schema(status: Value) -> StatusSchema {
        let definition: CustomResourceDefinition = serde_json::from_value(json!({
            "metadata": {"name": "samples.g"},
            "spec": {
                "group": "g", "scope": "Namespaced", "names": {"kind": "S", "plural": "samples"},
                "versions": [{
                    "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {
                        "type": "object", "properties": {"status": status}
                    }},
                }],
            },
        }))
        .unwrap();
        StatusSchema::from_crd(&definition, "v1").unwrap()
    }

    fn open() -> StatusSchema {
        schema(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}))
    }

    /// As the platform's published stream kinds have it.
    fn narrow() -> StatusSchema {
        schema(json!({"type": "object", "properties": {
            "phase": {"type": "string"},
            "configurationHash": {"type": "string"},
            "conditions": {"type": "array", "items": {"type": "object", "properties": {
                "type": {"type": "string"},
                "status": {"type": "string", "enum": ["True", "False"]},
                "message": {"type": "string"},
            }}},
        }}))
    }

    fn running(message: &str) -> Status {
        Status {
            phase: Phase::Running,
            configuration_hash: Some("h".into()),
            conditions: vec![Condition {
                kind: "Ready",
                status: true,
                reason: "StreamRunning",
                message: message.into(),
            }],
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_message_is_no_longer_than_an_object_can_hold() {
        assert_eq!(brief("short"), "short");
        let long = "ü".repeat(LONGEST + 1);
        assert_eq!(brief(&long).chars().count(), LONGEST);
    }

    #[test]
    fn what_was_written_is_not_written_again_whatever_the_schema_keeps() {
        for schema in [open(), narrow()] {
            let written = patch(&Value::Null, &running("m"), None, 1, &schema, at(0)).unwrap();
            assert_eq!(
                patch(&written, &running("m"), None, 1, &schema, at(9)),
                None
            );
        }
    }

    #[test]
    fn a_field_that_the_schema_drops_is_no_reason_to_write() {
        let written = patch(&Value::Null, &running("m"), None, 1, &narrow(), at(0)).unwrap();
        assert_eq!(
            patch(&written, &running("m"), None, 2, &narrow(), at(9)),
            None,
            "only the observed generation differs"
        );
        assert!(patch(&written, &running("other"), None, 1, &narrow(), at(9)).is_some());
    }

    #[test]
    fn a_decision_takes_the_place_of_the_one_before_as_a_whole() {
        let schema = schema(json!({"type": "object", "properties": {
            "phase": {"type": "string"},
            "lastDecision": {"type": "object", "properties": {
                "trigger": {"type": "string"}, "until": {"type": "string"},
            }},
        }}));
        let decision = |trigger: &str, until: Option<&str>| RecordedDecision {
            trigger: trigger.into(),
            until: until.map(str::to_owned),
            ..RecordedDecision::default()
        };
        let said = |current: &Value, decision: &RecordedDecision| {
            let status = running("m");
            patch(current, &status, Some(decision), 1, &schema, at(0)).unwrap()["lastDecision"]
                .clone()
        };
        let postponed = said(&Value::Null, &decision("spec-changed", Some("later")));
        assert_eq!(
            postponed,
            json!({"trigger": "spec-changed", "until": "later"})
        );
        let current = json!({"phase": "Running", "lastDecision": postponed});
        assert_eq!(
            said(&current, &decision("job-failed", None)),
            json!({"trigger": "job-failed", "until": null})
        );
    }

    #[test]
    fn a_condition_keeps_the_time_of_its_last_transition() {
        let written = patch(&Value::Null, &running("m"), None, 1, &open(), at(0)).unwrap();
        let again = patch(&written, &running("other"), None, 1, &open(), at(9)).unwrap();
        assert_eq!(
            again["conditions"][0]["lastTransitionTime"],
            "1970-01-01T00:00:00Z"
        );
    }

    #[test]
    fn a_problem_is_told_by_a_status_with_its_very_words() {
        let problem = |message: &str| Problem {
            reason: "TemplateNotFound",
            message: message.into(),
        };
        let status = json!({"conditions": [{"type": "Error", "status": "True", "message": "m"}]});
        assert!(tells(&status, &problem("m")));
        assert!(!tells(&status, &problem("n")));
        assert!(!tells(&Value::Null, &problem("m")));
    }

    #[test]
    fn conditions_of_others_are_kept() {
        let theirs = json!({"type": "Lagging", "status": "False"});
        let current = json!({"conditions": [theirs.clone()]});
        let patch = patch(&current, &running("m"), None, 1, &open(), at(0)).unwrap();
        assert_eq!(patch["conditions"][1], theirs);
    }
}
