//! The plugin of a class: where its component lies, how it is called, and what it may do.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Key of a ConfigMap under which a component lies when no other is named.
pub const DEFAULT_PLUGIN_KEY: &str = "plugin.wasm";

/// Types of volumes that [`PluginGrants::volumes`] can name: all that have neither a grant of their
/// own nor consist of what has one.
pub const VOLUME_TYPES: [&str; 26] = [
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "image",
    "iscsi",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

/// A Wasm plugin that shapes the class's Jobs and decides on its backfills.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginSpec {
    /// The ConfigMap that holds the plugin's component.
    pub config_map_ref: ConfigMapRef,
    /// SHA-256 of the component, decompressed, in lower-case hex. A component with another digest
    /// is not taken into service. Without this any component is; the class's status shows which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: Option<String>,
    /// Fail: while the plugin gives no valid answer, what runs goes on, and nothing new is started.
    /// UseTemplate: Jobs are then made from the template as if there were no plugin.
    #[serde(default)]
    pub failure_policy: FailurePolicy,
    /// Longest time that one call of the plugin may take, in milliseconds: 1 to 10000. Defaults to
    /// 1000.
    #[serde(default = "default_timeout")]
    #[schemars(range(min = 1, max = 10_000))]
    pub timeout_milliseconds: u32,
    /// Most memory that one call of the plugin may use: 1Mi to 1Gi. Defaults to 64Mi.
    #[serde(default = "default_memory_limit")]
    #[schemars(schema_with = "quantity")]
    #[x_kube(validation = Rule::new(
        "quantity(string(self)).compareTo(quantity('1Mi')) >= 0 && quantity(string(self)).compareTo(quantity('1Gi')) <= 0"
    ).message("must be from 1Mi to 1Gi"))]
    pub memory_limit: Quantity,
    /// Anything that the plugin should know; given to it as it is.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "anything")]
    pub config: Map<String, Value>,
    /// What the plugin may do to Jobs beyond what every plugin may. In force is what is granted
    /// here and asked for by the plugin itself. In lists of names, `*` stands for any run of
    /// characters other than `/`, and `**` for any run of characters.
    #[serde(default, skip_serializing_if = "PluginGrants::is_empty")]
    pub grants: PluginGrants,
}

/// What becomes of a stream while its plugin gives no valid answer.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum FailurePolicy {
    /// What runs goes on, and nothing new is started.
    #[default]
    Fail,
    /// Jobs are made from the template as if there were no plugin.
    UseTemplate,
}

/// Where a component lies: in one key of a ConfigMap, or in several, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapRef {
    /// Name of the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the ConfigMap, and of those in parts. Defaults to the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Key in binaryData, or in data as Base64, that holds the component: as it is, or compressed
    /// with gzip or zstd. Defaults to plugin.wasm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[-._a-zA-Z0-9]{1,253}$"))]
    pub key: Option<String>,
    /// Where the component goes on, in this order, when it is too large for one ConfigMap. What is
    /// compressed is the component as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100))]
    pub parts: Vec<ConfigMapPart>,
}

/// A part of a component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapPart {
    /// Name of the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key of the part in binaryData, or in data as Base64. Defaults to plugin.wasm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[-._a-zA-Z0-9]{1,253}$"))]
    pub key: Option<String>,
}

/// What a plugin may do to Jobs beyond what every plugin may.
///
/// Every plugin may change labels and annotations but for those of the platform and of Kubernetes,
/// literal variables but for those of the platform, arguments, deadlines and retries, lower
/// resources, and make a securityContext stricter. Mind what else in the cluster acts on labels
/// and annotations of pods.
///
/// Nothing is granted that is not named. In lists of names, `*` stands for any run of characters
/// other than `/`, and `**` for any run of characters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginGrants {
    /// Images that containers may run besides those of the template, such as
    /// `registry.example.com/streams/*`: compared with the image as it is written, with registry,
    /// tag and digest. Needed as well for another imagePullPolicy than Always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 512)))]
    pub images: Vec<String>,
    /// ServiceAccounts that pods may run as besides the template's. `default` stands for the one
    /// that a pod has when it names none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 253)))]
    pub service_accounts: Vec<String>,
    /// Whether pods may be given a token of their ServiceAccount, a certificate, or the trust
    /// bundles of the cluster, where the template gives none.
    #[serde(default, skip_serializing_if = "is_false")]
    pub service_account_token: bool,
    /// Secrets that pods may read besides what the template and the definition name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 253)))]
    pub secrets: Vec<String>,
    /// ConfigMaps that pods may read besides what the template names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 253)))]
    pub config_maps: Vec<String>,
    /// Secrets with the credentials of registries that pods may use besides the template's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 253)))]
    pub image_pull_secrets: Vec<String>,
    /// PersistentVolumeClaims that pods may use besides the template's, and in another way than
    /// the template does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 253)))]
    pub persistent_volume_claims: Vec<String>,
    /// Types of volumes that pods may have besides the template's volumes, such as emptyDir, with
    /// whatever a volume of that type can be told. Volumes of Secrets, ConfigMaps and
    /// PersistentVolumeClaims have their own grants; a projected volume needs those of its sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "volume_types")]
    pub volumes: Vec<String>,
    /// Whether pods may share the network, processes, users or interprocess communication of their
    /// node, have ports on it, or have the kubelet call other hosts.
    #[serde(default, skip_serializing_if = "is_false")]
    pub host_namespaces: bool,
    /// Whether securityContext may be changed in other ways than to be stricter, and containers
    /// share their processes; without privileged, capabilities and sysctls.
    #[serde(default, skip_serializing_if = "is_false")]
    pub security_context: bool,
    /// Whether containers may be privileged, see /proc unmasked, and propagate mounts.
    #[serde(default, skip_serializing_if = "is_false")]
    pub privileged: bool,
    /// Capabilities that containers may add, or drop no more, such as NET_BIND_SERVICE.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 63)))]
    pub capabilities: Vec<String>,
    /// Sysctls that pods may set, such as `net.ipv4.*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 253)))]
    pub sysctls: Vec<String>,
    /// RuntimeClasses that pods may name besides the template's. Only `*` stands for none as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 253)))]
    pub runtime_classes: Vec<String>,
    /// PriorityClasses that pods may name besides the template's. Only `*` stands for none as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 253)))]
    pub priority_classes: Vec<String>,
    /// Whether the nodes that pods may run on may be changed: nodeSelector, affinity, tolerations,
    /// topologySpreadConstraints, nodeName, schedulerName.
    #[serde(default, skip_serializing_if = "is_false")]
    pub placement: bool,
    /// Whether containers and init containers may be added, and init containers be changed in
    /// order and kind, or removed. What is added needs the grants of all that it has, has to have
    /// limits where the template's containers have them, and a securityContext as strict.
    #[serde(default, skip_serializing_if = "is_false")]
    pub containers: bool,
    /// Whether containers may run other commands than the template or their image says: command,
    /// workingDir, probes and lifecycle hooks with commands. Arguments need no grant; an image
    /// without an entrypoint takes them for its command.
    #[serde(default, skip_serializing_if = "is_false")]
    pub commands: bool,
    /// Whether names may be resolved in another way: dnsPolicy, dnsConfig, hostAliases, and the
    /// names of the pod itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dns: bool,
    /// How much of each resource a container may request, and have as its limit, where that is more
    /// than it has by the template: `{memory: 16Gi, cpu: "8"}`. Less than in the template needs no
    /// grant.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "ceilings")]
    pub resources: BTreeMap<String, Quantity>,
    /// ResourceClaims and ResourceClaimTemplates, thus devices, that pods may use besides the
    /// template's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 253)))]
    pub resource_claims: Vec<String>,
}

impl PluginSpec {
    /// A plugin from the ConfigMap `name` in the operator's namespace, everything else as it is by
    /// default.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            config_map_ref: ConfigMapRef {
                name: name.to_owned(),
                ..ConfigMapRef::default()
            },
            sha256: None,
            failure_policy: FailurePolicy::default(),
            timeout_milliseconds: default_timeout(),
            memory_limit: default_memory_limit(),
            config: Map::new(),
            grants: PluginGrants::default(),
        }
    }

    /// Longest time that one call of the plugin may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_milliseconds.into())
    }
}

impl ConfigMapRef {
    /// Name of the ConfigMap and key in it, of each part of the component in order; at least one.
    pub fn pieces(&self) -> impl Iterator<Item = (&str, &str)> {
        let first = (self.name.as_str(), key_or_default(self.key.as_deref()));
        let rest = self
            .parts
            .iter()
            .map(|part| (part.name.as_str(), key_or_default(part.key.as_deref())));
        std::iter::once(first).chain(rest)
    }
}

impl PluginGrants {
    /// Whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn key_or_default(key: Option<&str>) -> &str {
    key.filter(|key| !key.is_empty())
        .unwrap_or(DEFAULT_PLUGIN_KEY)
}

fn default_timeout() -> u32 {
    1_000
}

fn default_memory_limit() -> Quantity {
    Quantity("64Mi".to_owned())
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What a quantity looks like, as CRDs of Go's types spell it.
const QUANTITY: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

fn quantity(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "pattern": QUANTITY,
        "maxLength": 32,
    })
}

fn ceilings(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": quantity(generator),
    })
}

fn volume_types(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": VOLUME_TYPES.len(),
        "items": {"type": "string", "enum": VOLUME_TYPES},
    })
}

fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

#[cfg(test)]
mod tests {
    use kube::core::cel::Validator;
    use serde_json::json;

    use super::super::crds;
    use super::*;

    fn schema() -> Value {
        let [class, ..] = crds();
        json!(class)["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
    }

    fn plugin_schema() -> Value {
        schema()["properties"]["spec"]["properties"]["plugin"].clone()
    }

    fn refusal(plugin: &Value) -> Option<String> {
        Validator::new()
            .validate(&schema(), &json!({"spec": {"plugin": plugin}}), None)
            .err()
            .map(|errors| errors.to_string())
    }

    #[test]
    fn a_plugin_needs_no_more_than_the_name_of_its_config_map() {
        let plugin: PluginSpec =
            serde_json::from_value(json!({"configMapRef": {"name": "right-size"}})).unwrap();
        assert_eq!(plugin, PluginSpec::new("right-size"));
        assert_eq!(plugin.timeout(), Duration::from_secs(1));
        assert_eq!(plugin.memory_limit.0, "64Mi");
        assert_eq!(plugin.failure_policy, FailurePolicy::Fail);
        assert!(plugin.grants.is_empty());
        assert_eq!(plugin_schema()["required"], json!(["configMapRef"]));
    }

    #[test]
    fn what_is_not_said_is_not_written() {
        assert_eq!(
            json!(PluginSpec::new("p")),
            json!({
                "configMapRef": {"name": "p"},
                "failurePolicy": "Fail",
                "timeoutMilliseconds": 1000,
                "memoryLimit": "64Mi",
            })
        );
    }

    #[test]
    fn the_parts_of_a_component_follow_its_first_config_map() {
        let reference: ConfigMapRef = serde_json::from_value(json!({
            "name": "big-0", "parts": [{"name": "big-1"}, {"name": "big-2", "key": "rest"}],
        }))
        .unwrap();
        let pieces: Vec<_> = reference.pieces().collect();
        assert_eq!(
            pieces,
            [
                ("big-0", "plugin.wasm"),
                ("big-1", "plugin.wasm"),
                ("big-2", "rest")
            ]
        );
    }

    #[test]
    fn a_memory_limit_out_of_bounds_is_refused() {
        for good in [json!("1Mi"), json!("64M"), json!("1Gi"), json!(67_108_864)] {
            let plugin = json!({"configMapRef": {"name": "p"}, "memoryLimit": good});
            assert_eq!(refusal(&plugin), None, "{good}");
        }
        for bad in [json!("1023Ki"), json!("1025Mi"), json!(0), json!("-64Mi")] {
            let plugin = json!({"configMapRef": {"name": "p"}, "memoryLimit": bad});
            let found = refusal(&plugin).unwrap_or_default();
            assert!(found.contains("from 1Mi to 1Gi"), "{bad}: {found:?}");
        }
    }

    #[test]
    fn every_text_and_list_is_bounded() {
        fn walk(path: &str, schema: &Value) {
            let bounded = |keyword: &str| schema[keyword].is_u64();
            match schema["type"].as_str() {
                Some("string") => assert!(
                    bounded("maxLength")
                        || schema["enum"].is_array()
                        || schema["pattern"].is_string(),
                    "{path}"
                ),
                Some("array") => assert!(bounded("maxItems"), "{path}"),
                Some("object") if schema["additionalProperties"].is_object() => {
                    assert!(bounded("maxProperties"), "{path}");
                }
                _ => {}
            }
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                assert!(property["description"].is_string(), "{path}.{name}");
                walk(&format!("{path}.{name}"), property);
            }
            for nested in ["items", "additionalProperties"] {
                if schema[nested].is_object() {
                    walk(&format!("{path}.{nested}"), &schema[nested]);
                }
            }
        }
        walk("plugin", &plugin_schema());
    }

    #[test]
    fn limits_stand_in_the_schema() {
        let schema = plugin_schema();
        let field = |name: &str| schema["properties"][name].clone();
        assert_eq!(field("timeoutMilliseconds")["minimum"], json!(1.0));
        assert_eq!(field("timeoutMilliseconds")["maximum"], json!(10_000.0));
        assert_eq!(field("timeoutMilliseconds")["default"], json!(1000));
        assert_eq!(field("sha256")["pattern"], "^[0-9a-f]{64}$");
        assert_eq!(field("config")["type"], "object");
        assert_eq!(
            field("config")["x-kubernetes-preserve-unknown-fields"],
            true
        );
        assert_eq!(field("configMapRef")["properties"]["parts"]["minItems"], 1);
        assert_eq!(
            field("grants")["properties"]["volumes"]["items"]["enum"],
            json!(VOLUME_TYPES)
        );
    }

    #[test]
    fn a_config_that_is_no_object_cannot_be_read() {
        let plugin = json!({"configMapRef": {"name": "p"}, "config": [1]});
        assert!(serde_json::from_value::<PluginSpec>(plugin).is_err());
    }
}
