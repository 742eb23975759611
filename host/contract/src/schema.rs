//! What a definition's CustomResourceDefinition lets a status hold.
//!
//! The API server drops fields that a schema does not name, without a word, and refuses values
//! that it does not allow. Who compares what was meant with what came back must compare with what
//! can be held, or write for ever.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::{Map, Value};

/// The schema of one version's `.status`.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusSchema {
    status: Node,
    subresource: bool,
}

/// Why a kind cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The version does not exist.
    #[error(
        "CustomResourceDefinition {crd} has no version {version}, only {found}: name one of these in the StreamClass"
    )]
    NoVersion {
        /// Name of the CustomResourceDefinition.
        crd: String,
        /// The version asked for.
        version: String,
        /// The versions that exist.
        found: String,
    },
    /// Status has no room for the stream's phase.
    #[error(
        "CustomResourceDefinition {crd}, version {version}: its schema cannot hold status.phase, without which a stream's progress is lost: add it to the schema as a string"
    )]
    NoPhase {
        /// Name of the CustomResourceDefinition.
        crd: String,
        /// The version asked for.
        version: String,
    },
}

impl Error {
    /// PascalCase reason, for conditions and events.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Error::NoVersion { .. } => "VersionNotFound",
            Error::NoPhase { .. } => "StatusUnsupported",
        }
    }
}

impl StatusSchema {
    /// Reads the schema of `.status` in `version`.
    ///
    /// # Errors
    /// The version does not exist, or a status cannot hold `phase`.
    pub fn from_crd(crd: &CustomResourceDefinition, version: &str) -> Result<Self, Error> {
        let name = || crd.metadata.name.clone().unwrap_or_default();
        let Some(found) = crd.spec.versions.iter().find(|v| v.name == version) else {
            let versions: Vec<&str> = crd.spec.versions.iter().map(|v| v.name.as_str()).collect();
            return Err(Error::NoVersion {
                crd: name(),
                version: version.to_owned(),
                found: versions.join(", "),
            });
        };
        let root = found
            .schema
            .as_ref()
            .and_then(|schema| schema.open_api_v3_schema.as_ref());
        let prunes_nothing = crd.spec.preserve_unknown_fields == Some(true);
        let status = match root.and_then(|root| root.properties.as_ref()?.get("status")) {
            Some(status) => Some(Node::of_status(status, prunes_nothing)),
            None if prunes_nothing || root.is_some_and(preserves) => Some(ANYTHING.clone()),
            None => None,
        };
        status
            .filter(|status| status.field("phase").is_some_and(Node::takes_text))
            .map(|status| Self {
                status,
                subresource: found
                    .subresources
                    .as_ref()
                    .is_some_and(|subresources| subresources.status.is_some()),
            })
            .ok_or_else(|| Error::NoPhase {
                crd: name(),
                version: version.to_owned(),
            })
    }

    /// Whether status is written through the `/status` subresource.
    #[must_use]
    pub fn has_subresource(&self) -> bool {
        self.subresource
    }

    /// What would be left of `status` on the API server.
    ///
    /// Fields that the schema does not know go, and so do values of a type or outside an enum
    /// that it refuses. A list's entry goes as a whole when it would lose a required field, and a
    /// condition when it would lose its `type` or `status`. Bounds and patterns are not looked at.
    #[must_use]
    pub fn prune(&self, status: Value) -> Value {
        match status {
            Value::Object(fields) => Value::Object(self.status.keep_fields(fields)),
            other => other,
        }
    }

    /// Whether a status can hold the field at `path`, which passes through lists to their entries:
    /// `["conditions", "reason"]`.
    #[must_use]
    pub fn holds(&self, path: &[&str]) -> bool {
        path.iter()
            .try_fold(&self.status, |node, key| node.field(key))
            .is_some()
    }
}

/// What matters here of a structural schema.
#[derive(Clone, Debug, Default, PartialEq)]
struct Node {
    kind: Option<String>,
    nullable: bool,
    allowed: Option<Vec<Value>>,
    fields: BTreeMap<String, Node>,
    other_fields: Others,
    items: Option<Box<Node>>,
    required: Vec<String>,
}

/// What becomes of fields that a schema does not name.
#[derive(Clone, Debug, Default, PartialEq)]
enum Others {
    #[default]
    Dropped,
    Kept,
    Like(Box<Node>),
}

impl Node {
    fn of_status(schema: &JSONSchemaProps, prunes_nothing: bool) -> Self {
        let mut status = Self::of(schema, prunes_nothing);
        let conditions = status.fields.get_mut("conditions");
        if let Some(items) = conditions.and_then(|conditions| conditions.items.as_mut()) {
            // A condition without these says nothing, whether or not the schema asks for them.
            for key in ["type", "status"] {
                if !items.required.iter().any(|required| required == key) {
                    items.required.push(key.to_owned());
                }
            }
        }
        status
    }

    fn of(schema: &JSONSchemaProps, prunes_nothing: bool) -> Self {
        let node = |schema: &JSONSchemaProps| Self::of(schema, prunes_nothing);
        let fields: BTreeMap<String, Node> = schema
            .properties
            .iter()
            .flatten()
            .map(|(key, schema)| (key.clone(), node(schema)))
            .collect();
        let has_default = |key: &str| {
            let field = schema.properties.as_ref().and_then(|all| all.get(key));
            field.is_some_and(|field| field.default.is_some())
        };
        Self {
            kind: schema.type_.clone(),
            nullable: schema.nullable == Some(true),
            allowed: schema
                .enum_
                .as_ref()
                .map(|values| values.iter().map(|value| value.0.clone()).collect()),
            other_fields: match &schema.additional_properties {
                _ if prunes_nothing || preserves(schema) => Others::Kept,
                Some(JSONSchemaPropsOrBool::Bool(true)) => Others::Kept,
                Some(JSONSchemaPropsOrBool::Schema(schema)) => Others::Like(Box::new(node(schema))),
                Some(JSONSchemaPropsOrBool::Bool(false)) | None => Others::Dropped,
            },
            items: match &schema.items {
                Some(JSONSchemaPropsOrArray::Schema(schema)) => Some(Box::new(node(schema))),
                Some(JSONSchemaPropsOrArray::Schemas(_)) | None => None,
            },
            required: schema
                .required
                .iter()
                .flatten()
                .filter(|key| !has_default(key))
                .cloned()
                .collect(),
            fields,
        }
    }

    /// The schema of the field `key`, of an entry's field if this is a list.
    fn field(&self, key: &str) -> Option<&Node> {
        if let Some(items) = &self.items {
            return items.field(key);
        }
        match (self.fields.get(key), &self.other_fields) {
            (Some(node), _) => Some(node),
            (None, Others::Like(node)) => Some(node),
            // What is below a field that is kept unseen is kept as well.
            (None, Others::Kept) => Some(&ANYTHING),
            (None, Others::Dropped) => None,
        }
    }

    fn takes_text(&self) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind == "string")
    }

    /// What is left of `value`; `None` if it is refused.
    fn keep(&self, value: Value) -> Option<Value> {
        if value.is_null() && self.nullable {
            return Some(value);
        }
        if !self.has_kind(&value) || self.refuses(&value) {
            return None;
        }
        match value {
            Value::Object(fields) => {
                let fields = self.keep_fields(fields);
                self.required
                    .iter()
                    .all(|key| fields.contains_key(key))
                    .then_some(Value::Object(fields))
            }
            Value::Array(items) => Some(match &self.items {
                Some(node) => items
                    .into_iter()
                    .filter_map(|item| node.keep(item))
                    .collect(),
                None => Value::Array(items),
            }),
            scalar => Some(scalar),
        }
    }

    fn keep_fields(&self, fields: Map<String, Value>) -> Map<String, Value> {
        fields
            .into_iter()
            .filter_map(|(key, value)| {
                let value = match (self.fields.get(&key), &self.other_fields) {
                    (Some(node), _) => node.keep(value),
                    (None, Others::Like(node)) => node.keep(value),
                    (None, Others::Kept) => Some(value),
                    (None, Others::Dropped) => None,
                };
                value.map(|value| (key, value))
            })
            .collect()
    }

    fn refuses(&self, value: &Value) -> bool {
        self.allowed
            .as_ref()
            .is_some_and(|allowed| !allowed.contains(value))
    }

    fn has_kind(&self, value: &Value) -> bool {
        match self.kind.as_deref() {
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => true,
        }
    }
}

/// The schema of what lies below a field that is kept unseen.
static ANYTHING: Node = Node {
    kind: None,
    nullable: true,
    allowed: None,
    fields: BTreeMap::new(),
    other_fields: Others::Kept,
    items: None,
    required: Vec::new(),
};

/// Whether fields that the schema does not name are kept.
fn preserves(schema: &JSONSchemaProps) -> bool {
    schema.x_kubernetes_preserve_unknown_fields == Some(true)
}
