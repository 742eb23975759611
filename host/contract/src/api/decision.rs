//! What a plugin decided, on record.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a plugin decided: in `status.decision` of a BackfillRequest, in `status.lastDecision` of a
/// stream definition whose schema can hold it, and as an annotation on a Job, or on a request that
/// was made because of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordedDecision {
    /// What had happened, such as `backfill-requested`.
    pub trigger: String,
    /// What was decided: default, skip, backfill, postpone, fail or restart.
    pub answer: String,
    /// Why, in the plugin's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The payload of the backfill in place of the request's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "payload")]
    pub payload: Option<Value>,
    /// Name of the StreamingJobTemplate of the backfill in place of the one that the definition
    /// names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// When the plugin is asked again, or when the run starts again: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Generation of the definition whose changed spec was decided on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Name and version of the plugin.
    pub plugin: String,
    /// SHA-256 of the plugin's component.
    pub digest: String,
    /// Digest of all that the decision was made from, the time excepted.
    pub inputs: String,
    /// When it was decided: RFC 3339.
    pub time: String,
}

fn payload(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "description": "The payload of the backfill in place of the request's.",
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_decision_is_read_as_it_was_written() {
        let written = json!({
            "trigger": "backfill-requested",
            "answer": "postpone",
            "reason": "outside the window",
            "payload": {"from": 1},
            "until": "2026-01-05T20:00:00Z",
            "plugin": "backfill-window 0.1.0",
            "digest": "ab",
            "inputs": "cd",
            "time": "2026-01-05T10:00:00Z",
        });
        let read: RecordedDecision = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), written);
    }
}
