//! The object that a goal needs, and its fingerprint.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Mutex,
};

use arcane_contract::{
    bounded::DEEPEST,
    definition::{Backend, TemplateRef},
    names::{ANNOTATION_RESTART, GROUP, VERSION, is_object_name},
    render::{self, Rendered},
    stream::StreamDefinition,
    template::JobTemplate,
};
use arcane_lifecycle::{
    BackfillRun, Condition, Event, Fingerprint, Goal, Observed, Plan, Problem, Rendering,
    RequestOrigin, Severity, Step,
};
use kube::ResourceExt;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{
    context::Class,
    memory::{FingerprintInputs, Memory, lock},
    observe::Observation,
    plugin::{Shaped, Trouble, failure_text, retry, shape},
    status,
};
use crate::{
    cache::{CachedTemplate, Key},
    writer::Path,
};

/// The fingerprint of what the goal needs, and the object itself where it had to be rendered for
/// that. The fingerprint is remembered, so that a look at a stream that is as it should be renders
/// nothing.
pub async fn fingerprint(
    class: &Class,
    object: &StreamDefinition,
    observation: &mut Observation,
    goal: &Goal,
    memory: &Mutex<Memory>,
) -> (Rendering, Option<Shaped>) {
    let Some(reference) = template_for(observation, goal) else {
        return (Rendering::NotNeeded, None);
    };
    let inputs = match find_template(class, &reference) {
        Ok(cached) => FingerprintInputs {
            generation: object.metadata.generation.unwrap_or_default(),
            restart: object.annotations().get(ANNOTATION_RESTART).cloned(),
            request: request_of(observation, goal),
            template: cached.version,
            attempt: arcane_lifecycle::attempt(&observation.observed, goal),
            plugin: plugin_inputs(class, object, observation, goal),
        },
        Err(problem) => return (Rendering::Impossible(problem), None),
    };
    if let Some(fingerprint) = lock(memory).known_fingerprint(&inputs) {
        return (Rendering::Ready(fingerprint), None);
    }
    match manifest(class, object, observation, goal, memory).await {
        Ok(shaped) => {
            let Rendered {
                configuration_hash,
                equivalent_hashes,
                render_hash,
                ..
            } = &shaped.rendered;
            let mut fingerprint = Fingerprint {
                configuration_hash: configuration_hash.clone(),
                equivalent_hashes: equivalent_hashes.clone(),
                render_hash: render_hash.clone(),
            };
            if let Some(trouble) = &shaped.trouble {
                // A plugin that fails for a while must not restart what it has shaped before.
                if let Some(kept) = render_hash_of_what_is_there(&observation.observed, goal) {
                    fingerprint.render_hash = kept;
                }
                observation.trouble = Some(trouble.clone());
            } else {
                lock(memory).fingerprint = Some((inputs, fingerprint.clone()));
            }
            (Rendering::Ready(fingerprint), Some(shaped))
        }
        Err(Unmade::Problem(problem)) => (Rendering::Impossible(problem), None),
        Err(Unmade::Plugin(trouble)) => {
            let problem = trouble.problem.clone();
            observation.trouble = Some(trouble);
            (Rendering::Impossible(problem), None)
        }
    }
}

fn render_hash_of_what_is_there(observed: &Observed, goal: &Goal) -> Option<String> {
    match goal {
        Goal::Schedule => observed.own_cron_job()?.render_hash.clone(),
        _ => observed.own_job()?.render_hash.clone(),
    }
}

/// Why the object that the goal needs cannot be made.
pub enum Unmade {
    /// The user must put something right.
    Problem(Problem),
    /// The class's plugin gives no answer.
    Plugin(Trouble),
}

/// The object that the goal needs, as the class's plugin wants it.
pub async fn manifest(
    class: &Class,
    object: &StreamDefinition,
    observation: &Observation,
    goal: &Goal,
    memory: &Mutex<Memory>,
) -> Result<Shaped, Unmade> {
    let rendered = from_template(class, object, observation, goal).map_err(Unmade::Problem)?;
    shape(class, object, observation, goal, rendered, memory)
        .await
        .map_err(Unmade::Plugin)
}

/// What the answer of the class's plugin depends on beside the other inputs: what is in service,
/// the definition's labels and annotations, and how a backfill is to be run.
fn plugin_inputs(
    class: &Class,
    object: &StreamDefinition,
    observation: &Observation,
    goal: &Goal,
) -> u64 {
    let Some(plugin) = &class.plugin else {
        return 0;
    };
    let mut hasher = DefaultHasher::new();
    let loaded = plugin.service.current().ok();
    let identity = loaded.as_ref().map(|plugin| plugin.identity());
    identity.hash(&mut hasher);
    object.labels().hash(&mut hasher);
    object.annotations().hash(&mut hasher);
    if let Goal::Backfill(run) = goal {
        let way = observation.answers.way(run, &observation.requests);
        format!("{:?}", way.map(|way| (&way.payload, &way.template))).hash(&mut hasher);
    }
    hasher.finish()
}

/// The object that the goal needs, by its template alone.
fn from_template(
    class: &Class,
    object: &StreamDefinition,
    observation: &Observation,
    goal: &Goal,
) -> Result<Rendered, Problem> {
    let definition = &observation.definition;
    let Some(reference) = template_for(observation, goal) else {
        return Err(Problem {
            reason: "NothingToRender",
            message: "the stream's goal needs no object".into(),
        });
    };
    let cached = find_template(class, &reference)?;
    let template = usable(&cached, &reference)?;
    let (namespace, name, uid) = (
        object.namespace().unwrap_or_default(),
        object.name_any(),
        object.uid().unwrap_or_default(),
    );
    let retry = retry(class, object, observation, goal)
        .map(|(attempt, failure)| (attempt, failure_text(&failure.unwrap_or_default())));
    let spec = object.spec.json();
    let stream = render::Stream {
        api_version: &class.kind.api_version,
        kind: &class.kind.kind,
        namespace: &namespace,
        name: &name,
        uid: &uid,
        spec: &spec,
        restart: object
            .annotations()
            .get(ANNOTATION_RESTART)
            .map(String::as_str),
        retry: retry.as_ref().map(|(attempt, failure)| render::Retry {
            attempt: *attempt,
            failure,
        }),
        class: &class.name,
        secret_refs: &class.secret_refs,
    };
    let settings = &class.host.render;
    let rendered = match (goal, &definition.backend) {
        (Goal::Backfill(run), _) => render::backfill_job(
            &stream,
            template,
            &run.request,
            payload_of(observation, run)?,
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
    let Some(reference) = template_for(observation, goal) else {
        return;
    };
    let Ok(cached) = find_template(class, &reference) else {
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
    let Some(reference) = template_for(observation, goal) else {
        return false;
    };
    if find_template(class, &reference).is_ok() {
        return false;
    }
    let TemplateRef { namespace, name } = &*reference;
    if !is_object_name(namespace) || !is_object_name(name) {
        return false;
    }
    let templates = Path::new(GROUP, VERSION, namespace, "streamingjobtemplates");
    let found = class.host.writer.read::<IgnoredAny>(&templates, name);
    found.await.is_ok()
}

/// The template that the goal is rendered from: the definition's, or the one that a plugin has
/// chosen for a backfill, in the same namespace.
fn template_for<'a>(observation: &'a Observation, goal: &Goal) -> Option<Cow<'a, TemplateRef>> {
    let definition = &observation.definition;
    match goal {
        Goal::Nothing(_) => None,
        Goal::Backfill(run) => {
            let named = definition.backfill.as_ref()?;
            let way = observation.answers.way(run, &observation.requests);
            let chosen = way.and_then(|way| way.template.as_ref());
            Some(chosen.map_or(Cow::Borrowed(named), |name| {
                Cow::Owned(TemplateRef {
                    namespace: named.namespace.clone(),
                    name: name.clone(),
                })
            }))
        }
        Goal::Stream | Goal::Schedule => definition
            .backend
            .as_ref()
            .map(|backend| Cow::Borrowed(backend.template())),
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

fn payload_of<'a>(
    observation: &'a Observation,
    run: &BackfillRun,
) -> Result<Option<&'a Value>, Problem> {
    let way = observation.answers.way(run, &observation.requests);
    if let Some(payload) = way.and_then(|way| way.payload.as_ref()) {
        return Ok(Some(payload));
    }
    if run.origin != RequestOrigin::Existing {
        return Ok(None);
    }
    let mut requests = observation.requests.iter();
    match requests.find(|request| *request.name == *run.request) {
        Some(request) if request.is_too_deep => Err(Problem {
            reason: "RequestInvalid",
            message: format!(
                "spec.payload of BackfillRequest {} is nested deeper than the {DEEPEST} levels that \
                 are read: delete the request, and make one that is flatter",
                request.name
            ),
        }),
        Some(request) => Ok(request.payload.as_ref()),
        None => Ok(None),
    }
}
