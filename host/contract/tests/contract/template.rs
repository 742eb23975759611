use arcane_contract::template::JobTemplate;
use serde_json::{Value, json};

use crate::support::{published_template, spec, stream, template};

/// A template in the older form, with fields in it that belong elsewhere.
fn older_template() -> Value {
    json!({
        "template": {
            "apiVersion": "batch/v1",
            "kind": "job",
            "metadata": { "labels": { "team": "data" } },
            "spec": {
                "ttlSecondsAfterFinished": 30,
                "backoffLimit": 3,
                "selector": null,
                "template": {
                    "spec": {
                        "restartPolicy": "Never",
                        "securityContext": {
                            "runAsNonRoot": true,
                            "allowPrivilegeEscalation": false,
                            "readOnlyRootFilesystem": true,
                        },
                        "containers": [
                            { "name": "stream", "env": [], "resources": { "limits": { "cpu": 1 } } },
                            { "name": "sidecar", "images": "typo" },
                        ],
                    },
                },
            },
        },
    })
}

fn error(spec: &Value) -> String {
    let error = JobTemplate::parse("platform", "standard", spec).unwrap_err();
    assert_eq!(error.reason(), "TemplateInvalid");
    error.to_string()
}

fn rendered(template: &JobTemplate) -> Value {
    let spec = spec();
    arcane_contract::render::streaming_job(
        &stream(&spec, &[]),
        template,
        &arcane_contract::render::Settings::default(),
    )
    .unwrap()
    .manifest
}

#[test]
fn a_template_tells_its_own_ttl() {
    assert_eq!(template(&published_template()).own_ttl(), Some(1));
    let mut base = published_template();
    base["spec"]
        .as_object_mut()
        .unwrap()
        .remove("ttlSecondsAfterFinished");
    assert_eq!(template(&base).own_ttl(), None);
    assert_eq!(template(&older_template()).own_ttl(), Some(30));
}

#[test]
fn fields_that_no_job_has_are_named_and_dropped_from_the_older_form() {
    let template = template(&older_template());
    assert_eq!(
        template.unknown_fields(),
        [
            "spec.template.spec.template.spec.containers[1].images",
            "spec.template.spec.template.spec.securityContext.allowPrivilegeEscalation",
            "spec.template.spec.template.spec.securityContext.readOnlyRootFilesystem",
        ]
    );
    let job = rendered(&template);
    assert_eq!(job["kind"], "Job");
    assert_eq!(job["metadata"]["labels"]["team"], "data");
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"], json!({ "runAsNonRoot": true }));
    assert_eq!(
        pod["containers"][0]["resources"],
        json!({ "limits": { "cpu": 1 } })
    );
    assert_eq!(pod["containers"][1]["images"], Value::Null);
}

#[test]
fn an_older_template_that_fits_no_job_is_left_to_the_api_server() {
    let mut base = older_template();
    base["template"]["spec"]["backoffLimit"] = json!("three");
    let template = template(&base);
    assert_eq!(template.unknown_fields(), [] as [String; 0]);
    assert_eq!(rendered(&template)["spec"]["backoffLimit"], "three");
}

#[test]
fn a_whole_job_is_read_as_one_even_beside_an_older_one() {
    let mut base = published_template();
    base["template"] = older_template()["template"].clone();
    base["spec"]["unknown"] = json!(1);
    let template = template(&base);
    assert_eq!(template.own_ttl(), Some(1));
    assert_eq!(template.unknown_fields(), [] as [String; 0]);
}

#[test]
fn an_error_names_template_field_what_was_found_and_what_belongs_there() {
    assert_eq!(
        error(&json!({ "spec": { "template": { "spec": { "containers": [] } } } })),
        "StreamingJobTemplate platform/standard: spec.spec.template.spec.containers is an empty list: set it to a list of at least one container"
    );
}

#[test]
fn shapes_that_cannot_be_rendered_are_refused_by_path() {
    for (pointer, value, start) in [
        ("", Value::Null, "spec is missing:"),
        ("/spec", json!(1), "spec.spec is the number 1:"),
        ("/spec", Value::Null, "spec.spec is missing:"),
        (
            "/metadata",
            json!("x"),
            "spec.metadata is the string \"x\":",
        ),
        (
            "/metadata/annotations",
            json!([1]),
            "spec.metadata.annotations is a list:",
        ),
        (
            "/metadata/labels",
            json!(true),
            "spec.metadata.labels is true:",
        ),
        (
            "/spec/template",
            Value::Null,
            "spec.spec.template is missing:",
        ),
        (
            "/spec/template/metadata/labels",
            json!(1.5),
            "spec.spec.template.metadata.labels is the number 1.5:",
        ),
        (
            "/spec/template/spec/containers",
            Value::Null,
            "spec.spec.template.spec.containers is missing:",
        ),
        (
            "/spec/template/spec/containers/0",
            json!("stream"),
            "spec.spec.template.spec.containers[0] is the string \"stream\":",
        ),
        (
            "/spec/template/spec/containers/0/env",
            json!({ "A": "b" }),
            "spec.spec.template.spec.containers[0].env is an object:",
        ),
        (
            "/spec/template/spec/containers/0/env/1",
            json!("A=b"),
            "spec.spec.template.spec.containers[0].env[1] is the string \"A=b\":",
        ),
        (
            "/spec/template/spec/containers/0/envFrom",
            json!("secret"),
            "spec.spec.template.spec.containers[0].envFrom is the string \"secret\":",
        ),
        (
            "/spec/template/spec/initContainers",
            json!({}),
            "spec.spec.template.spec.initContainers is an object:",
        ),
        (
            "/spec/ttlSecondsAfterFinished",
            json!(-1),
            "spec.spec.ttlSecondsAfterFinished is the number -1:",
        ),
    ] {
        let mut base = published_template();
        *base.pointer_mut(pointer).unwrap() = value;
        let message = error(&base);
        let start = format!("StreamingJobTemplate platform/standard: {start}");
        assert!(message.starts_with(&start), "{message}");
    }
}

#[test]
fn a_path_in_the_older_form_says_where_it_is() {
    let mut base = older_template();
    base["template"]["spec"]["template"] = Value::Null;
    assert!(error(&base).contains(": spec.template.spec.template is missing:"));
}
