//! What has been written is not written again by an operator whose watches have not told it yet.
//!
//! Without the fence of a kind, each look at the stream would find the state before the write, and
//! so try the same write again: the audit log would hold a second attempt, at least a refused one.

use std::time::Duration;

use anyhow::{Result, ensure};
use arcane_cluster::{Fault, Injection, Operator, Proxy, Rule};
use arcane_e2e::{Definition, OPERATOR_USER, Plugin, Stream, sum, until};
use serde_json::json;

use crate::every::play;
use crate::ground::{Ground, Kind, proxy, stop};
use crate::scenarios::{ALL, STREAM};

/// Looks at the stream that must find nothing to do.
const LOOKS: u32 = 4;

/// An operator whose watches can be held back.
struct Bed {
    _ground: Ground,
    proxy: Proxy,
    operator: Operator,
    plugin: Plugin<'static>,
}

impl Bed {
    async fn new() -> Result<Self> {
        let ground = Ground::take().await?;
        let proxy = proxy(&ground).await?;
        let operator = ground.operator(&proxy).await?;
        ground.wait_served().await?;
        Ok(Self {
            proxy,
            operator,
            plugin: ground.plugin(Kind::Plain).await?,
            _ground: ground,
        })
    }

    /// Keeps events of this resource from the operator from now on.
    fn hold(&self, resource: &str) -> Injection {
        let rule = Rule::new(Fault::Hold).resource(resource);
        self.proxy.inject(rule.namespace(self.plugin.namespace()))
    }

    /// How often the operator has tried to do this in the namespace, with whatever result.
    async fn attempts(&self, verb: &str, resource: &str) -> usize {
        let audit = self.plugin.cluster().audit();
        let record = audit.since(arcane_cluster::audit::Mark::BEGINNING).await;
        let record = record.expect("an audit log").by_user(OPERATOR_USER);
        let tried = record.in_namespace(self.plugin.namespace());
        tried
            .filter(|request| !request.dry_run)
            .count(verb, resource)
    }

    /// Waits for the first attempt.
    async fn wait_attempt(&self, verb: &str, resource: &str) {
        until(format!("{verb} {resource}"), async || {
            ensure!(self.attempts(verb, resource).await > 0, "none yet");
            Ok(())
        })
        .await;
    }

    /// Waits until an event is held and the operator has looked at the stream a few times more.
    async fn wait_looks(&self, stream: &Stream<'_>, held: &Injection) {
        until("an event to be held", async || {
            ensure!(held.count() > 0, "none yet");
            Ok(())
        })
        .await;
        let mut touched = 0;
        self.wait_further_looks(async || {
            touched += 1;
            let touched = touched.to_string();
            stream.annotate("example.com/touched", &touched).await;
        })
        .await;
    }

    /// Deletes the stream and waits until the garbage collector has done its part, while the operator
    /// is told nothing of the definition.
    async fn delete_unheard(&self, stream: &Stream<'_>) -> Injection {
        let held = self.hold(&self.plugin.kind().plural);
        stream.delete().await;
        stream.wait_no_job().await;
        stream.wait_no_requests().await;
        held
    }

    /// Waits until the operator has looked at the stream a few times more, because it waits for
    /// something or is touched.
    async fn wait_further_looks(&self, mut touch: impl AsyncFnMut()) {
        let before = self.looks().await;
        until("more looks at the stream", async || {
            touch().await;
            let looks = self.looks().await - before;
            ensure!(looks >= f64::from(LOOKS), "{looks}");
            Ok(())
        })
        .await;
    }

    async fn looks(&self) -> f64 {
        let metrics = self.operator.metrics().await.expect("metrics");
        let class = format!("class=\"{}\"", self.plugin.class());
        sum(&metrics, "arcane_reconciles_total", &class).unwrap_or_default()
    }

    async fn end(self) -> Result<()> {
        self.plugin.assert_clean().await;
        stop(self.operator).await
    }

    /// The same where the definition is gone. The garbage collector may take the request first: the
    /// operator then stops the Job that runs for it, and either of the two may find it gone.
    async fn end_beside_collector(self) -> Result<()> {
        let blemishes = self.plugin.blemishes().await;
        let is_lost_race =
            |line: &String| line.contains(" delete jobs ") && line.contains(" -> 404");
        assert!(blemishes.iter().all(is_lost_race), "{blemishes:#?}");
        assert!(self.attempts("delete", "jobs").await <= 1);
        stop(self.operator).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_made_and_deleted_once_though_its_events_do_not_arrive() -> Result<()> {
    let bed = Bed::new().await?;
    let held = bed.hold("jobs");
    let stream = bed.plugin.create(STREAM, Definition::v2()).await;
    bed.wait_attempt("create", "jobs").await;
    bed.wait_looks(&stream, &held).await;
    assert_eq!(bed.attempts("create", "jobs").await, 1);
    held.end();
    stream.wait_phase("Backfilling").await;

    // A running pod: the Job is deleted in the foreground, and its end comes later.
    stream.wait_pod_runs().await;
    let held = bed.hold("jobs");
    stream.suspend().await;
    bed.wait_attempt("delete", "jobs").await;
    bed.wait_looks(&stream, &held).await;
    assert_eq!(bed.attempts("delete", "jobs").await, 1);
    held.end();
    stream.wait_phase("Suspended").await;
    stream.wait_no_job().await;
    bed.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cron_job_is_made_changed_and_deleted_once_though_its_events_do_not_arrive() -> Result<()>
{
    let bed = Bed::new().await?;
    let held = bed.hold("cronjobs");
    let definition = Definition::v2_batch("0 0 1 1 *");
    let stream = bed.plugin.create(STREAM, definition).await;
    bed.wait_attempt("create", "cronjobs").await;
    bed.wait_looks(&stream, &held).await;
    assert_eq!(bed.attempts("create", "cronjobs").await, 1);
    held.end();
    stream.wait_phase("Scheduled").await;

    let held = bed.hold("cronjobs");
    let backend = json!({"batch": {"schedule": "0 0 1 2 *"}});
    let execution = json!({"streamingBackend": backend});
    stream.patch_spec(json!({"execution": execution})).await;
    bed.wait_attempt("update", "cronjobs").await;
    bed.wait_looks(&stream, &held).await;
    assert_eq!(bed.attempts("update", "cronjobs").await, 1);
    held.end();

    let held = bed.hold("cronjobs");
    stream.suspend().await;
    bed.wait_attempt("delete", "cronjobs").await;
    bed.wait_looks(&stream, &held).await;
    assert_eq!(bed.attempts("delete", "cronjobs").await, 1);
    held.end();
    stream.wait_phase("Suspended").await;
    stream.wait_no_cron_job().await;
    bed.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_made_and_completed_once_though_its_events_do_not_arrive() -> Result<()> {
    let bed = Bed::new().await?;
    let held = bed.hold("backfillrequests");
    let stream = bed.plugin.create(STREAM, Definition::v2()).await;
    bed.wait_attempt("create", "backfillrequests").await;
    bed.wait_looks(&stream, &held).await;
    assert_eq!(bed.attempts("create", "backfillrequests").await, 1);
    held.end();
    stream.wait_phase("Backfilling").await;

    let held = bed.hold("backfillrequests");
    stream.finish_job().await;
    bed.wait_attempt("patch", "backfillrequests").await;
    bed.wait_looks(&stream, &held).await;
    assert_eq!(bed.attempts("patch", "backfillrequests").await, 1);
    // The backfill's, and of the stream that takes its place.
    assert_eq!(bed.attempts("create", "jobs").await, 2);
    held.end();
    stream.wait_phase("Running").await;
    bed.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_is_written_once_though_the_definitions_events_do_not_arrive() -> Result<()> {
    let bed = Bed::new().await?;
    let stream = bed
        .plugin
        .create(STREAM, Definition::v2().suspended())
        .await;
    stream.wait_phase("Suspended").await;
    stream.resume().await;
    stream.wait_phase("Running").await;
    let status = format!("{}/status", bed.plugin.kind().plural);
    let before = bed.attempts("patch", &status).await;

    let held = bed.hold(&bed.plugin.kind().plural.clone());
    // Told by another watch, so that there is something to write.
    stream.request_backfill(None).await;
    until("a status to be written", async || {
        let now = bed.attempts("patch", &status).await;
        ensure!(now > before, "{now}");
        Ok(())
    })
    .await;
    bed.wait_looks(&stream, &held).await;
    assert_eq!(bed.attempts("patch", &status).await, before + 1);
    held.end();
    stream.wait_phase("Backfilling").await;
    stop(bed.operator).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_made_for_a_definition_whose_deletion_does_not_arrive() -> Result<()> {
    let bed = Bed::new().await?;
    let stream = bed.plugin.create(STREAM, Definition::v2()).await;
    stream.wait_phase("Backfilling").await;
    stream.wait_pod_runs().await;

    let held = bed.delete_unheard(&stream).await;
    bed.wait_further_looks(async || {}).await;
    assert_eq!(bed.attempts("create", "jobs").await, 1);
    // Unless a status that could not be written has told already.
    let looked_up = bed.attempts("get", &bed.plugin.kind().plural).await;
    assert!(looked_up <= 1, "{looked_up}");
    held.end();
    bed.end_beside_collector().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_made_again_for_a_definition_that_went_before_its_first_status() -> Result<()> {
    let bed = Bed::new().await?;
    let status = format!("{}/status", bed.plugin.kind().plural);
    let late = Rule::new(Fault::Delay(Duration::from_secs(3))).resource(&status);
    let late = bed.proxy.inject(late.namespace(bed.plugin.namespace()));
    let stream = bed.plugin.create(STREAM, Definition::v2()).await;
    bed.wait_attempt("create", "jobs").await;

    let held = bed.delete_unheard(&stream).await;
    bed.wait_attempt("patch", &status).await;
    assert!(late.count() > 0, "the status was not late");
    bed.wait_further_looks(async || {}).await;
    for resource in ["backfillrequests", "jobs"] {
        assert_eq!(bed.attempts("create", resource).await, 1, "{resource}");
    }
    held.end();
    bed.end_beside_collector().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_the_operator_lists_may_be_answered_from_the_past() -> Result<()> {
    let ground = Ground::take().await?;
    let proxy = proxy(&ground).await?;
    // Every list that is not sure to be of now would be the first one again.
    let stale = proxy.inject(Rule::new(Fault::StaleList));
    let operator = ground.operator(&proxy).await?;
    ground.wait_served().await?;
    let relisted = proxy.inject(Rule::new(Fault::Gone).every(20));
    play(&ground, ALL.iter()).await?;
    assert!(relisted.count() > 0, "nothing was listed again");
    assert_eq!(stale.count(), 0);
    proxy.heal().await;
    stop(operator).await
}
