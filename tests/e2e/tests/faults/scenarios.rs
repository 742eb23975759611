//! What happens to streams, and where they end. Each scenario has a namespace of its own, acts on
//! the API server directly, and waits for each state before it acts again.

use std::pin::Pin;

use arcane_contract::api::{Phase, StreamingJobTemplate};
use arcane_contract::names::ANNOTATION_RESTART;
use arcane_e2e::{Definition, Plugin, Stream};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::ground::Kind;

type Acting<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Something that happens to a stream.
pub struct Scenario {
    pub name: &'static str,
    pub kind: Kind,
    pub act: for<'a> fn(&'a Plugin<'a>) -> Acting<'a>,
    pub ends: Ends,
}

/// Where a stream ends, and what it has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// Its phase; none if it is gone.
    pub phase: Option<&'static str>,
    /// Whether its Job, if it has one, is of a backfill.
    pub job: Option<bool>,
    pub cron_job: bool,
    /// Which request, and whether it is completed, in the order of their names.
    pub requests: &'static [(&'static str, bool)],
    /// How many Jobs were made for backfills, and how many to stream.
    pub jobs_made: (usize, usize),
}

/// The name of every scenario's stream.
pub const STREAM: &str = "orders";

macro_rules! scenario {
    ($name:ident, $kind:ident, $ends:expr) => {
        Scenario {
            name: stringify!($name),
            kind: Kind::$kind,
            act: |plugin| Box::pin($name(plugin)),
            ends: $ends,
        }
    };
}

/// Streams in the end, after so many Jobs.
const fn streams(requests: &'static [(&'static str, bool)], jobs_made: (usize, usize)) -> Ends {
    Ends {
        phase: Some("Running"),
        job: Some(false),
        cron_job: false,
        requests,
        jobs_made,
    }
}

/// Every scenario.
pub static ALL: [Scenario; 13] = [
    scenario!(creation, Plain, streams(&[("initial", true)], (1, 1))),
    scenario!(suspension, Plain, streams(&[], (0, 2))),
    scenario!(spec_change, Plain, streams(&[], (0, 2))),
    scenario!(
        requested_backfill,
        Plain,
        streams(&[("asked", true)], (1, 2))
    ),
    scenario!(
        interrupted_backfill,
        Plain,
        streams(&[("asked", true)], (2, 2))
    ),
    scenario!(schema_change, Plain, streams(&[("schema", true)], (1, 2))),
    scenario!(failure, Plain, streams(&[("initial", true)], (2, 1))),
    scenario!(template_change, Plain, streams(&[], (0, 2))),
    scenario!(
        schedule,
        Plain,
        Ends {
            phase: Some("Scheduled"),
            job: None,
            cron_job: true,
            requests: &[],
            jobs_made: (0, 0),
        }
    ),
    scenario!(
        skipped_backfill,
        Skips,
        streams(&[("asked", false)], (0, 1))
    ),
    scenario!(
        postponed_backfill,
        Postpones,
        streams(&[("asked", false)], (0, 1))
    ),
    scenario!(retried_job, Retries, streams(&[], (0, 2))),
    scenario!(
        deletion,
        Plain,
        Ends {
            phase: None,
            job: None,
            cron_job: false,
            requests: &[],
            jobs_made: (1, 0),
        }
    ),
];

/// A stream that streams, without a backfill before: it was created suspended.
async fn running<'p>(plugin: &'p Plugin<'_>) -> Stream<'p> {
    let stream = plugin.create(STREAM, Definition::v2().suspended()).await;
    stream.wait_phase("Suspended").await;
    stream.resume().await;
    stream.wait_phase("Running").await;
    stream
}

async fn creation(plugin: &Plugin<'_>) {
    let stream = plugin.create(STREAM, Definition::v2()).await;
    stream.wait_phase("Backfilling").await;
    stream.finish_job().await;
    stream.wait_phase("Running").await;
}

async fn suspension(plugin: &Plugin<'_>) {
    let stream = running(plugin).await;
    stream.suspend().await;
    stream.wait_phase("Suspended").await;
    stream.wait_no_job().await;
    stream.resume().await;
    stream.wait_phase("Running").await;
}

async fn spec_change(plugin: &Plugin<'_>) {
    let stream = running(plugin).await;
    let job = stream.wait_streaming_job().await;
    stream.patch_spec(json!({"source": "another"})).await;
    stream.wait_job_after(&job).await;
}

async fn requested_backfill(plugin: &Plugin<'_>) {
    let stream = running(plugin).await;
    let request = stream.request_backfill(Some(json!({"from": "then"}))).await;
    stream.wait_phase("Backfilling").await;
    stream.wait_backfill_job(&request).await;
    stream.finish_job().await;
    stream.wait_completed(&request).await;
}

async fn interrupted_backfill(plugin: &Plugin<'_>) {
    let stream = running(plugin).await;
    let request = stream.request_backfill(None).await;
    stream.wait_phase("Backfilling").await;
    stream.suspend().await;
    stream.wait_phase("Suspended").await;
    stream.wait_no_job().await;
    stream.resume().await;
    stream.wait_phase("Backfilling").await;
    stream.wait_backfill_job(&request).await;
    stream.finish_job().await;
    stream.wait_completed(&request).await;
}

async fn schema_change(plugin: &Plugin<'_>) {
    let stream = running(plugin).await;
    let annotation = "arcane.streaming.sneaksanddata.com/state";
    stream.annotate_job(annotation, "schema-mismatch").await;
    stream.finish_job().await;
    stream.wait_phase("Backfilling").await;
    stream.finish_job().await;
    stream.wait_phase("Running").await;
}

async fn failure(plugin: &Plugin<'_>) {
    let stream = plugin.create(STREAM, Definition::v2()).await;
    stream.wait_phase("Backfilling").await;
    stream.fail_job(3, "the source is gone").await;
    stream.wait_phase("Failed").await;
    stream.wait_no_job().await;
    stream.suspend().await;
    stream.wait_phase("Suspended").await;
    stream.resume().await;
    stream.wait_phase("Backfilling").await;
    stream.finish_job().await;
    stream.wait_phase("Running").await;
}

async fn template_change(plugin: &Plugin<'_>) {
    let stream = running(plugin).await;
    let job = stream.wait_streaming_job().await;
    let patch = Patch::Merge(json!({"spec": {"metadata": {"labels": {"team": "data"}}}}));
    let templates = plugin.api::<StreamingJobTemplate>();
    let params = PatchParams::default();
    let changed = templates.patch("sample-streaming", &params, &patch).await;
    changed.expect("the template can be changed");
    stream
        .wait_status("drift", |status| condition(status, "UpToDate") == "False")
        .await;
    stream.annotate(ANNOTATION_RESTART, "1").await;
    let job = stream.wait_job_after(&job).await;
    assert_eq!(job.labels()["team"], "data");
}

async fn schedule(plugin: &Plugin<'_>) {
    let definition = Definition::v2_batch("0 0 1 1 *");
    let stream = plugin.create(STREAM, definition).await;
    stream.wait_phase("Scheduled").await;
    let backend = json!({"batch": {"schedule": "0 0 1 2 *"}});
    let execution = json!({"streamingBackend": backend});
    stream.patch_spec(json!({"execution": execution})).await;
    stream
        .wait_cron_job("the new schedule", |cron_job| {
            cron_job.spec.schedule == "0 0 1 2 *"
        })
        .await;
    stream.suspend().await;
    stream.wait_phase("Suspended").await;
    stream.wait_no_cron_job().await;
    stream.resume().await;
    stream.wait_phase("Scheduled").await;
}

async fn skipped_backfill(plugin: &Plugin<'_>) {
    let stream = running(plugin).await;
    let request = stream.request_backfill(None).await;
    wait_request(&stream, &request, Phase::Stopped).await;
}

async fn postponed_backfill(plugin: &Plugin<'_>) {
    let stream = running(plugin).await;
    let request = stream.request_backfill(None).await;
    wait_request(&stream, &request, Phase::Pending).await;
}

async fn wait_request(stream: &Stream<'_>, request: &str, phase: Phase) {
    stream
        .wait_request(request, &format!("phase {phase:?}"), |request| {
            let status = request.status.as_ref();
            status.and_then(|status| status.phase) == Some(phase)
        })
        .await;
}

async fn retried_job(plugin: &Plugin<'_>) {
    let stream = running(plugin).await;
    let job = stream.wait_streaming_job().await;
    stream.fail_job(3, "for a moment").await;
    stream.wait_job_after(&job).await;
}

async fn deletion(plugin: &Plugin<'_>) {
    let stream = plugin.create(STREAM, Definition::v2()).await;
    stream.wait_phase("Backfilling").await;
    stream.delete().await;
    stream.wait_no_job().await;
    stream.wait_no_requests().await;
}

/// The status of a condition; null if there is none.
fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    conditions
        .find(|condition| condition["type"] == kind)
        .map_or(&Value::Null, |condition| &condition["status"])
}
