//! A stream as its files describe it: class, templates, definition, request.

use std::path::{Path, PathBuf};

use arcane_contract::api::{BackfillRequest, PluginSpec, StreamClass, StreamClassSpec};
use arcane_contract::definition::{Backend, Definition, Layout, TemplateRef};
use arcane_contract::stream::StreamDefinition;
use arcane_contract::template::JobTemplate;
use arcane_plugins::{Context, Hook, Mode, Request};
use clap::ValueEnum;
use serde_json::Value;

use crate::case::{implied_mode, json_text};
use crate::exit::Failure;
use crate::given::{self, Source, UID};
use crate::yaml;

/// Namespace of objects that name none, as `kubectl` has it.
const NAMESPACE: &str = "default";

/// The files of a stream. One file may hold several objects.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// File with the StreamClass, whose `spec.plugin` holds config, grants and limits.
    #[arg(long, value_name = "FILE")]
    class: PathBuf,
    /// File with the StreamingJobTemplate; may be given several times, so that the one is found
    /// that the definition names.
    #[arg(long, value_name = "FILE", required = true)]
    template: Vec<PathBuf>,
    /// File with the stream's definition, of the kind that the class names.
    #[arg(long, value_name = "FILE")]
    definition: PathBuf,
    /// File with a BackfillRequest for the stream: what is asked about is a backfill.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// What the run is for. By default a backfill if there is a request, else what the definition
    /// says.
    #[arg(long, value_enum)]
    mode: Option<ModeName>,
}

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModeName {
    /// To stream.
    Streaming,
    /// To backfill for a request.
    Backfill,
    /// To backfill on a schedule.
    Scheduled,
}

/// What the files say.
#[derive(Debug)]
pub struct Scene {
    /// What a plugin is told of it.
    pub context: Context,
    /// `spec.plugin` of the class.
    pub plugin: PluginSpec,
    /// What is worth to be known by those who gave the files.
    pub notes: Vec<String>,
    class: StreamClassSpec,
    api_version: String,
    definition: StreamDefinition,
    backend: Option<Backend>,
    template: JobTemplate,
    payload: Option<Value>,
}

impl Scene {
    /// Reads the files, for a question about rendering, or at another hook.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn read(files: &Files, hook: Option<Hook>) -> Result<Self, Failure> {
        let mut notes = Vec::new();
        let class: StreamClass = yaml::typed(
            &place(&files.class),
            yaml::object(&files.class, "StreamClass")?,
        )?;
        let plugin = class.spec.plugin.clone().unwrap_or_else(|| {
            notes.push(format!(
                "{} names no plugin: it is asked without config and grants",
                place(&files.class)
            ));
            PluginSpec::new("none")
        });

        let at = place(&files.definition);
        let object = yaml::object(&files.definition, &class.spec.kind_ref)?;
        let api_version = object["apiVersion"].as_str().unwrap_or_default().to_owned();
        let definition: StreamDefinition = yaml::typed(&at, object)?;
        let namespace = definition
            .metadata
            .namespace
            .as_deref()
            .unwrap_or(NAMESPACE);
        let parsed = Definition::parse(&definition.spec.value(), namespace)
            .map_err(|error| Failure::unreadable(format!("{at}: {error}")))?;

        let request: Option<BackfillRequest> = match &files.request {
            None => None,
            Some(path) => Some(yaml::typed(
                &place(path),
                yaml::object(path, "BackfillRequest")?,
            )?),
        };
        let mode = mode(files, hook, &parsed)?;
        let reference = match mode {
            Mode::Backfill => parsed.backfill.as_ref(),
            Mode::Streaming | Mode::Scheduled => parsed.backend.as_ref().map(Backend::template),
        };
        let reference = reference.ok_or_else(|| {
            Failure::unreadable(format!(
                "{at}: names no template for mode {}: set one of \
                 spec.execution.streamingBackend, or choose another --mode",
                yaml::word(&mode)
            ))
        })?;
        let template = template(&files.template, reference, namespace, &mut notes)?;

        let payload = request
            .as_ref()
            .and_then(|request| request.spec.payload.clone());
        let payload = payload.map(Value::Object);
        let class_name = class.metadata.name.clone().unwrap_or_default();
        let name = definition.metadata.name.clone();
        let name = name.ok_or_else(|| {
            Failure::unreadable(format!("{at}: metadata.name is missing: set it to a name"))
        })?;
        let context = Context {
            class: class_name,
            stream: arcane_plugins::StreamDefinition {
                namespace: namespace.to_owned(),
                name: name.clone(),
                kind: class.spec.kind_ref.clone(),
                layout: layout(parsed.layout).to_owned(),
                labels: definition.metadata.labels.clone().unwrap_or_default(),
                annotations: definition.metadata.annotations.clone().unwrap_or_default(),
                spec: definition.spec.json().into(),
            },
            mode,
            request: (mode == Mode::Backfill).then(|| Request {
                name: request
                    .and_then(|request| request.metadata.name)
                    .unwrap_or_else(|| format!("{name}-backfill")),
                payload: payload.as_ref().map(json_text),
            }),
            attempt: 0,
            last_failure: None,
        };
        Ok(Self {
            context,
            plugin,
            notes,
            class: class.spec,
            api_version,
            definition,
            backend: parsed.backend,
            template,
            payload,
        })
    }

    /// The Job that a plugin is given.
    ///
    /// # Errors
    /// The template or the definition cannot be rendered.
    pub fn job(&self) -> Result<Value, Failure> {
        let schedule = match &self.backend {
            Some(Backend::Batch {
                schedule,
                time_zone,
                ..
            }) => (schedule.as_str(), time_zone.as_deref()),
            _ => ("", None),
        };
        let source = Source {
            api_version: &self.api_version,
            uid: self.definition.metadata.uid.as_deref().unwrap_or(UID),
            spec: &self.definition.spec.json(),
            secret_refs: &self.class.secret_refs,
            payload: self.payload.as_ref(),
            schedule,
        };
        given::job(&self.context, &source, &self.template).map_err(Failure::unreadable)
    }
}

fn mode(files: &Files, hook: Option<Hook>, definition: &Definition) -> Result<Mode, Failure> {
    let scheduled = matches!(definition.backend, Some(Backend::Batch { .. }));
    let usual = if scheduled {
        Mode::Scheduled
    } else {
        Mode::Streaming
    };
    let about_backfill = hook.is_some_and(|hook| implied_mode(hook.as_str()) == Mode::Backfill);
    let mode = match files.mode {
        Some(ModeName::Streaming) => Mode::Streaming,
        Some(ModeName::Backfill) => Mode::Backfill,
        Some(ModeName::Scheduled) => Mode::Scheduled,
        None if files.request.is_some() || about_backfill => Mode::Backfill,
        None => usual,
    };
    let wrong = |what: String| Err(Failure::usage(format!("--mode: {what}")));
    match mode {
        Mode::Backfill => Ok(mode),
        _ if about_backfill => wrong("this trigger is always asked about in mode backfill".into()),
        _ if files.request.is_some() => {
            wrong("a request fits only mode backfill: leave out one of them".into())
        }
        mode if mode == usual => Ok(mode),
        _ => wrong(format!(
            "by its definition the stream runs in mode {}: give that, or backfill",
            yaml::word(&usual)
        )),
    }
}

/// The template that is referred to; the only one of all files if none has that name.
fn template(
    files: &[PathBuf],
    reference: &TemplateRef,
    namespace: &str,
    notes: &mut Vec<String>,
) -> Result<JobTemplate, Failure> {
    let kind = "StreamingJobTemplate";
    let mut found = Vec::new();
    for path in files {
        found.extend(
            yaml::objects(path, kind)?
                .into_iter()
                .map(|object| (path, object)),
        );
    }
    let text = |object: &Value, key: &str| object["metadata"][key].as_str().map(str::to_owned);
    let matches = |object: &Value| {
        text(object, "name").as_ref() == Some(&reference.name)
            && text(object, "namespace").is_none_or(|namespace| namespace == reference.namespace)
    };
    let wanted = found.iter().position(|(_, object)| matches(object));
    let names: Vec<_> = found
        .iter()
        .filter_map(|(_, object)| text(object, "name"))
        .collect();
    let index = match (wanted, found.len()) {
        (Some(index), _) => index,
        (None, 1) => {
            notes.push(format!(
                "the definition names the template {}/{}, and this is made from {}",
                reference.namespace,
                reference.name,
                names.join(", ")
            ));
            0
        }
        (None, _) => {
            return Err(Failure::unreadable(format!(
                "{}: none is the template {}/{} that the definition names, but {}: give its file",
                files
                    .iter()
                    .map(|path| place(path))
                    .collect::<Vec<_>>()
                    .join(", "),
                reference.namespace,
                reference.name,
                names.join(", ")
            )));
        }
    };
    let (path, object) = &found[index];
    let own_namespace = text(object, "namespace").unwrap_or_else(|| namespace.to_owned());
    let name = text(object, "name").unwrap_or_default();
    let template = JobTemplate::parse(&own_namespace, &name, &object["spec"])
        .map_err(|error| Failure::unreadable(format!("{}: {error}", place(path))))?;
    let unknown = template.unknown_fields();
    if !unknown.is_empty() {
        notes.push(format!(
            "{}: no Job has the fields {}",
            place(path),
            unknown.join(", ")
        ));
    }
    Ok(template)
}

fn layout(layout: Layout) -> &'static str {
    match layout {
        Layout::V0 => "v0",
        Layout::V1 => "v1",
        Layout::V2 => "v2",
    }
}

fn place(path: &Path) -> String {
    path.display().to_string()
}
