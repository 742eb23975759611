//! A StreamDefinition as the operator keeps it: identity, canonical spec, status.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use kube::core::{DynamicResourceScope, Resource};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{bounded::Bounded, canonical, kind::DefinitionKind, packed::Packed};

/// Any kind of StreamDefinition, reduced to what the operator needs of it.
///
/// Many thousands are kept, so a definition costs little more than what the text of its spec can be
/// compressed to: `managedFields` and the copy that `kubectl apply` leaves in an annotation are
/// dropped while reading, and spec and status are compressed. Neither the spec's shape nor the
/// status's can make reading fail, so one malformed object does not spoil a watch;
/// [`Definition::parse`](crate::definition::Definition::parse) says what is wrong with it.
///
/// Its kind is the [`DefinitionKind`] that it was read by, and is not written when serialised.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamDefinition {
    /// `metadata`, without `managedFields`.
    #[serde(deserialize_with = "lean_metadata")]
    pub metadata: ObjectMeta,
    /// `spec`
    #[serde(default)]
    pub spec: PackedSpec,
    /// `status`
    #[serde(default, skip_serializing_if = "StreamStatus::is_absent")]
    pub status: StreamStatus,
}

impl Resource for StreamDefinition {
    type DynamicType = DefinitionKind;
    // Definitions are namespaced, but kube makes a namespaced Api of a kind that is known only at
    // run time from this scope alone.
    type Scope = DynamicResourceScope;

    fn kind(resource: &DefinitionKind) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &DefinitionKind) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &DefinitionKind) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn api_version(resource: &DefinitionKind) -> Cow<'_, str> {
        resource.api_version.as_str().into()
    }

    fn plural(resource: &DefinitionKind) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// The canonical JSON text of a definition's `spec`; see [`canonical`]. Cheap to clone. Empty for one
/// that is nested too deep to be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpecJson(Arc<str>);

impl SpecJson {
    /// The canonical text of `spec`.
    #[must_use]
    pub fn new(spec: &Value) -> Self {
        Self(canonical::to_string(spec).into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<SpecJson> for Arc<str> {
    fn from(spec: SpecJson) -> Self {
        spec.0
    }
}

/// The `spec` of a definition, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedSpec {
    is_too_deep: bool,
    text: Packed,
}

impl PackedSpec {
    /// The spec of this value.
    #[must_use]
    pub fn new(spec: &Value) -> Self {
        Self {
            is_too_deep: false,
            text: Packed::new(SpecJson::new(spec).as_str()),
        }
    }

    /// Its text.
    #[must_use]
    pub fn json(&self) -> SpecJson {
        SpecJson(self.text.text().into())
    }

    /// The spec. Null if the definition has none, or one that is nested too deep.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.text.text()).unwrap_or_default()
    }

    /// Whether the spec was nested deeper than is read; see [`crate::bounded`].
    #[must_use]
    pub fn is_too_deep(&self) -> bool {
        self.is_too_deep
    }
}

impl Default for PackedSpec {
    fn default() -> Self {
        Self::new(&Value::Null)
    }
}

impl Serialize for PackedSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PackedSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Bounded::deserialize(deserializer).map(|spec| match spec.is_too_deep {
            true => Self {
                is_too_deep: true,
                text: Packed::new(""),
            },
            false => Self::new(&spec.value),
        })
    }
}

/// The status of a definition, whatever shape it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamStatus {
    /// `status.phase`, if that is a text.
    pub phase: Option<String>,
    /// `status.configurationHash`, if that is a text.
    pub configuration_hash: Option<String>,
    /// Canonical text of the whole status; `None` if there is none.
    raw: Option<Packed>,
}

impl StreamStatus {
    /// The status as the API server has it. Null if there is none.
    #[must_use]
    pub fn value(&self) -> Value {
        self.raw
            .as_ref()
            .and_then(|raw| serde_json::from_str(&raw.text()).ok())
            .unwrap_or_default()
    }

    /// What can be read of `status.conditions`, in their order. Entries without a `type` are
    /// left out.
    #[must_use]
    pub fn conditions(&self) -> Vec<StreamCondition> {
        self.value()["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(StreamCondition::read)
            .collect()
    }

    fn is_absent(&self) -> bool {
        self.raw.is_none()
    }
}

impl From<&Value> for StreamStatus {
    fn from(status: &Value) -> Self {
        Self {
            phase: text(status, "phase"),
            configuration_hash: text(status, "configurationHash"),
            raw: (!status.is_null()).then(|| Packed::new(&canonical::to_string(status))),
        }
    }
}

impl Serialize for StreamStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StreamStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Bounded::deserialize(deserializer).map(|status| Self::from(&status.value))
    }
}

/// One of `status.conditions`. Many definitions' schemas keep only the first three fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamCondition {
    /// `type`
    pub kind: String,
    /// `status`: True, False or Unknown.
    pub status: String,
    /// `message`
    pub message: Option<String>,
    /// `reason`
    pub reason: Option<String>,
    /// `lastTransitionTime`, as written.
    pub last_transition_time: Option<String>,
    /// `observedGeneration`
    pub observed_generation: Option<i64>,
}

impl StreamCondition {
    fn read(condition: &Value) -> Option<Self> {
        Some(Self {
            kind: text(condition, "type")?,
            status: text(condition, "status").unwrap_or_default(),
            message: text(condition, "message"),
            reason: text(condition, "reason"),
            last_transition_time: text(condition, "lastTransitionTime"),
            observed_generation: condition["observedGeneration"].as_i64(),
        })
    }
}

fn text(object: &Value, key: &str) -> Option<String> {
    object[key].as_str().map(str::to_owned)
}

/// The annotation in which `kubectl apply` keeps a copy of the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The metadata worth keeping; what is not named here is skipped without being built.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LeanMetadata {
    annotations: Option<BTreeMap<String, String>>,
    creation_timestamp: Option<Time>,
    deletion_grace_period_seconds: Option<i64>,
    deletion_timestamp: Option<Time>,
    finalizers: Option<Vec<String>>,
    generate_name: Option<String>,
    generation: Option<i64>,
    labels: Option<BTreeMap<String, String>>,
    name: Option<String>,
    namespace: Option<String>,
    owner_references: Option<Vec<OwnerReference>>,
    resource_version: Option<String>,
    uid: Option<String>,
}

/// Reads an object's metadata without `managedFields`, which is often the larger part of it, and without
/// the copy that `kubectl apply` leaves in an annotation. For `deserialize_with`.
///
/// # Errors
/// When it is no metadata.
pub fn lean_metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let LeanMetadata {
        mut annotations,
        creation_timestamp,
        deletion_grace_period_seconds,
        deletion_timestamp,
        finalizers,
        generate_name,
        generation,
        labels,
        name,
        namespace,
        owner_references,
        resource_version,
        uid,
    } = LeanMetadata::deserialize(deserializer)?;
    if let Some(annotations) = &mut annotations {
        annotations.remove(LAST_APPLIED);
    }
    Ok(ObjectMeta {
        annotations: annotations.filter(|annotations| !annotations.is_empty()),
        creation_timestamp,
        deletion_grace_period_seconds,
        deletion_timestamp,
        finalizers,
        generate_name,
        generation,
        labels,
        managed_fields: None,
        name,
        namespace,
        owner_references,
        resource_version,
        self_link: None,
        uid,
    })
}
