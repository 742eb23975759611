//! `BackfillRequest`: asks for one backfill of one stream.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Phase, RecordedDecision, status::conditions};

/// Which stream to backfill, and with what.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "streaming.sneaksanddata.com",
    version = "v1",
    kind = "BackfillRequest",
    plural = "backfillrequests",
    shortname = "bfr",
    category = "arcane",
    namespaced,
    status = "BackfillRequestStatus",
    derive = "PartialEq",
    doc = "Asks for one backfill of one stream in the same namespace.",
    printcolumn = r#"{"name": "StreamClass", "type": "string", "jsonPath": ".spec.streamClass"}"#,
    printcolumn = r#"{"name": "StreamId", "type": "string", "jsonPath": ".spec.streamId"}"#,
    printcolumn = r#"{"name": "Completed", "type": "boolean", "jsonPath": ".spec.completed"}"#,
    selectable = ".spec.completed",
    selectable = ".spec.streamId"
)]
pub struct BackfillRequestSpec {
    /// Name of the StreamClass that serves the stream.
    pub stream_class: String,
    /// Name of the stream definition.
    pub stream_id: String,
    /// Whether the request is done with. The operator sets it once the backfill has completed;
    /// setting it by hand ends the backfill.
    // Written also when false: clients select open requests by this very field.
    #[serde(default)]
    pub completed: bool,
    /// Anything that the stream's backfill should know; given to its Job as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "payload")]
    pub payload: Option<Map<String, Value>>,
}

/// What the operator says of the request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackfillRequestStatus {
    /// How far the backfill is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What is known about the request, one entry for each aspect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
    /// What the class's plugin decided on the request, where that was more than to run it as it is.
    /// It is in force: the backfill runs by it, even after a restart of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<RecordedDecision>,
}

fn payload(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "description": "Anything that the stream's backfill should know; given to its Job as it is.",
        "type": "object",
        "nullable": true,
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_open_request_is_written_as_open_and_without_nulls() {
        let request = BackfillRequest::new(
            "r",
            BackfillRequestSpec {
                stream_class: "sample".into(),
                stream_id: "orders".into(),
                ..Default::default()
            },
        );
        let written = serde_json::to_value(&request).unwrap();
        assert_eq!(
            written["spec"],
            json!({"streamClass": "sample", "streamId": "orders", "completed": false})
        );
        assert!(written.get("status").is_none());
    }

    #[test]
    fn a_payload_survives_as_it_is() {
        let spec = json!({
            "streamClass": "sample",
            "streamId": "orders",
            "completed": true,
            "payload": {"from": "2026-01-01", "nested": {"keys": [1, 2.5, null]}},
        });
        let read: BackfillRequestSpec = serde_json::from_value(spec.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), spec);
    }

    #[test]
    fn a_null_payload_is_no_payload() {
        let read: BackfillRequestSpec = serde_json::from_value(
            json!({"streamClass": "sample", "streamId": "orders", "payload": null}),
        )
        .unwrap();
        assert_eq!(read.payload, None);
        assert!(!read.completed);
    }
}
