//! Whether a stream has ended where it should, and what it took to get there.

use anyhow::{Result, ensure};
use arcane_cluster::audit::Record;
use arcane_contract::api::BackfillRequest;
use arcane_contract::{canonical, hash};
use arcane_e2e::{OPERATOR_USER, Plugin, until};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::ResourceExt;
use kube::api::ListParams;

use crate::scenarios::{STREAM, Scenario};

/// What many streams took together.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub streams: usize,
    pub duplicates: usize,
    pub lost: usize,
}

impl Tally {
    pub fn add(&mut self, other: Tally) {
        self.streams += other.streams;
        self.duplicates += other.duplicates;
        self.lost += other.lost;
    }
}

/// Waits until the scenario's stream is where it should be, and asserts that nothing was done twice
/// on the way, nothing completed that was not done, and no Secret read.
pub async fn assert_ended(scenario: &Scenario, plugin: &Plugin<'_>) -> Tally {
    until(format!("the end of {}", scenario.name), async || {
        is_ended(scenario, plugin).await
    })
    .await;
    let mark = arcane_cluster::audit::Mark::BEGINNING;
    let record = plugin.cluster().audit().since(mark).await;
    let record = record
        .expect("an audit log")
        .in_namespace(plugin.namespace());
    let made = jobs_made(&record.by_user(OPERATOR_USER));
    let expected = scenario.ends.jobs_made;
    let name = scenario.name;
    assert_eq!(
        made, expected,
        "{name}: Jobs made for backfills, and to stream"
    );
    let unearned = record.unearned();
    assert!(
        unearned.is_empty(),
        "{name}: completed without a Job: {unearned:?}"
    );
    // What the log does not tell cannot be wrong.
    let seen = record.completed().len();
    let completed = scenario.ends.requests.iter();
    let completed = completed.filter(|(_, is_completed)| *is_completed).count();
    assert!(
        seen >= completed,
        "{name}: {completed} requests are completed, the log tells of {seen}"
    );
    let secrets = record.by_user(OPERATOR_USER).secret_reads();
    assert!(secrets.is_empty(), "{name}: {:?}", secrets.counts());
    Tally {
        streams: 1,
        duplicates: (made.0 + made.1).saturating_sub(expected.0 + expected.1),
        lost: unearned.len(),
    }
}

fn jobs_made(record: &Record) -> (usize, usize) {
    let made = record.filter(|request| request.resource == "jobs" && request.is_creation());
    let backfills = made.iter().filter(|job| job.backfill_request.is_some());
    let backfills = backfills.count();
    (backfills, made.len() - backfills)
}

async fn is_ended(scenario: &Scenario, plugin: &Plugin<'_>) -> Result<()> {
    let ends = &scenario.ends;
    let definition = plugin.definitions().get_opt(STREAM).await?;
    let phase = definition
        .as_ref()
        .map(|it| it.data["status"]["phase"].as_str().unwrap_or_default());
    ensure!(phase == ends.phase, "phase {phase:?}");
    let job = plugin.api::<Job>().get_opt(STREAM).await?;
    let backfills = job
        .as_ref()
        .map(|job| job.labels()["arcane/backfilling"] == "true");
    ensure!(backfills == ends.job, "a Job that backfills: {backfills:?}");
    let is_leaving = job
        .as_ref()
        .is_some_and(|job| job.metadata.deletion_timestamp.is_some());
    ensure!(!is_leaving, "its Job is being deleted");
    if let (Some(definition), Some(job)) = (&definition, &job) {
        // Of this very spec, and the status says so.
        let hash = hash::of_spec(&canonical::to_string(&definition.data["spec"]));
        let found = &job.annotations()["configuration-hash"];
        ensure!(
            *found == hash,
            "the Job's hash is {found}, the spec's {hash}"
        );
        let told = &definition.data["status"]["configurationHash"];
        ensure!(*told == hash, "the status tells {told}, the spec is {hash}");
    }
    let cron_job = plugin.api::<CronJob>().get_opt(STREAM).await?;
    ensure!(
        cron_job.is_some() == ends.cron_job,
        "CronJob {:?}",
        cron_job.is_some()
    );
    let requests = plugin
        .api::<BackfillRequest>()
        .list(&ListParams::default())
        .await?;
    let mut found: Vec<_> = requests
        .iter()
        .map(|request| (which(request), request.spec.completed))
        .collect();
    found.sort_unstable();
    ensure!(found == ends.requests, "requests {found:?}");
    Ok(())
}

fn which(request: &BackfillRequest) -> &'static str {
    let name = request.name_any();
    match &name[STREAM.len()..] {
        rest if rest.starts_with("-initial-") => "initial",
        rest if rest.starts_with("-schema-") => "schema",
        _ => "asked",
    }
}
