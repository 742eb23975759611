//! From a template to the Job or CronJob of a stream.
//!
//! Nothing here reads a clock or keeps state: the same inputs give the same bytes, and
//! [`Rendered::render_hash`] tells when an input changed.

mod cron_job;
mod disruption;
mod env;
mod error;
mod job;
mod revised;
mod secrets;

use serde_json::{Map, Value, json};

pub use error::Error;

use crate::stream::SpecJson;
use crate::template::JobTemplate;
use crate::{canonical, hash, names};
use job::Purpose;

/// The stream that an object is rendered for.
#[derive(Clone, Copy, Debug)]
pub struct Stream<'a> {
    /// `apiVersion` of the definition.
    pub api_version: &'a str,
    /// `kind` of the definition.
    pub kind: &'a str,
    /// `metadata.namespace` of the definition.
    pub namespace: &'a str,
    /// `metadata.name` of the definition: the stream's id, and the name of what is rendered.
    pub name: &'a str,
    /// `metadata.uid` of the definition.
    pub uid: &'a str,
    /// `spec` of the definition.
    pub spec: &'a SpecJson,
    /// Value of the annotation [`names::ANNOTATION_RESTART`] on the definition.
    pub restart: Option<&'a str>,
    /// Which try the run is, where it follows a failure that a plugin let be tried again.
    pub retry: Option<Retry<'a>>,
    /// Name of the StreamClass.
    pub class: &'a str,
    /// `spec.secretRefs` of the StreamClass: fields of the definition that name Secrets.
    pub secret_refs: &'a [String],
}

/// A run that follows a failure of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry<'a> {
    /// How many failures in a row it follows, from 1.
    pub attempt: u32,
    /// The last of them, as JSON text.
    pub failure: &'a str,
}

/// What the operator's configuration says about Jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// A template's `ttlSecondsAfterFinished`, where it sets one, is raised to at least this, in
    /// seconds, so that a finished Job stays until its outcome is recorded. 0 leaves it alone.
    pub minimum_job_ttl_seconds: u32,
}

/// A complete object, ready to be created.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// The `batch/v1` Job or CronJob.
    pub manifest: Value,
    /// The configuration hash, also annotated as [`names::ANNOTATION_CONFIGURATION_HASH`].
    pub configuration_hash: String,
    /// Other hashes of the same configuration, as other operators of the platform write them: an
    /// object that carries one of them is current.
    pub equivalent_hashes: Vec<String>,
    /// Lower-case hex SHA-256 of the manifest's canonical text, also annotated as
    /// [`names::ANNOTATION_RENDER_HASH`], without which it was taken.
    pub render_hash: String,
    /// That text.
    text: String,
}

/// A `batch/v1` Job as plugins are given it: without the render hash, which follows what they make
/// of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The Job.
    pub value: Value,
    /// Its canonical text.
    pub text: String,
}

/// The Job that streams.
///
/// # Errors
/// The template sets a variable that the contract reserves, or the definition does not name a
/// Secret that its class asks for.
pub fn streaming_job(
    stream: &Stream<'_>,
    template: &JobTemplate,
    settings: &Settings,
) -> Result<Rendered, Error> {
    let purpose = Purpose {
        backfilling: false,
        variables: env::streaming(stream),
        request: None,
    };
    let configuration_hash = hash::of_spec(stream.spec.as_str());
    let parts = job::parts(stream, template, settings, &purpose)?;
    Ok(seal("Job", parts, configuration_hash, Vec::new()))
}

/// The Job that backfills for the BackfillRequest `request_name`.
///
/// `payload` is the request's `spec.payload`. The hash without it counts as current too: other
/// operators do not know payloads.
///
/// # Errors
/// As [`streaming_job`].
pub fn backfill_job(
    stream: &Stream<'_>,
    template: &JobTemplate,
    request_name: &str,
    payload: Option<&Value>,
    settings: &Settings,
) -> Result<Rendered, Error> {
    let payload = payload.filter(|payload| !payload.is_null());
    let request = request_json(stream.class, stream.name, false, payload);
    let spec_text = stream.spec.as_str();
    let equivalent_hashes = payload
        .map(|_| request_json(stream.class, stream.name, false, None))
        .map(|bare| hash::of_backfill(spec_text, &bare))
        .into_iter()
        .collect();
    let configuration_hash = hash::of_backfill(spec_text, &request);

    let purpose = Purpose {
        backfilling: true,
        variables: env::backfill(stream, &request, request_name),
        request: Some(request_name),
    };
    let parts = job::parts(stream, template, settings, &purpose)?;
    Ok(seal("Job", parts, configuration_hash, equivalent_hashes))
}

/// The CronJob that backfills on `schedule`, a cron expression, in `time_zone`.
///
/// Its runs keep the template's `ttlSecondsAfterFinished`: what becomes of them is for the CronJob
/// to record, not for the operator.
///
/// # Errors
/// As [`streaming_job`].
pub fn cron_job(
    stream: &Stream<'_>,
    template: &JobTemplate,
    schedule: &str,
    time_zone: Option<&str>,
) -> Result<Rendered, Error> {
    let request = request_json(stream.class, stream.name, false, None);
    let purpose = Purpose {
        backfilling: true,
        variables: env::scheduled(stream, &request),
        request: None,
    };
    let configuration_hash = hash::of_spec(stream.spec.as_str());
    let parts = cron_job::parts(stream, template, &purpose, schedule, time_zone)?;
    Ok(seal("CronJob", parts, configuration_hash, Vec::new()))
}

/// The canonical JSON of a BackfillRequest's `spec`, as it stands in a backfill's environment and
/// in its configuration hash.
///
/// The fields come in the order of the platform's own type, not sorted; `completed` appears only
/// when true, `payload` only when there is one.
#[must_use]
pub fn request_json(
    class: &str,
    stream_id: &str,
    completed: bool,
    payload: Option<&Value>,
) -> String {
    let mut text = b"{\"streamClass\":".to_vec();
    canonical::write_string(&mut text, class);
    text.extend_from_slice(b",\"streamId\":");
    canonical::write_string(&mut text, stream_id);
    if completed {
        text.extend_from_slice(b",\"completed\":true");
    }
    if let Some(payload) = payload.filter(|payload| !payload.is_null()) {
        text.extend_from_slice(b",\"payload\":");
        canonical::write_value(&mut text, payload);
    }
    text.push(b'}');
    canonical::finish(text)
}

/// What differs between the objects that are rendered.
struct Parts {
    /// Holds an object of annotations.
    metadata: Map<String, Value>,
    spec: Map<String, Value>,
}

/// Puts a manifest together and marks it with the digests of what it was made from.
fn seal(
    kind: &str,
    parts: Parts,
    configuration_hash: String,
    equivalent_hashes: Vec<String>,
) -> Rendered {
    let mut manifest = json!({ "apiVersion": "batch/v1", "kind": kind });
    manifest["metadata"] = Value::Object(parts.metadata);
    manifest["spec"] = Value::Object(parts.spec);
    manifest["metadata"]["annotations"][names::ANNOTATION_CONFIGURATION_HASH] =
        Value::from(configuration_hash.as_str());
    let (render_hash, text) = mark(&mut manifest);
    Rendered {
        manifest,
        configuration_hash,
        equivalent_hashes,
        render_hash,
        text,
    }
}

/// Annotates the manifest with the digest of what it says otherwise, which is returned with the text
/// that it is of.
fn mark(manifest: &mut Value) -> (String, String) {
    let text = canonical::to_string(manifest);
    let render_hash = hash::sha256(&text);
    manifest["metadata"]["annotations"][names::ANNOTATION_RENDER_HASH] =
        Value::from(render_hash.as_str());
    (render_hash, text)
}
