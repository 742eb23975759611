//! A StreamingJobTemplate: the Job that a stream's Jobs are made from.

mod shape;
mod unknown;

use serde_json::{Map, Value};

use crate::json::{Section, Wrong};
use crate::names;

/// The Job of a StreamingJobTemplate, ready to be rendered for a stream.
///
/// The Job stays JSON: fields of newer Kubernetes versions than this crate knows go through
/// untouched.
#[derive(Clone, Debug, PartialEq)]
pub struct JobTemplate {
    namespace: String,
    name: String,
    root: &'static str,
    metadata: Map<String, Value>,
    spec: Map<String, Value>,
    own_ttl: Option<u32>,
    unknown_fields: Vec<String>,
}

/// Why a template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("StreamingJobTemplate {namespace}/{name}: {field} is {found}: set it to {expected}")]
pub struct Error {
    /// Namespace of the template.
    pub namespace: String,
    /// Name of the template.
    pub name: String,
    /// Path of the field, from the template's root.
    pub field: String,
    /// What the template has there.
    pub found: String,
    /// What belongs there.
    pub expected: &'static str,
}

impl Error {
    /// PascalCase reason, for conditions and events.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        "TemplateInvalid"
    }
}

/// Where a whole Job stands in a template.
const ROOT: &str = "spec";
/// Where the older form has it.
const OLDER_ROOT: &str = "spec.template";

/// What the API server writes; a template copied from a live Job still carries it.
const SERVER_METADATA: [&str; 9] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generateName",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// What is said of one Job; inherited from a template, it would be wrong about another.
const JOB_ANNOTATIONS: [&str; 10] = [
    names::ANNOTATION_CONFIGURATION_HASH,
    names::ANNOTATION_RENDER_HASH,
    names::ANNOTATION_BACKFILL_REQUEST,
    names::ANNOTATION_RESTART,
    names::ANNOTATION_ATTEMPT,
    names::ANNOTATION_LAST_FAILURE,
    names::ANNOTATION_DECISION,
    names::ANNOTATION_PLUGIN,
    names::ANNOTATIONS_STATE[0],
    names::ANNOTATIONS_STATE[1],
];

impl JobTemplate {
    /// Reads the `spec` of the StreamingJobTemplate `namespace`/`name`.
    ///
    /// Two forms are understood: `spec` is a whole Job (`spec.metadata`, `spec.spec`), or, where
    /// `spec.spec` is absent, the older one with the Job in `spec.template`. Metadata that
    /// belongs to one particular Job is left out.
    ///
    /// # Errors
    /// Names the first field whose shape makes the template useless. Everything else is left to
    /// the API server's own validation.
    pub fn parse(namespace: &str, name: &str, spec: &Value) -> Result<Self, Error> {
        Self::read(namespace, name, spec).map_err(|wrong| {
            let Wrong {
                field,
                found,
                expected,
            } = wrong;
            Error {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                field,
                found,
                expected,
            }
        })
    }

    fn read(namespace: &str, name: &str, spec: &Value) -> Result<Self, Wrong> {
        let whole = Section::new(ROOT, spec, "a Job")?;
        let older = match whole.value("spec") {
            None => whole.object("template", "a Job")?,
            Some(_) => None,
        };
        let root = if older.is_some() { OLDER_ROOT } else { ROOT };
        let job = shape::job(older.unwrap_or(whole))?;

        let mut metadata = job.metadata;
        let mut spec = job.spec;
        let unknown_fields = if root == OLDER_ROOT {
            unknown::remove(root, &mut metadata, &mut spec)
        } else {
            Vec::new()
        };
        metadata.retain(|key, _| !SERVER_METADATA.contains(&key.as_str()));
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.retain(|key, _| !JOB_ANNOTATIONS.contains(&key.as_str()));
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            root,
            metadata,
            spec,
            own_ttl: job.ttl,
            unknown_fields,
        })
    }

    /// Paths, from the template's root, of fields that no Job has and that were left out.
    ///
    /// Only the older form is cleaned: its charts were written against no schema at all.
    #[must_use]
    pub fn unknown_fields(&self) -> &[String] {
        &self.unknown_fields
    }

    /// The template's `ttlSecondsAfterFinished`, in seconds; `None` keeps finished Jobs for good.
    #[must_use]
    pub fn own_ttl(&self) -> Option<u32> {
        self.own_ttl
    }

    /// Namespace of the template.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Name of the template.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Path of the Job in the template.
    pub(crate) fn root(&self) -> &'static str {
        self.root
    }

    /// Metadata that Jobs inherit. `labels`, `annotations` and `ownerReferences`, where present,
    /// are objects and a list.
    pub(crate) fn metadata(&self) -> &Map<String, Value> {
        &self.metadata
    }

    /// Spec that Jobs inherit. All that rendering edits in it is known to have the right shape.
    pub(crate) fn spec(&self) -> &Map<String, Value> {
        &self.spec
    }
}
