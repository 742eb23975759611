//! The operator is killed, and nothing is lost or done twice.

use anyhow::Result;
use arcane_cluster::{Operator, Proxy};
use arcane_e2e::{
    Definition, NAMESPACE, Own, Platform, Plugin, READY_WITHIN, STOPPED_WITHIN, Stream,
    short_backfills,
};
use serde_json::json;

use crate::support::{Class, job_uids};

/// A stream's way through its backfill takes no more writes, events included, than this.
const MOST_WRITES: usize = 20;

#[tokio::test]
async fn a_crash_after_any_write_ends_in_the_same_place() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let proxy = Proxy::start(platform.cluster(), NAMESPACE, "arcane-host").await?;
    let mut operator = behind(&platform, &proxy).await?;
    let sample = platform.sample(&short_backfills()).await?;
    Class::of(&sample)?.wait_ready().await;
    let mut crashes = 0;
    for write in 1..=MOST_WRITES {
        let crash = proxy.crash_after(write);
        let name = format!("crash-{write}");
        let stream = sample.create(&name, Definition::v2()).await;
        let crashed = tokio::select! {
            biased;
            () = proxy.crashed() => true,
            () = stream.wait_phase("Running") => false,
        };
        if !crashed {
            proxy.heal().await;
            break;
        }
        crashes += crash.count();
        operator.kill()?;
        proxy.heal().await;
        operator = behind(&platform, &proxy).await?;
        stream.wait_phase("Running").await;
        assert_backfilled_once(&sample, &stream).await;
    }
    // Request, Job, status; completion twice, the Job's end, the next Job and status; and events.
    assert!((8..MOST_WRITES).contains(&crashes), "{crashes} crashes");
    operator.stop(STOPPED_WITHIN).await?;
    Ok(())
}

/// An operator whose calls go through the proxy. It has one name, as a container that is restarted
/// in its pod has: its lease is its own.
async fn behind(platform: &Platform<'_>, proxy: &Proxy) -> Result<Operator> {
    let mut operator = platform
        .operator()
        .kubeconfig(proxy.kubeconfig())
        .env("POD_NAME", "arcane-host-0")
        .start()
        .await?;
    operator.wait_ready(READY_WITHIN).await?;
    Ok(operator)
}

async fn assert_backfilled_once(plugin: &Plugin<'_>, stream: &Stream<'_>) {
    let requests = stream.requests().await;
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(requests[0].spec.completed);
    let record = plugin.audit().await.writes();
    let made = |resource: &str| {
        record
            .filter(|request| {
                request.verb == "create"
                    && request.resource == resource
                    && request.name.starts_with(stream.name())
                    // The name of a stream may begin another's.
                    && !request.name[stream.name().len()..].starts_with(char::is_numeric)
            })
            .len()
    };
    assert_eq!(made("backfillrequests"), 1, "{}", stream.name());
    assert_eq!(
        made("jobs"),
        2,
        "{}: a backfill and a stream",
        stream.name()
    );
    stream.wait_streaming_job().await;
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_backfill_neither_restarts_nor_loses_it() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let start = async || {
        let operator = platform.operator().env("POD_NAME", "arcane-host-0");
        let mut operator = operator.start().await?;
        operator.wait_ready(READY_WITHIN).await?;
        anyhow::Ok(operator)
    };
    let operator = start().await?;
    let sample = platform.sample(&json!({})).await?;
    let stream = sample.create("orders", Definition::v2()).await;
    stream.wait_phase("Backfilling").await;
    // The last that it writes: a write that the kill cuts off is one that the API server gives up.
    stream.wait_event("StreamCreated").await;
    let job = job_uids(&[&stream]).await?;

    // While it runs.
    operator.kill()?;
    let operator = start().await?;
    Class::of(&sample)?.wait_ready().await;
    assert_eq!(job_uids(&[&stream]).await?, job);

    // While it ends.
    operator.kill()?;
    stream.finish_job().await;
    stream
        .wait_job("completion", |job| {
            let status = job.status.as_ref();
            status.and_then(|status| status.succeeded) == Some(1)
        })
        .await;
    let operator = start().await?;
    stream.wait_phase("Running").await;
    assert_backfilled_once(&sample, &stream).await;
    sample.assert_clean().await;
    operator.stop(STOPPED_WITHIN).await?;
    Ok(())
}
