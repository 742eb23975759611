//! `StreamingJobTemplate`: the Job that a stream's runs are made from.

use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::job_schema;

/// A whole `batch/v1` Job, as JSON: what a newer Kubernetes adds to Jobs passes through untouched.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
#[kube(
    group = "streaming.sneaksanddata.com",
    version = "v1",
    kind = "StreamingJobTemplate",
    plural = "streamingjobtemplates",
    shortname = "sjt",
    category = "arcane",
    namespaced,
    derive = "PartialEq",
    doc = "The Job that a stream's runs are made from.",
    printcolumn = r#"{"name": "MemoryLimit", "type": "string", "jsonPath": ".spec.spec.template.spec.containers[0].resources.limits.memory"}"#,
    printcolumn = r#"{"name": "CpuLimit", "type": "string", "jsonPath": ".spec.spec.template.spec.containers[0].resources.limits.cpu"}"#,
    printcolumn = r#"{"name": "Image", "type": "string", "jsonPath": ".spec.spec.template.spec.containers[0].image"}"#
)]
pub struct StreamingJobTemplateSpec(pub Value);

impl JsonSchema for StreamingJobTemplateSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StreamingJobTemplateSpec".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        job_schema::template_spec()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_is_read_and_written_as_it_stands() {
        let object = json!({
            "apiVersion": "streaming.sneaksanddata.com/v1",
            "kind": "StreamingJobTemplate",
            "metadata": {"name": "t", "namespace": "n"},
            "spec": {
                "metadata": {"labels": {"team": "data"}},
                "spec": {"template": {"spec": {"containers": [], "fromTheFuture": 1}}},
            },
        });
        let read: StreamingJobTemplate = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), object);
    }
}
