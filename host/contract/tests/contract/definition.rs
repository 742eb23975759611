use arcane_contract::definition::{Backend, Definition, Layout, TemplateRef};
use serde_json::{Value, json};

fn parse(spec: &Value) -> Definition {
    Definition::parse(spec, "sales").unwrap()
}

fn error(spec: &Value) -> String {
    Definition::parse(spec, "sales").unwrap_err().to_string()
}

fn at(namespace: &str, name: &str) -> TemplateRef {
    TemplateRef {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

fn v0() -> Value {
    json!({
        "suspended": true,
        "jobTemplateRef": { "name": "stream", "namespace": "platform" },
        "backfillJobTemplateRef": { "name": "backfill" },
    })
}

fn v1(backend: Value) -> Value {
    json!({ "execution": {
        "layoutVersion": "v1",
        "suspended": true,
        "streamingBackend": backend,
        "backfillJobTemplateRef": { "name": "backfill", "namespace": "" },
    }})
}

fn v2(backend: Value) -> Value {
    json!({ "execution": { "layoutVersion": "v2", "streamingBackend": backend } })
}

fn batch() -> Value {
    json!({ "schedule": "0 4 * * *", "jobTemplateRef": { "name": "nightly" } })
}

fn change_capture() -> Value {
    json!({
        "jobTemplateRef": { "name": "stream" },
        "backfillJobTemplateRef": { "name": "backfill", "namespace": "platform" },
    })
}

#[test]
fn the_first_layout_has_everything_directly_in_the_spec() {
    let expected = Definition {
        layout: Layout::V0,
        suspended: true,
        backend: Some(Backend::ChangeCapture {
            template: at("platform", "stream"),
        }),
        backfill: Some(at("sales", "backfill")),
    };
    assert_eq!(parse(&v0()), expected);
    for execution in [
        json!({}),
        json!({ "layoutVersion": "" }),
        json!({ "layoutVersion": null }),
        Value::Null,
    ] {
        let mut spec = v0();
        spec["execution"] = execution;
        assert_eq!(parse(&spec), expected);
    }
}

#[test]
fn v1_streams_or_runs_on_a_schedule_and_has_one_backfill_template() {
    let streaming = parse(&v1(
        json!({ "changeCapture": { "jobTemplateRef": { "name": "stream" } } }),
    ));
    assert_eq!(streaming.layout, Layout::V1);
    assert!(streaming.suspended);
    assert_eq!(
        streaming.backend,
        Some(Backend::ChangeCapture {
            template: at("sales", "stream")
        })
    );
    assert_eq!(streaming.backfill, Some(at("sales", "backfill")));

    let scheduled = parse(&v1(json!({ "batch": batch() })));
    assert_eq!(
        scheduled.backend,
        Some(Backend::Batch {
            schedule: "0 4 * * *".to_owned(),
            time_zone: None,
            template: at("sales", "nightly"),
        })
    );
    assert_eq!(scheduled.backfill, Some(at("sales", "backfill")));
}

#[test]
fn v2_has_the_backfill_template_inside_change_capture() {
    let definition = parse(&v2(json!({ "changeCapture": change_capture() })));
    assert_eq!(definition.layout, Layout::V2);
    assert!(!definition.suspended);
    assert_eq!(definition.backfill, Some(at("platform", "backfill")));
}

#[test]
fn a_v2_batch_stream_backfills_with_its_own_template() {
    let definition = parse(&v2(json!({ "batch": batch() })));
    assert_eq!(definition.backfill, Some(at("sales", "nightly")));
}

#[test]
fn batch_wins_over_change_capture_which_still_names_the_backfill_template() {
    let both = json!({ "batch": batch(), "changeCapture": change_capture() });
    let definition = parse(&v2(both));
    assert!(matches!(definition.backend, Some(Backend::Batch { .. })));
    assert_eq!(definition.backfill, Some(at("platform", "backfill")));
}

#[test]
fn a_definition_without_a_backend_is_no_error() {
    for backend in [Value::Null, json!({}), json!({ "batch": null })] {
        assert_eq!(parse(&v1(backend.clone())).backend, None);
        let definition = parse(&v2(backend));
        assert_eq!(definition.backend, None);
        assert_eq!(definition.backfill, None);
    }
}

#[test]
fn a_batch_stream_may_name_its_time_zone() {
    let named = |given: Value| {
        let mut backend = batch();
        backend["timeZone"] = given;
        match parse(&v2(json!({ "batch": backend }))).backend {
            Some(Backend::Batch { time_zone, .. }) => time_zone,
            other => panic!("not a batch backend: {other:?}"),
        }
    };
    assert_eq!(
        named(json!("Europe/Copenhagen")).as_deref(),
        Some("Europe/Copenhagen")
    );
    assert_eq!(named(json!("")), None);
    assert_eq!(named(Value::Null), None);
}

#[test]
fn an_unknown_layout_is_named() {
    let mut spec = v2(Value::Null);
    spec["execution"]["layoutVersion"] = json!("v3");
    let error = Definition::parse(&spec, "sales").unwrap_err();
    assert_eq!(error.reason(), "LayoutVersionUnknown");
    assert_eq!(
        error.to_string(),
        "spec.execution.layoutVersion is the string \"v3\": set it to \"v1\" or \"v2\", or remove it to use the first layout"
    );
}

#[test]
fn an_error_names_the_field_what_was_found_and_what_belongs_there() {
    let mut spec = v0();
    spec["suspended"] = json!("yes");
    let error = Definition::parse(&spec, "sales").unwrap_err();
    assert_eq!(error.reason(), "DefinitionInvalid");
    assert_eq!(
        error.to_string(),
        "spec.suspended is the string \"yes\": set it to true or false"
    );
}

#[test]
fn every_required_field_is_missed() {
    let starts = |spec: Value, start: &str| {
        let error = error(&spec);
        assert!(error.starts_with(start), "{error}");
    };
    let without = |mut spec: Value, pointer: &str, key: &str| {
        spec.pointer_mut(pointer)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(key);
        spec
    };

    starts(Value::Null, "spec is missing:");
    starts(json!([1]), "spec is a list:");
    for key in ["suspended", "jobTemplateRef", "backfillJobTemplateRef"] {
        starts(without(v0(), "", key), &format!("spec.{key} is missing:"));
    }
    starts(
        without(v1(Value::Null), "/execution", "backfillJobTemplateRef"),
        "spec.execution.backfillJobTemplateRef is missing:",
    );
    let capture = v2(json!({ "changeCapture": change_capture() }));
    let path = "/execution/streamingBackend/changeCapture";
    for key in ["jobTemplateRef", "backfillJobTemplateRef"] {
        starts(
            without(capture.clone(), path, key),
            &format!("spec.execution.streamingBackend.changeCapture.{key} is missing:"),
        );
    }
    let scheduled = v2(json!({ "batch": batch() }));
    let path = "/execution/streamingBackend/batch";
    for key in ["schedule", "jobTemplateRef"] {
        starts(
            without(scheduled.clone(), path, key),
            &format!("spec.execution.streamingBackend.batch.{key} is missing:"),
        );
    }
}

#[test]
fn an_empty_name_is_as_good_as_none() {
    let mut spec = v0();
    spec["jobTemplateRef"]["name"] = json!("");
    assert!(error(&spec).starts_with("spec.jobTemplateRef.name is an empty string:"));
    spec["jobTemplateRef"]["name"] = json!(7);
    assert!(error(&spec).starts_with("spec.jobTemplateRef.name is the number 7:"));
}

#[test]
fn a_long_value_is_quoted_in_part() {
    let mut spec = v0();
    spec["suspended"] = json!("é".repeat(1_000));
    assert!(error(&spec).len() < 250);
}
