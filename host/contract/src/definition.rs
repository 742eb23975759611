//! What a StreamDefinition asks for, whichever of the three layouts it is written in.

use serde_json::Value;

use crate::json::{Section, Wrong, describe};

/// What a StreamDefinition asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The layout that the definition is written in.
    pub layout: Layout,
    /// The stream should not run.
    pub suspended: bool,
    /// How the stream runs; `None` if the definition names no backend.
    pub backend: Option<Backend>,
    /// Template of backfill Jobs. `None` only where no backend of the layout names one.
    pub backfill: Option<TemplateRef>,
}

/// Layout of a definition, chosen by `spec.execution.layoutVersion`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// No `layoutVersion`: everything directly in `spec`.
    V0,
    /// `"v1"`: one backfill template beside the backends.
    V1,
    /// `"v2"`: the backfill template inside `changeCapture`.
    V2,
}

/// How a stream runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// One Job that streams until told otherwise.
    ChangeCapture {
        /// Template of the streaming Job.
        template: TemplateRef,
    },
    /// A CronJob, each run of which is a backfill.
    Batch {
        /// Schedule in cron format, as the CronJob takes it.
        schedule: String,
        /// IANA time zone of the schedule; `None` leaves it to the control plane.
        time_zone: Option<String>,
        /// Template of the runs.
        template: TemplateRef,
    },
}

impl Backend {
    /// The template that the backend's Jobs are made from.
    #[must_use]
    pub fn template(&self) -> &TemplateRef {
        match self {
            Backend::ChangeCapture { template } | Backend::Batch { template, .. } => template,
        }
    }
}

/// A StreamingJobTemplate, its namespace resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TemplateRef {
    /// The reference's own namespace, else the stream's.
    pub namespace: String,
    /// Name of the template.
    pub name: String,
}

/// Why a definition cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `layoutVersion` names a layout that does not exist.
    #[error(
        "spec.execution.layoutVersion is {found}: set it to \"v1\" or \"v2\", or remove it to use the first layout"
    )]
    Layout {
        /// What the definition has there.
        found: String,
    },
    /// A field is missing, or is not what it should be.
    #[error("{field} is {found}: set it to {expected}")]
    Field {
        /// Path of the field, from the object's root.
        field: String,
        /// What the definition has there.
        found: String,
        /// What belongs there.
        expected: &'static str,
    },
}

impl Error {
    /// PascalCase reason, for conditions and events.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Error::Layout { .. } => "LayoutVersionUnknown",
            Error::Field { .. } => "DefinitionInvalid",
        }
    }
}

impl From<Wrong> for Error {
    fn from(wrong: Wrong) -> Self {
        let Wrong {
            field,
            found,
            expected,
        } = wrong;
        Error::Field {
            field,
            found,
            expected,
        }
    }
}

impl Definition {
    /// Reads the `spec` of a definition in `namespace`.
    ///
    /// # Errors
    /// Names the first field that is missing or wrong. A `spec` that is null is a missing one.
    pub fn parse(spec: &Value, namespace: &str) -> Result<Self, Error> {
        let root = Section::new("spec", spec, "the stream's settings, an object")?;
        let Some(execution) = root.object("execution", "an object")? else {
            return Self::parse_v0(&root, namespace);
        };
        match execution.value("layoutVersion").map(Value::as_str) {
            None | Some(Some("")) => Self::parse_v0(&root, namespace),
            Some(Some("v1")) => Self::parse_v1(&execution, namespace),
            Some(Some("v2")) => Self::parse_v2(&execution, namespace),
            Some(_) => Err(Error::Layout {
                found: describe(execution.value("layoutVersion")),
            }),
        }
    }

    fn parse_v0(root: &Section<'_>, namespace: &str) -> Result<Self, Error> {
        Ok(Self {
            layout: Layout::V0,
            suspended: root
                .flag("suspended")?
                .ok_or_else(|| root.wrong("suspended", "true or false"))?,
            backend: Some(Backend::ChangeCapture {
                template: template(root, "jobTemplateRef", namespace)?,
            }),
            backfill: Some(template(root, "backfillJobTemplateRef", namespace)?),
        })
    }

    fn parse_v1(execution: &Section<'_>, namespace: &str) -> Result<Self, Error> {
        Ok(Self {
            layout: Layout::V1,
            suspended: execution.flag("suspended")?.unwrap_or(false),
            backend: Backends::of(execution)?.chosen(namespace)?,
            backfill: Some(template(execution, "backfillJobTemplateRef", namespace)?),
        })
    }

    fn parse_v2(execution: &Section<'_>, namespace: &str) -> Result<Self, Error> {
        let backends = Backends::of(execution)?;
        let backend = backends.chosen(namespace)?;
        let backfill = match (&backends.change_capture, &backend) {
            (Some(capture), _) => Some(template(capture, "backfillJobTemplateRef", namespace)?),
            // Every run of a batch stream is a backfill, so its template makes backfill Jobs.
            (None, Some(batch)) => Some(batch.template().clone()),
            (None, None) => None,
        };
        Ok(Self {
            layout: Layout::V2,
            suspended: execution.flag("suspended")?.unwrap_or(false),
            backend,
            backfill,
        })
    }
}

/// `execution.streamingBackend` of the layouts that have it.
struct Backends<'a> {
    batch: Option<Section<'a>>,
    change_capture: Option<Section<'a>>,
}

impl<'a> Backends<'a> {
    fn of(execution: &Section<'a>) -> Result<Self, Error> {
        let expected = "an object with changeCapture or batch";
        let Some(backends) = execution.object("streamingBackend", expected)? else {
            return Ok(Self {
                batch: None,
                change_capture: None,
            });
        };
        Ok(Self {
            batch: backends.object("batch", "an object with schedule and jobTemplateRef")?,
            change_capture: backends.object("changeCapture", "an object with jobTemplateRef")?,
        })
    }

    /// `batch` wins over `changeCapture`, whose template is then not read.
    fn chosen(&self, namespace: &str) -> Result<Option<Backend>, Error> {
        if let Some(batch) = &self.batch {
            let schedule = "a schedule in cron format, such as \"0 4 * * *\"";
            let time_zone = "a time zone, such as \"Europe/Copenhagen\", or remove it";
            return Ok(Some(Backend::Batch {
                schedule: batch.required_text("schedule", schedule)?.to_owned(),
                time_zone: batch.text("timeZone", time_zone)?.map(str::to_owned),
                template: template(batch, "jobTemplateRef", namespace)?,
            }));
        }
        let Some(capture) = &self.change_capture else {
            return Ok(None);
        };
        Ok(Some(Backend::ChangeCapture {
            template: template(capture, "jobTemplateRef", namespace)?,
        }))
    }
}

/// The reference `key`, whose namespace is its own, else `namespace`.
fn template(parent: &Section<'_>, key: &str, namespace: &str) -> Result<TemplateRef, Error> {
    let reference = parent.required_object(
        key,
        "a reference to a StreamingJobTemplate, such as {\"name\": \"my-template\"}",
    )?;
    let own_namespace = reference.text(
        "namespace",
        "the StreamingJobTemplate's namespace, or remove it for the stream's own",
    )?;
    Ok(TemplateRef {
        namespace: own_namespace.unwrap_or(namespace).to_owned(),
        name: reference
            .required_text("name", "the name of a StreamingJobTemplate")?
            .to_owned(),
    })
}
