//! The leader is cut off from the API server.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use arcane_cluster::{Fault, Proxy, Rule};
use arcane_e2e::{Definition, NAMESPACE, READY_WITHIN, until, wait_leading};

use crate::ground::{Ground, Kind, PATIENCE, stop};
use crate::scenarios::STREAM;

/// A write of the old leader's is on its way for longer than that.
const ON_ITS_WAY: Duration = Duration::from_secs(22);
/// By default a lease is free 15 s after its last renewal, and is asked for each 2 s.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_is_replaced_within_20_seconds_and_writes_nothing_more()
-> Result<()> {
    let ground = Ground::take().await?;
    let platform = ground.platform().await?;
    for name in ["first", "second"] {
        platform.account(name).await?;
    }
    let proxy = Proxy::start(ground.cluster(), NAMESPACE, "first").await?;
    let mut first = platform
        .operator()
        .service_account(NAMESPACE, "first")
        .kubeconfig(proxy.kubeconfig())
        .env("POD_NAME", "first")
        .start()
        .await?;
    first.wait_ready(READY_WITHIN).await?;
    wait_leading(&first, TAKEN_OVER_WITHIN).await;
    let mut second = platform
        .operator()
        .service_account(NAMESPACE, "second")
        .env("POD_NAME", "second")
        .start()
        .await?;
    second.wait_ready(READY_WITHIN).await?;
    let plugin = ground.plugin(Kind::Plain).await?;
    plugin.wait_ready().await;
    let stream = plugin.create(STREAM, Definition::v2()).await;
    stream.wait_phase("Backfilling").await;
    let rule = Rule::new(Fault::Delay(ON_ITS_WAY)).verbs(&["create"]);
    let late = proxy.inject(rule.resource("jobs").name("waiting"));
    let waiting = plugin.create("waiting", Definition::v2()).await;
    until("a write to be on its way", async || {
        ensure!(late.count() == 1, "none yet");
        Ok(())
    })
    .await;

    let cut_off = ground.cluster().audit().mark().await?;
    proxy.silence();
    let begun = Instant::now();
    // There is something to do for whoever leads.
    stream.finish_job().await;
    wait_leading(&second, TAKEN_OVER_WITHIN).await;
    let took = begun.elapsed();
    let taken_over = ground.cluster().audit().mark().await?;
    println!("partition: taken over after {took:.1?}");
    assert!(took < TAKEN_OVER_WITHIN, "{took:?}");
    proxy.mend().await;
    let status = first.wait_exit(Duration::from_secs(10)).await?;
    assert_eq!(status.code(), Some(1), "lost, which is a failure");
    PATIENCE
        .during(async {
            stream.wait_phase("Running").await;
            waiting.wait_phase("Backfilling").await;
        })
        .await;
    // What was on its way arrives in the end, and finds its work done.
    let record = until("the late write", async || {
        let record = ground.cluster().audit().since(taken_over).await?;
        let tried = record.by_service_account(NAMESPACE, "first");
        ensure!(tried.count("create", "jobs") == 1, "{:?}", tried.counts());
        Ok(record)
    })
    .await;
    let late = record.by_service_account(NAMESPACE, "first").writes();
    assert!(late.is_empty(), "{:?}", late.counts());
    let requests = stream.requests().await;
    assert_eq!(requests.len(), 1, "{requests:?}");
    let record = ground.cluster().audit().since(cut_off).await?;
    assert_eq!(record.duplicates(), []);
    let writes = record.by_service_account(NAMESPACE, "second").writes();
    assert!(writes.count("create", "jobs") >= 2, "{:?}", writes.counts());
    stop(second).await
}
