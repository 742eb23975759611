//! Many short backfills at once, whose Jobs vanish a second after their end.

use anyhow::Result;
use arcane_contract::api::BackfillRequest;
use arcane_e2e::{Definition, Own, Plugin, STOPPED_WITHIN, shared, short_backfills};
use kube::api::ListParams;

use crate::support::{Class, wait_all};

#[tokio::test]
async fn a_hundred_backfills_of_200_ms_complete_with_one_job_each() -> Result<()> {
    let platform = &shared().await?.platform;
    let plugin = platform.sample(&short_backfills()).await?;
    backfill(&plugin, 100).await?;
    plugin.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn backfills_complete_once_even_if_the_operator_may_not_keep_their_jobs() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let mut operator = platform
        .operator()
        .env("ARCANE_HOST__MINIMUM_JOB_TTL_SECONDS", "0")
        .start()
        .await?;
    operator.wait_ready(arcane_e2e::READY_WITHIN).await?;
    let plugin = platform.sample(&short_backfills()).await?;
    Class::of(&plugin)?.wait_ready().await;
    backfill(&plugin, 30).await?;
    operator.stop(STOPPED_WITHIN).await?;
    Ok(())
}

/// Creates `count` streams at once and waits until they stream, each after one backfill.
async fn backfill(plugin: &Plugin<'_>, count: usize) -> Result<()> {
    let names: Vec<String> = (0..count)
        .map(|number| format!("stream-{number}"))
        .collect();
    let created = names
        .iter()
        .map(|name| plugin.create(name, Definition::v2()));
    futures::future::join_all(created).await;
    wait_all(plugin, "Running", count).await;
    let requests = plugin.api::<BackfillRequest>();
    let requests = requests.list(&ListParams::default()).await?.items;
    assert_eq!(requests.len(), count);
    assert!(requests.iter().all(|request| request.spec.completed));
    let record = plugin.audit().await;
    let made = |backfill: bool| {
        let jobs = record.filter(|request| {
            request.resource == "jobs"
                && request.verb == "create"
                && request.code == 201
                && !request.dry_run
                && request.backfill_request.is_some() == backfill
        });
        jobs.len()
    };
    assert_eq!((made(true), made(false)), (count, count));
    assert_eq!(record.duplicates(), []);
    Ok(())
}
