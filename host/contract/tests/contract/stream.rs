use arcane_contract::{definition::Definition, kind::DefinitionKind, stream::StreamDefinition};
use kube::core::{ApiResource, DynamicResourceScope, Resource, WatchEvent};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::any_json;

fn object() -> Value {
    json!({
        "apiVersion": "streaming.sneaksanddata.com/v1",
        "kind": "ParquetStream",
        "metadata": {
            "name": "orders",
            "namespace": "sales",
            "uid": "u",
            "resourceVersion": "7",
            "generation": 3,
            "creationTimestamp": "2026-08-01T10:00:00Z",
            "labels": { "team": "data" },
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{\"a\":1}",
                "arcane.sneaksanddata.com/restart": "2",
            },
            "managedFields": [{ "manager": "kubectl", "fieldsV1": { "f:spec": {} } }],
        },
        "spec": { "b": "x&y", "a": 1.0 },
        "status": {
            "phase": "Running",
            "configurationHash": "abc",
            "conditions": [
                { "type": "Ready", "status": "True", "message": "fine" },
                "nonsense",
                { "status": "True" },
                {
                    "type": "Reconciled",
                    "status": "False",
                    "reason": "Waiting",
                    "lastTransitionTime": "2026-08-01T10:00:00Z",
                    "observedGeneration": 3,
                },
            ],
        },
    })
}

fn read(object: &Value) -> StreamDefinition {
    serde_json::from_value(object.clone()).unwrap()
}

#[test]
fn a_definition_keeps_its_spec_as_canonical_text() {
    let definition = read(&object());
    assert_eq!(definition.spec.json().as_str(), r#"{"a":1,"b":"x\u0026y"}"#);
    assert_eq!(definition.spec.value(), json!({ "a": 1, "b": "x&y" }));
}

#[test]
fn metadata_is_kept_without_what_only_takes_room() {
    let metadata = read(&object()).metadata;
    assert_eq!(metadata.name.as_deref(), Some("orders"));
    assert_eq!(metadata.namespace.as_deref(), Some("sales"));
    assert_eq!(metadata.uid.as_deref(), Some("u"));
    assert_eq!(metadata.resource_version.as_deref(), Some("7"));
    assert_eq!(metadata.generation, Some(3));
    assert!(metadata.creation_timestamp.is_some());
    assert_eq!(metadata.labels.unwrap()["team"], "data");
    assert_eq!(metadata.managed_fields, None);
    let annotations: Vec<String> = metadata.annotations.unwrap().into_keys().collect();
    assert_eq!(annotations, ["arcane.sneaksanddata.com/restart"]);
}

#[test]
fn an_applied_definition_without_other_annotations_has_none() {
    let mut object = object();
    object["metadata"]["annotations"]
        .as_object_mut()
        .unwrap()
        .remove("arcane.sneaksanddata.com/restart");
    assert_eq!(read(&object).metadata.annotations, None);
}

#[test]
fn status_can_be_read_and_compared_with_what_is_on_the_server() {
    let status = read(&object()).status;
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert_eq!(status.configuration_hash.as_deref(), Some("abc"));
    assert_eq!(status.value(), object()["status"]);
}

#[test]
fn conditions_are_read_as_far_as_they_make_sense() {
    let conditions = read(&object()).status.conditions();
    let kinds: Vec<&str> = conditions.iter().map(|c| c.kind.as_str()).collect();
    assert_eq!(kinds, ["Ready", "Reconciled"]);
    assert_eq!(conditions[0].message.as_deref(), Some("fine"));
    assert_eq!(conditions[0].reason, None);
    assert_eq!(conditions[1].status, "False");
    assert_eq!(conditions[1].reason.as_deref(), Some("Waiting"));
    assert_eq!(conditions[1].observed_generation, Some(3));
    assert_eq!(
        conditions[1].last_transition_time.as_deref(),
        Some("2026-08-01T10:00:00Z")
    );
}

#[test]
fn a_watch_event_reads_alike_whichever_of_its_fields_comes_first() {
    let object = object().to_string();
    // With `object` first, serde has to buffer it before it knows what it is.
    for text in [
        format!(r#"{{"type":"ADDED","object":{object}}}"#),
        format!(r#"{{"object":{object},"type":"ADDED"}}"#),
    ] {
        let WatchEvent::Added(definition) = serde_json::from_str(&text).unwrap() else {
            panic!("not an ADDED event");
        };
        let definition: StreamDefinition = definition;
        assert_eq!(definition, read(&serde_json::from_str(&object).unwrap()));
    }
}

#[test]
fn a_definition_without_a_spec_or_a_status_is_read_and_refused_later() {
    let definition = read(&json!({ "metadata": { "name": "orders" } }));
    assert_eq!(definition.status.value(), Value::Null);
    assert_eq!(definition.status.conditions(), []);
    let error = Definition::parse(&definition.spec.value(), "sales").unwrap_err();
    assert!(error.to_string().starts_with("spec is missing:"), "{error}");
}

#[test]
fn a_definition_fits_a_namespaced_api() {
    fn fits<K: Resource<DynamicType = DefinitionKind, Scope = DynamicResourceScope>>() {}
    fits::<StreamDefinition>();
}

#[test]
fn a_definition_is_of_the_kind_that_its_resource_says() {
    let resource = DefinitionKind::from(ApiResource {
        group: "example.dev".to_owned(),
        version: "v2".to_owned(),
        api_version: "example.dev/v2".to_owned(),
        kind: "ThingStream".to_owned(),
        plural: "thing-streams".to_owned(),
    });
    let owner = read(&object()).controller_owner_ref(&resource).unwrap();
    assert_eq!(owner.api_version, "example.dev/v2");
    assert_eq!(owner.kind, "ThingStream");
    assert_eq!(
        StreamDefinition::url_path(&resource, Some("sales")),
        "/apis/example.dev/v2/namespaces/sales/thing-streams"
    );
}

proptest! {
    #[test]
    fn no_shape_of_spec_or_status_spoils_a_watch(spec in any_json(), status in any_json()) {
        let object = json!({ "metadata": { "name": "orders" }, "spec": spec, "status": status });
        let text = json!({ "object": object, "type": "MODIFIED" }).to_string();
        let event: WatchEvent<StreamDefinition> = serde_json::from_str(&text).unwrap();
        prop_assert!(matches!(event, WatchEvent::Modified(_)));
    }

    #[test]
    fn a_definition_that_is_written_reads_back_the_same(spec in any_json(), status in any_json()) {
        let object = json!({ "metadata": { "name": "orders" }, "spec": spec, "status": status });
        let definition = read(&object);
        let written = serde_json::to_value(&definition).unwrap();
        prop_assert_eq!(read(&written), definition);
    }
}

#[test]
fn a_spec_that_is_too_deep_spoils_no_watch_and_is_known_to_be() {
    let tower = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let event = format!(
        r#"{{"type": "MODIFIED", "object": {{
            "metadata": {{"name": "s"}}, "spec": {{"deep": {tower}}}, "status": {{"phase": "Running"}}
        }}}}"#
    );
    let event: WatchEvent<StreamDefinition> = serde_json::from_str(&event).unwrap();
    let WatchEvent::Modified(stream) = event else {
        panic!("{event:?}");
    };
    assert_eq!(stream.metadata.name.as_deref(), Some("s"));
    assert!(stream.spec.is_too_deep());
    assert_eq!(stream.spec.value(), Value::Null);
    assert_eq!(stream.status.phase.as_deref(), Some("Running"));
}
