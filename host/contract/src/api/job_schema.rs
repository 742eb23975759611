//! The schema of a StreamingJobTemplate's spec: a Job's, made to fit a CRD.

use k8s_openapi::api::batch::v1::JobSpec;
use schemars::{Schema, generate::SchemaSettings, json_schema};
use serde_json::{Value, json};

/// Properties whose schema requires what the published CRDs, made from Go's types, leave open.
/// Most are references: in Go a name that is absent is an empty one.
const OPEN_IN_GO: [(&str, &[&str]); 11] = [
    ("configMap", &["name"]),
    ("configMapKeyRef", &["name"]),
    ("configMapRef", &["name"]),
    ("imagePullSecrets", &["name"]),
    ("nodePublishSecretRef", &["name"]),
    ("secret", &["name"]),
    ("secretKeyRef", &["name"]),
    ("secretRef", &["name"]),
    ("exitCodes", &["operator"]),
    ("podCertificate", &["keyType", "signerName"]),
    ("restartPolicyRules", &["action"]),
];

/// Schema of a StreamingJobTemplate's spec.
pub(super) fn template_spec() -> Schema {
    let mut job = SchemaSettings::openapi3()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<JobSpec>()
        .to_value();
    fit(&mut job);
    allow_former_fields(&mut job);
    describe(&mut job, "The Job's spec.");
    json_schema!({
        "description": "A whole Job. Its name and namespace are those of the stream.",
        "type": "object",
        "properties": {
            "apiVersion": {"description": "Not needed; batch/v1 is meant.", "type": "string"},
            "kind": {"description": "Not needed; Job is meant.", "type": "string"},
            "metadata": open("Labels and annotations for the Job."),
            "spec": job,
            "status": open("Not used."),
            "template": open("Older form of a template: the Job's spec is at spec.template.spec. \
                Read when spec.spec is absent; fields that a Job does not have are left out."),
        },
    })
}

/// An object of which every field is kept, whatever it is.
fn open(description: &str) -> Value {
    let mut schema = open_object();
    describe(&mut schema, description);
    schema
}

fn open_object() -> Value {
    json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

fn describe(schema: &mut Value, description: &str) {
    schema["description"] = json!(description);
}

/// Drops the descriptions, which would make up nearly all of the CRD, and opens every `metadata`:
/// a schema that spells out labels would refuse objects that the published CRDs take.
fn fit(schema: &mut Value) {
    let Value::Object(keywords) = schema else {
        return;
    };
    for documentation in ["$schema", "title", "description"] {
        keywords.remove(documentation);
    }
    for (keyword, value) in keywords.iter_mut() {
        match keyword.as_str() {
            "properties" => fit_properties(value),
            "items" | "additionalProperties" => fit(value),
            _ => {}
        }
    }
}

fn fit_properties(properties: &mut Value) {
    let Value::Object(properties) = properties else {
        return;
    };
    for (name, property) in properties.iter_mut() {
        match name.as_str() {
            "metadata" => *property = open_object(),
            _ => {
                fit(property);
                relax(name, property);
            }
        }
    }
}

/// Requires no more of the property than [`OPEN_IN_GO`] allows.
fn relax(name: &str, property: &mut Value) {
    let Some((_, open)) = OPEN_IN_GO.iter().find(|(property, _)| *property == name) else {
        return;
    };
    let schema = match property.get("items") {
        Some(_) => &mut property["items"],
        None => property,
    };
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|field| !open.iter().any(|open| field == open));
    }
}

/// Kubernetes 1.35 had `workloadRef` in a pod's spec, 1.36 has it no more. Templates written
/// against CRDs of that time may carry it.
fn allow_former_fields(job_spec: &mut Value) {
    let pod_spec = job_spec
        .pointer_mut("/properties/template/properties/spec/properties")
        .and_then(Value::as_object_mut);
    if let Some(pod_spec) = pod_spec {
        pod_spec.entry("workloadRef").or_insert_with(open_object);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Value {
        let schema = template_spec();
        let pointer: String = path
            .split('.')
            .map(|step| match step {
                "[]" => "/items".to_owned(),
                "{}" => "/additionalProperties".to_owned(),
                name => format!("/properties/{name}"),
            })
            .collect();
        schema.pointer(&pointer).cloned().unwrap_or_default()
    }

    #[test]
    fn a_jobs_fields_are_all_there_down_to_the_container() {
        assert_eq!(at("spec.ttlSecondsAfterFinished")["type"], "integer");
        assert_eq!(
            at("spec.podFailurePolicy.rules.[].onExitCodes.values.[]")["type"],
            "integer"
        );
        assert_eq!(
            at("spec.template.spec.containers.[].env.[].valueFrom.secretKeyRef.key")["type"],
            "string"
        );
        assert_eq!(
            at("spec.template.spec.initContainers.[].restartPolicy")["type"],
            "string"
        );
    }

    #[test]
    fn quantities_and_ports_may_be_numbers() {
        for path in [
            "spec.template.spec.containers.[].resources.limits.{}",
            "spec.template.spec.volumes.[].emptyDir.sizeLimit",
            "spec.template.spec.containers.[].livenessProbe.httpGet.port",
        ] {
            let schema = at(path);
            assert_eq!(schema["x-kubernetes-int-or-string"], true, "{path}");
            assert_eq!(schema["type"], Value::Null, "{path}");
        }
    }

    #[test]
    fn metadata_is_kept_wherever_a_template_has_it() {
        for path in [
            "metadata",
            "spec.template.metadata",
            "spec.template.spec.volumes.[].ephemeral.volumeClaimTemplate.metadata",
        ] {
            let schema = at(path);
            assert_eq!(
                schema["x-kubernetes-preserve-unknown-fields"], true,
                "{path}"
            );
            assert_eq!(schema["properties"], Value::Null, "{path}");
        }
    }

    #[test]
    fn no_more_is_required_than_gos_types_require() {
        for (path, required) in [
            ("spec", json!(["template"])),
            ("spec.template.spec", json!(["containers"])),
            ("spec.template.spec.containers.[]", json!(["name"])),
            ("spec.template.spec.containers.[].env.[]", json!(["name"])),
            (
                "spec.template.spec.containers.[].env.[].valueFrom.secretKeyRef",
                json!(["key"]),
            ),
            (
                "spec.template.spec.containers.[].envFrom.[].configMapRef",
                json!([]),
            ),
            (
                "spec.template.spec.containers.[].restartPolicyRules.[]",
                json!([]),
            ),
            ("spec.template.spec.imagePullSecrets.[]", json!([])),
            ("spec.template.spec.volumes.[].csi", json!(["driver"])),
            (
                "spec.template.spec.volumes.[].csi.nodePublishSecretRef",
                json!([]),
            ),
        ] {
            assert_eq!(at(path)["required"], required, "{path}");
        }
    }

    #[test]
    fn the_older_form_is_open_to_fields_that_a_job_does_not_have() {
        assert_eq!(at("template")["x-kubernetes-preserve-unknown-fields"], true);
    }

    #[test]
    fn a_pod_may_name_the_workload_that_kubernetes_1_35_knew() {
        assert_eq!(
            at("spec.template.spec.workloadRef")["x-kubernetes-preserve-unknown-fields"],
            true
        );
    }

    #[test]
    fn descriptions_stop_at_the_jobs_spec() {
        assert!(at("spec")["description"].is_string());
        assert!(
            !at("spec.template")
                .to_string()
                .contains("\"description\":\"")
        );
    }
}
