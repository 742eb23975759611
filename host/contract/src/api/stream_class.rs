//! `StreamClass`: which kind of stream the operator serves.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Phase, PluginSpec, RestartPolicy, status::conditions};
use crate::names;

/// Which kind of stream definitions to serve, and how.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "streaming.sneaksanddata.com",
    version = "v1",
    kind = "StreamClass",
    plural = "streamclasses",
    shortname = "sc",
    category = "arcane",
    status = "StreamClassStatus",
    derive = "PartialEq",
    doc = "Names a kind of stream definitions that the operator serves: one Job for each stream.",
    printcolumn = r#"{"name": "ApiGroupRef", "type": "string", "jsonPath": ".spec.apiGroupRef"}"#,
    printcolumn = r#"{"name": "ApiVersion", "type": "string", "jsonPath": ".spec.apiVersion"}"#,
    printcolumn = r#"{"name": "KindRef", "type": "string", "jsonPath": ".spec.kindRef"}"#,
    printcolumn = r#"{"name": "PluralName", "type": "string", "jsonPath": ".spec.pluralName"}"#,
    printcolumn = r#"{"name": "Phase", "type": "string", "jsonPath": ".status.phase"}"#
)]
pub struct StreamClassSpec {
    /// API group of the stream definitions. Defaults to streaming.sneaksanddata.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = names::GROUP))]
    pub api_group_ref: Option<String>,
    /// API version of the stream definitions, such as v1.
    pub api_version: String,
    /// Kind of the stream definitions, such as ParquetStream.
    pub kind_ref: String,
    /// Plural name of the kind, as in its CRD, such as parquet-streams.
    pub plural_name: String,
    /// Fields of a stream definition's spec that refer to a Secret by name. Every container of the
    /// stream's Jobs gets the Secret's keys as environment variables, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_refs: Vec<String>,
    /// What happens to running Jobs when the template that they came from has changed. Defaults to
    /// type OnNextRun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<RestartPolicy>,
    /// A Wasm plugin that shapes the class's Jobs and decides on its backfills. Without one, Jobs
    /// are what their templates say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginSpec>,
}

impl StreamClassSpec {
    /// API group of the stream definitions.
    pub fn api_group(&self) -> &str {
        self.api_group_ref
            .as_deref()
            .filter(|group| !group.is_empty())
            .unwrap_or(names::GROUP)
    }

    /// How many of `running` streams may be restarting at one time because their template has
    /// changed. See [`RestartPolicy::at_once`].
    pub fn restarts_at_once(&self, running: usize) -> usize {
        self.restart_policy
            .as_ref()
            .map_or(0, |policy| policy.at_once(running))
    }
}

/// What the operator says of the class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamClassStatus {
    /// Whether the class is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What is known about the class, one entry for each aspect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
    /// The generation of the class that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The plugin in service; none while none has been taken into service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginStatus>,
}

/// The plugin that is in service for a class. Condition `PluginReady` tells how it fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginStatus {
    /// SHA-256 of the component, decompressed: what `spec.plugin.sha256` would pin.
    pub digest: String,
    /// Name by its own description.
    pub name: String,
    /// Version by its own description.
    pub version: String,
    /// When it is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<String>,
    /// Grants in force: those that the class gives and the plugin asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// Grants that the plugin asks for and the class does not give.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_grants: Vec<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_platforms_group_is_meant_when_none_is_named() {
        let mut spec = StreamClassSpec::default();
        assert_eq!(spec.api_group(), "streaming.sneaksanddata.com");
        spec.api_group_ref = Some(String::new());
        assert_eq!(spec.api_group(), "streaming.sneaksanddata.com");
        spec.api_group_ref = Some("streams.example.com".into());
        assert_eq!(spec.api_group(), "streams.example.com");
    }

    #[test]
    fn a_class_without_a_restart_policy_restarts_nothing() {
        assert_eq!(StreamClassSpec::default().restarts_at_once(10), 0);
    }

    #[test]
    fn absent_options_are_not_written_as_null() {
        let mut class = StreamClass::new("c", StreamClassSpec::default());
        class.status = Some(StreamClassStatus::default());
        let written = serde_json::to_value(&class).unwrap();
        assert_eq!(
            written["spec"],
            json!({"apiVersion": "", "kindRef": "", "pluralName": ""})
        );
        assert_eq!(written["status"], json!({}));
    }

    #[test]
    fn a_class_as_published_charts_write_it_can_be_read() {
        let class: StreamClass = serde_json::from_value(json!({
            "apiVersion": "streaming.sneaksanddata.com/v1",
            "kind": "StreamClass",
            "metadata": {"name": "parquet"},
            "spec": {
                "apiGroupRef": "streaming.sneaksanddata.com",
                "apiVersion": "v1",
                "kindRef": "ParquetStream",
                "pluralName": "parquet-streams",
                "secretRefs": ["sourceSecretRef"],
            },
            "status": {"phase": "Ready"},
        }))
        .unwrap();
        assert_eq!(class.spec.secret_refs, ["sourceSecretRef"]);
        assert_eq!(class.status.unwrap().phase, Some(Phase::Ready));
    }
}
