//! The object that a goal needs, and its fingerprint.

use arcane_contract::{
    definition::{Backend, Definition, TemplateRef},
    names::{ANNOTATION_RESTART, GROUP, VERSION},
    render::{self, Rendered},
    stream::StreamDefinition,
    template::JobTemplate,
};
use arcane_lifecycle::{
    BackfillRun, Condition, Event, Fingerprint, Goal, Plan, Problem, Rendering, RequestOrigin,
    Severity, Step,
};
use kube::ResourceExt;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{
    context::Class,
    memory::{FingerprintInputs, Memory},
    observe::Observation,
    status,
};
use crate::{
    cache::{CachedTemplate, Key},
    writer::Path,
};

/// The fingerprint of what the goal needs. It is remembered, so that a look at a stream that is as
/// it should be renders nothing.
pub fn fingerprint(
    class: &Class,
    object: &StreamDefinition,
    observation: &Observation,
    goal: &Goal,
    memory: &mut Memory,
) -> Rendering {
    let Some(reference) = template_for(&observation.definition, goal) else {
        return Rendering::NotNeeded;
    };
    let inputs = match find_template(class, reference) {
        Ok(cached) => FingerprintInputs {
            generation: object.metadata.generation.unwrap_or_default(),
            restart: object.annotations().get(ANNOTATION_RESTART).cloned(),
            request: request_of(observation, goal),
            template: cached.version,
        },
        Err(problem) => return Rendering::Impossible(problem),
    };
    if let Some((known, fingerprint)) = &memory.fingerprint
        && *known == inputs
    {
        return Rendering::Ready(fingerprint.clone());
    }
    match manifest(class, object, observation, goal) {
        Ok(rendered) => {
            let fingerprint = Fingerprint {
                configuration_hash: rendered.configuration_hash,
                equivalent_hashes: rendered.equivalent_hashes,
                render_hash: rendered.render_hash,
            };
            memory.fingerprint = Some((inputs, fingerprint.clone()));
            Rendering::Ready(fingerprint)
        }
        Err(problem) => Rendering::Impossible(problem),
    }
}

/// The object that the goal needs.
pub fn manifest(
    class: &Class,
    object: &StreamDefinition,
    observation: &Observation,
    goal: &Goal,
) -> Result<Rendered, Problem> {
    let definition = &observation.definition;
    let Some(reference) = template_for(definition, goal) else {
        return Err(Problem {
            reason: "NothingToRender",
            message: "the stream's goal needs no object".into(),
        });
    };
    let cached = find_template(class, reference)?;
    let template = usable(&cached, reference)?;
    let (namespace, name, uid) = (
        object.namespace().unwrap_or_default(),
        object.name_any(),
        object.uid().unwrap_or_default(),
    );
    let stream = render::Stream {
        api_version: &class.kind.api_version,
        kind: &class.kind.kind,
        namespace: &namespace,
        name: &name,
        uid: &uid,
        spec: &object.spec,
        restart: object
            .annotations()
            .get(ANNOTATION_RESTART)
            .map(String::as_str),
        class: &class.name,
        secret_refs: &class.secret_refs,
    };
    let settings = &class.host.render;
    let rendered = match (goal, &definition.backend) {
        (Goal::Backfill(run), _) => render::backfill_job(
            &stream,
            template,
            &run.request,
            payload_of(observation, run),
            settings,
        ),
        (
            Goal::Schedule,
            Some(Backend::Batch {
                schedule,
                time_zone,
                ..
            }),
        ) => render::cron_job(&stream, template, schedule, time_zone.as_deref()),
        _ => render::streaming_job(&stream, template, settings),
    };
    rendered.map_err(|error| Problem {
        reason: error.reason(),
        message: error.to_string(),
    })
}

/// Adds to the plan what the user should know of a template in the older form: which of its fields
/// a Job does not have, so that they were left out.
pub fn tell_ignored_fields(class: &Class, observation: &Observation, goal: &Goal, plan: &mut Plan) {
    let Some(reference) = template_for(&observation.definition, goal) else {
        return;
    };
    let Ok(cached) = find_template(class, reference) else {
        return;
    };
    let ignored = match &cached.template {
        Ok(template) if !template.unknown_fields().is_empty() => template.unknown_fields(),
        _ => return,
    };
    let message = format!(
        "StreamingJobTemplate {}/{} has fields that a Job does not have, which were left out: {}. \
         Remove them, or move them to where they belong",
        reference.namespace,
        reference.name,
        ignored.join(", ")
    );
    let mut made = false;
    for step in &mut plan.steps {
        match step {
            Step::SetStatus(status) => status.conditions.push(Condition {
                kind: status::TEMPLATE_ACCEPTED,
                status: false,
                reason: "UnknownFieldsIgnored",
                message: message.clone(),
            }),
            Step::CreateJob | Step::CreateCronJob | Step::UpdateCronJob { .. } => made = true,
            _ => {}
        }
    }
    if made {
        plan.events.push(Event {
            severity: Severity::Warning,
            reason: "UnknownFieldsIgnored",
            message,
        });
    }
}

/// Whether the template that the goal is rendered from exists, though the cache has not heard of it
/// yet: a stream often comes in one go with its templates, and the two are watched separately.
pub async fn is_template_about_to_come(
    class: &Class,
    observation: &Observation,
    goal: &Goal,
) -> bool {
    let Some(reference) = template_for(&observation.definition, goal) else {
        return false;
    };
    if find_template(class, reference).is_ok() {
        return false;
    }
    let TemplateRef { namespace, name } = reference;
    let templates = Path::new(GROUP, VERSION, namespace, "streamingjobtemplates");
    let found = class.host.writer.read::<IgnoredAny>(&templates, name);
    found.await.is_ok()
}

/// The template that the goal is rendered from.
fn template_for<'a>(definition: &'a Definition, goal: &Goal) -> Option<&'a TemplateRef> {
    match goal {
        Goal::Nothing(_) => None,
        Goal::Backfill(_) => definition.backfill.as_ref(),
        Goal::Stream | Goal::Schedule => definition
            .backend
            .as_ref()
            .map(|backend| backend.template()),
    }
}

fn find_template(
    class: &Class,
    reference: &TemplateRef,
) -> Result<std::sync::Arc<CachedTemplate>, Problem> {
    let TemplateRef { namespace, name } = reference;
    class
        .host
        .shared
        .templates
        .get(&Key::new(namespace, name))
        .ok_or_else(|| Problem {
            reason: "TemplateNotFound",
            message: format!(
                "StreamingJobTemplate {namespace}/{name} does not exist: create it, or change the \
                 reference in the stream's spec"
            ),
        })
}

fn usable<'a>(
    cached: &'a CachedTemplate,
    reference: &TemplateRef,
) -> Result<&'a JobTemplate, Problem> {
    let TemplateRef { namespace, name } = reference;
    cached.template.as_ref().map_err(|error| Problem {
        reason: "TemplateInvalid",
        message: format!("StreamingJobTemplate {namespace}/{name} cannot be used: {error}"),
    })
}

fn request_of(observation: &Observation, goal: &Goal) -> Option<String> {
    let Goal::Backfill(run) = goal else {
        return None;
    };
    let existing = observation
        .requests
        .iter()
        .find(|request| *request.name == *run.request);
    // A request may be edited while it waits: its version is part of what is rendered.
    Some(existing.map_or_else(
        || run.request.clone(),
        |request| format!("{}@{}", request.name, request.version),
    ))
}

fn payload_of<'a>(observation: &'a Observation, run: &BackfillRun) -> Option<&'a Value> {
    if run.origin != RequestOrigin::Existing {
        return None;
    }
    observation
        .requests
        .iter()
        .find(|request| *request.name == *run.request)
        .and_then(|request| request.payload.as_ref())
}
