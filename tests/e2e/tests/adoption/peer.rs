//! Objects as the existing operator writes them.

use std::fmt::Debug;

use anyhow::Result;
use arcane_contract::api::{BackfillRequest, BackfillRequestSpec};
use arcane_e2e::{Definition, Plugin, Stream};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use md5::{Digest, Md5};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What a Job of the existing operator was made for.
pub enum Run<'a> {
    Streaming,
    Backfill(&'a str),
}

/// A stream definition whose status the existing operator has written.
pub async fn stream<'p>(
    plugin: &'p Plugin<'_>,
    name: &str,
    definition: Definition,
    status: Value,
) -> Result<Stream<'p>> {
    let stream = plugin.create(name, definition).await;
    set_status(plugin, name, status).await?;
    Ok(stream)
}

/// Writes the status of a stream definition.
pub async fn set_status(plugin: &Plugin<'_>, name: &str, status: Value) -> Result<()> {
    let patch = Patch::Merge(json!({"status": status}));
    let definitions = plugin.definitions();
    definitions
        .patch_status(name, &PatchParams::default(), &patch)
        .await?;
    Ok(())
}

/// A status: phase, the hash of what runs, and the one condition that stands at a time.
pub fn status(phase: &str, hash: &str, kind: &str, reason: &str) -> Value {
    let (message, generation) = (format!("The stream is {phase}"), 1);
    json!({
        "phase": phase,
        "configurationHash": hash,
        "conditions": [{
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": "2026-08-01T00:00:00Z",
            "observedGeneration": generation,
        }],
    })
}

/// An open request as clients create it.
pub async fn request(plugin: &Plugin<'_>, name: &str, stream: &str, payload: Value) -> Result<()> {
    let spec = BackfillRequestSpec {
        stream_class: plugin.class().to_owned(),
        stream_id: stream.to_owned(),
        completed: false,
        payload: payload.as_object().cloned(),
    };
    let requests = plugin.api::<BackfillRequest>();
    let request = BackfillRequest::new(name, spec);
    requests.create(&PostParams::default(), &request).await?;
    Ok(())
}

/// Creates the Job of a stream.
pub async fn job(
    plugin: &Plugin<'_>,
    stream: &Stream<'_>,
    definition: &Definition,
    run: Run<'_>,
) -> Result<Job> {
    create(plugin, job_of(plugin, stream, definition, run)).await
}

/// The Job of a stream.
pub fn job_of(
    plugin: &Plugin<'_>,
    stream: &Stream<'_>,
    definition: &Definition,
    run: Run<'_>,
) -> Value {
    let (labels, hash) = match run {
        Run::Streaming => (labels(plugin, stream, "false"), hash(definition)),
        Run::Backfill(_) => (
            labels(plugin, stream, "true"),
            backfill_hash(plugin, stream, definition),
        ),
    };
    job_with(plugin, stream, definition, run, labels, &hash)
}

/// Creates the Job of a stream with these labels and this hash.
pub async fn create_job(
    plugin: &Plugin<'_>,
    stream: &Stream<'_>,
    definition: &Definition,
    run: Run<'_>,
    labels: Value,
    hash: &str,
) -> Result<Job> {
    let job = job_with(plugin, stream, definition, run, labels, hash);
    create(plugin, job).await
}

fn job_with(
    plugin: &Plugin<'_>,
    stream: &Stream<'_>,
    definition: &Definition,
    run: Run<'_>,
    labels: Value,
    hash: &str,
) -> Value {
    let mut env = identity(plugin, stream, definition);
    match run {
        Run::Streaming => env.push(variable("BACKFILL", "false")),
        Run::Backfill(request) => env.extend([
            variable("OVERRIDE", &request_json(plugin, stream)),
            variable("BACKFILL", "true"),
            variable("BACKFILL_ID", request),
        ]),
    }
    json!({
        "metadata": {
            "name": stream.name(),
            "labels": labels,
            "annotations": {"configuration-hash": hash},
            "ownerReferences": [owner(plugin, stream)],
        },
        "spec": job_spec(json!(env)),
    })
}

/// Creates the CronJob of a batch stream.
pub async fn cron_job(
    plugin: &Plugin<'_>,
    stream: &Stream<'_>,
    definition: &Definition,
    schedule: &str,
) -> Result<CronJob> {
    create(plugin, cron_job_of(plugin, stream, definition, schedule)).await
}

/// The CronJob of a batch stream. It has no labels of its own.
pub fn cron_job_of(
    plugin: &Plugin<'_>,
    stream: &Stream<'_>,
    definition: &Definition,
    schedule: &str,
) -> Value {
    let mut env = identity(plugin, stream, definition);
    env.push(variable("BACKFILL", "true"));
    env.push(json!({
        "name": "STREAMCONTEXT__BACKFILL_ID",
        "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['job-name']"}},
    }));
    env.push(variable("OVERRIDE", r#"{"streamClass":"","streamId":""}"#));
    json!({
        "metadata": {
            "name": stream.name(),
            "annotations": {"configuration-hash": hash(definition)},
            "ownerReferences": [owner(plugin, stream)],
        },
        "spec": {
            "schedule": schedule,
            "concurrencyPolicy": "Forbid",
            "jobTemplate": {"spec": job_spec(json!(env))},
        },
    })
}

async fn create<K>(plugin: &Plugin<'_>, object: Value) -> Result<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize,
{
    let object = serde_json::from_value(object)?;
    Ok(plugin.api().create(&PostParams::default(), &object).await?)
}

/// A Job's spec as published templates have it, except that what has ended stays to be seen.
pub fn job_spec(env: Value) -> Value {
    json!({
        "ttlSecondsAfterFinished": 600,
        "backoffLimit": 3,
        "podFailurePolicy": {"rules": [
            {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [2]}},
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        ]},
        "template": {"spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "stream", "image": "stream:1", "env": env}],
        }},
    })
}

fn labels(plugin: &Plugin<'_>, stream: &Stream<'_>, backfilling: &str) -> Value {
    json!({
        "arcane/stream-id": stream.name(),
        "arcane/stream-kind": plugin.kind().kind,
        "arcane/backfilling": backfilling,
    })
}

fn identity(plugin: &Plugin<'_>, stream: &Stream<'_>, definition: &Definition) -> Vec<Value> {
    vec![
        variable("STREAM_ID", stream.name()),
        variable("STREAM_KIND", &plugin.kind().kind),
        variable("SPEC", &go_json(&definition.spec())),
    ]
}

fn variable(name: &str, value: &str) -> Value {
    json!({"name": format!("STREAMCONTEXT__{name}"), "value": value})
}

fn owner(plugin: &Plugin<'_>, stream: &Stream<'_>) -> Value {
    json!({
        "apiVersion": plugin.kind().api_version,
        "kind": plugin.kind().kind,
        "name": stream.name(),
        "uid": stream.uid(),
        "controller": true,
    })
}

/// The configuration hash of a streaming Job or a CronJob.
pub fn hash(definition: &Definition) -> String {
    md5(&go_json(&definition.spec()))
}

/// The configuration hash of a backfill: the existing operator does not know a request's payload.
pub fn backfill_hash(plugin: &Plugin<'_>, stream: &Stream<'_>, definition: &Definition) -> String {
    let again = |digest: String| hex(digest.as_bytes());
    let request = md5(&request_json(plugin, stream));
    format!("{}:{}", again(hash(definition)), again(request))
}

fn request_json(plugin: &Plugin<'_>, stream: &Stream<'_>) -> String {
    let (class, stream) = (plugin.class(), stream.name());
    format!(r#"{{"streamClass":"{class}","streamId":"{stream}"}}"#)
}

/// As Go's encoder writes it: keys in order (serde_json's own, too), HTML's characters escaped.
fn go_json(value: &Value) -> String {
    value
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

fn md5(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The uid of the stream's Job, which is there and not on its way out.
pub async fn live_job(stream: &Stream<'_>) -> String {
    let job = stream.wait_job("a live Job", |_| true).await;
    job.uid().unwrap_or_default()
}
