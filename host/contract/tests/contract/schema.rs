use arcane_contract::schema::StatusSchema;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::any_json;

fn crd(schema: Value) -> CustomResourceDefinition {
    serde_json::from_value(json!({
        "metadata": { "name": "parquet-streams.streaming.sneaksanddata.com" },
        "spec": {
            "group": "streaming.sneaksanddata.com",
            "scope": "Namespaced",
            "names": { "kind": "ParquetStream", "plural": "parquet-streams" },
            "versions": [
                { "name": "v1alpha1", "served": false, "storage": false },
                {
                    "name": "v1",
                    "served": true,
                    "storage": true,
                    "subresources": { "status": {} },
                    "schema": { "openAPIV3Schema": schema },
                },
            ],
        },
    }))
    .unwrap()
}

fn of_status(status: Value) -> StatusSchema {
    let root = json!({ "type": "object", "properties": { "status": status } });
    StatusSchema::from_crd(&crd(root), "v1").unwrap()
}

/// The status that the platform's published definitions have.
fn published() -> Value {
    json!({
        "type": "object",
        "properties": {
            "phase": { "type": "string", "enum": ["Running", "Failed"] },
            "configurationHash": { "type": "string" },
            "conditions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "type": { "type": "string", "enum": ["Ready", "Warning", "Error"] },
                        "status": { "type": "string", "enum": ["True", "False"] },
                        "message": { "type": "string" },
                    },
                },
            },
        },
    })
}

fn full_status() -> Value {
    json!({
        "phase": "Running",
        "configurationHash": "abc",
        "observedGeneration": 4,
        "conditions": [
            { "type": "Ready", "status": "True", "message": "m", "reason": "StreamRunning" },
            { "type": "Reconciled", "status": "True", "message": "m" },
            { "type": "Error", "status": "Unknown" },
            { "status": "True" },
        ],
    })
}

#[test]
fn a_closed_status_keeps_what_it_names_and_conditions_that_it_allows() {
    assert_eq!(
        of_status(published()).prune(full_status()),
        json!({
            "phase": "Running",
            "configurationHash": "abc",
            "conditions": [{ "type": "Ready", "status": "True", "message": "m" }],
        })
    );
}

#[test]
fn a_value_that_the_schema_refuses_is_dropped() {
    let status = json!({ "phase": "Pending", "configurationHash": 7, "conditions": null });
    assert_eq!(of_status(published()).prune(status), json!({}));
}

#[test]
fn an_open_status_keeps_everything() {
    let open = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    for schema in [
        of_status(open),
        of_status(json!({ "type": "object", "additionalProperties": true })),
        StatusSchema::from_crd(
            &crd(json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })),
            "v1",
        )
        .unwrap(),
    ] {
        assert_eq!(schema.prune(full_status()), full_status());
        assert!(schema.holds(&["phase"]));
        assert!(schema.holds(&["anything", "below"]));
    }
}

#[test]
fn a_definition_that_prunes_nothing_at_all_keeps_everything() {
    let mut crd = crd(json!({ "type": "object" }));
    crd.spec.preserve_unknown_fields = Some(true);
    let schema = StatusSchema::from_crd(&crd, "v1").unwrap();
    assert_eq!(schema.prune(full_status()), full_status());
}

#[test]
fn what_is_named_inside_an_open_status_is_still_checked() {
    let mut open = published();
    open["x-kubernetes-preserve-unknown-fields"] = json!(true);
    let pruned = of_status(open).prune(full_status());
    assert_eq!(pruned["observedGeneration"], 4);
    assert_eq!(pruned["conditions"].as_array().unwrap().len(), 1);
    assert_eq!(pruned["conditions"][0].get("reason"), None);
}

#[test]
fn additional_properties_are_held_to_their_schema() {
    let schema = of_status(json!({
        "type": "object",
        "properties": { "phase": { "type": "string" } },
        "additionalProperties": { "type": "integer" },
    }));
    assert_eq!(
        schema.prune(json!({ "phase": "x", "lag": 3, "note": "n" })),
        json!({ "phase": "x", "lag": 3 })
    );
    assert!(schema.holds(&["lag"]));
    assert!(!schema.holds(&["lag", "seconds"]));
}

#[test]
fn a_null_stays_where_the_schema_allows_one() {
    let schema = of_status(json!({
        "type": "object",
        "properties": {
            "phase": { "type": "string", "nullable": true },
            "configurationHash": { "type": "string" },
        },
    }));
    assert_eq!(
        schema.prune(json!({ "phase": null, "configurationHash": null })),
        json!({ "phase": null })
    );
}

#[test]
fn an_entry_goes_when_it_lacks_a_required_field_that_has_no_default() {
    let mut status = published();
    let condition = &mut status["properties"]["conditions"]["items"];
    condition["required"] = json!(["reason", "message"]);
    condition["properties"]["reason"] = json!({ "type": "string" });
    condition["properties"]["message"]["default"] = json!("");
    let pruned = of_status(status).prune(json!({ "conditions": [
        { "type": "Ready", "status": "True", "reason": "r" },
        { "type": "Ready", "status": "True", "message": "m" },
    ]}));
    assert_eq!(
        pruned,
        json!({ "conditions": [{ "type": "Ready", "status": "True", "reason": "r" }] })
    );
}

#[test]
fn the_fields_that_a_status_holds_can_be_asked_for() {
    let schema = of_status(published());
    assert!(schema.has_subresource());
    assert!(schema.holds(&["phase"]));
    assert!(schema.holds(&["conditions"]));
    assert!(schema.holds(&["conditions", "message"]));
    assert!(!schema.holds(&["conditions", "reason"]));
    assert!(!schema.holds(&["observedGeneration"]));
}

#[test]
fn a_status_without_the_subresource_is_told_apart() {
    let root = json!({ "type": "object", "properties": { "status": published() } });
    let mut crd = crd(root);
    crd.spec.versions[1].subresources = None;
    let schema = StatusSchema::from_crd(&crd, "v1").unwrap();
    assert!(!schema.has_subresource());
}

#[test]
fn a_kind_whose_status_cannot_hold_the_phase_is_refused() {
    for root in [
        json!({ "type": "object" }),
        json!({ "type": "object", "properties": { "status": { "type": "object" } } }),
        json!({ "type": "object", "properties": { "status": {
            "type": "object",
            "properties": { "phase": { "type": "integer" } },
        }}}),
    ] {
        let error = StatusSchema::from_crd(&crd(root), "v1").unwrap_err();
        assert_eq!(error.reason(), "StatusUnsupported");
        assert_eq!(
            error.to_string(),
            "CustomResourceDefinition parquet-streams.streaming.sneaksanddata.com, version v1: its schema cannot hold status.phase, without which a stream's progress is lost: add it to the schema as a string"
        );
    }
}

#[test]
fn a_version_that_does_not_exist_is_named_beside_those_that_do() {
    let error = StatusSchema::from_crd(&crd(json!({ "type": "object" })), "v9").unwrap_err();
    assert_eq!(error.reason(), "VersionNotFound");
    assert!(
        error
            .to_string()
            .contains("has no version v9, only v1alpha1, v1:")
    );
}

proptest! {
    #[test]
    fn pruning_twice_is_pruning_once(status in statuses()) {
        for schema in [of_status(published()), of_status(strict())] {
            let once = schema.prune(status.clone());
            prop_assert_eq!(schema.prune(once.clone()), once);
        }
    }

    #[test]
    fn pruning_only_removes(status in statuses()) {
        for schema in [of_status(published()), of_status(strict())] {
            let pruned = schema.prune(status.clone());
            prop_assert!(is_part(&pruned, &status), "{pruned} of {status}");
        }
    }
}

/// A schema with a bit of everything.
fn strict() -> Value {
    let mut status = published();
    status["properties"]["conditions"]["items"]["required"] = json!(["message"]);
    status["additionalProperties"] =
        json!({ "type": "array", "items": { "nullable": true, "type": "boolean" } });
    status
}

/// Statuses that are nearly right.
fn statuses() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(vec!["Ready", "Running", "True", "Unknown", ""]);
    let entry = (text.clone(), text.clone(), any_json()).prop_map(
        |(kind, status, message)| json!({ "type": kind, "status": status, "message": message }),
    );
    let entry = prop_oneof![3 => entry, 1 => any_json()];
    (text, prop::collection::vec(entry, 0..4), any_json()).prop_map(|(phase, conditions, other)| {
        json!({ "phase": phase, "conditions": conditions, "other": other })
    })
}

/// Whether `part` is `whole` with things left out.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part
            .iter()
            .all(|(key, value)| whole.get(key).is_some_and(|whole| is_part(value, whole))),
        (Value::Array(part), Value::Array(whole)) => {
            let mut rest = whole.iter();
            part.iter()
                .all(|item| rest.any(|whole| is_part(item, whole)))
        }
        _ => part == whole,
    }
}
