//! The Job that a plugin is given: rendered as the operator does it.

use arcane_contract::names;
use arcane_contract::render::{self, Retry, Settings, Stream};
use arcane_contract::stream::SpecJson;
use arcane_contract::template::JobTemplate;
use arcane_plugins::{Context, Mode};
use serde_json::Value;

/// The operator's settings, as they are by default.
const SETTINGS: Settings = Settings {
    minimum_job_ttl_seconds: 3_600,
};
/// What the host would have from the API server.
pub const UID: &str = "00000000-0000-4000-8000-000000000000";

/// What a Job is made from besides what a plugin is told.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// `apiVersion` of the definition.
    pub api_version: &'a str,
    /// `metadata.uid` of the definition.
    pub uid: &'a str,
    /// `spec` of the definition.
    pub spec: &'a SpecJson,
    /// `spec.secretRefs` of the class.
    pub secret_refs: &'a [String],
    /// `spec.payload` of the BackfillRequest.
    pub payload: Option<&'a Value>,
    /// Schedule and time zone of a CronJob; no plugin sees them.
    pub schedule: (&'a str, Option<&'a str>),
}

/// The `batch/v1` Job that the host gives to a plugin.
///
/// # Errors
/// The template or the definition cannot be rendered.
pub fn job(
    context: &Context,
    source: &Source<'_>,
    template: &JobTemplate,
) -> Result<Value, render::Error> {
    let definition = &context.stream;
    let annotations = &definition.annotations;
    let failure = context.last_failure.clone().unwrap_or_default();
    // Writing plain data cannot fail.
    let failure = serde_json::to_string(&failure).unwrap_or_default();
    let stream = Stream {
        api_version: source.api_version,
        kind: &definition.kind,
        namespace: &definition.namespace,
        name: &definition.name,
        uid: source.uid,
        spec: source.spec,
        restart: annotations
            .get(names::ANNOTATION_RESTART)
            .map(String::as_str),
        retry: (context.attempt > 0).then_some(Retry {
            attempt: context.attempt,
            failure: &failure,
        }),
        class: &context.class,
        secret_refs: source.secret_refs,
    };
    let request = context.request.as_ref().map_or("", |request| &request.name);
    let rendered = match context.mode {
        Mode::Streaming => render::streaming_job(&stream, template, &SETTINGS),
        Mode::Backfill => {
            render::backfill_job(&stream, template, request, source.payload, &SETTINGS)
        }
        Mode::Scheduled => {
            let (schedule, time_zone) = source.schedule;
            render::cron_job(&stream, template, schedule, time_zone)
        }
    };
    rendered.map(|rendered| rendered.job().value)
}
