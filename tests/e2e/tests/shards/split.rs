//! Each stream is one replica's.

use std::collections::BTreeSet;

use anyhow::Result;
use arcane_e2e::{NAMESPACE, Own, sum};

use crate::support::{NAMES, Work, create, three_at_work, wait_renewals, wait_running};

const STREAMS: usize = 30;

#[tokio::test]
async fn every_stream_is_worked_on_by_one_replica_alone() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let (crew, sample) = three_at_work(&platform).await?;
    let mark = platform.cluster().audit().mark().await?;
    let streams = create(&sample, "stream", STREAMS).await;
    wait_running(&streams).await;

    let work = Work::since(&sample, mark).await?;
    work.assert_done_once(STREAMS);
    let writers = work.writers();
    assert_eq!(writers.len(), STREAMS, "{writers:?}");
    assert!(writers.values().all(|by| by.len() == 1), "{writers:?}");
    let at_work: BTreeSet<&str> = writers.values().flatten().copied().collect();
    assert_eq!(at_work, BTreeSet::from(NAMES));

    for (name, operator) in &crew.0 {
        let metrics = operator.metrics().await?;
        let own = writers.values().filter(|by| by.contains(name.as_str()));
        // Streams of other tests, if there are any, are elsewhere in the same class.
        let cached = sum(&metrics, "arcane_shard_streams", "").unwrap_or_default();
        let shown = sum(&metrics, "arcane_streams", "").unwrap_or_default();
        assert!(
            shown >= f64::from(u32::try_from(own.count())?),
            "{name}: {shown}"
        );
        assert!((cached - shown).abs() < 0.5, "{name}: {cached}, {shown}");
        let log = std::fs::read_to_string(operator.log())?;
        assert!(log.contains("shard"), "{name} tells no shard in its log");
    }
    crew.stop().await
}

#[tokio::test]
async fn replicas_with_nothing_to_do_write_nothing_but_their_leases() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let (crew, sample) = three_at_work(&platform).await?;
    let streams = create(&sample, "stream", 6).await;
    wait_running(&streams).await;

    let audit = platform.cluster().audit();
    let running = audit.mark().await?;
    wait_renewals(&platform, running, &NAMES).await;
    let quiet = audit.mark().await?;
    wait_renewals(&platform, quiet, &NAMES).await;
    let record = audit.since(quiet).await?;
    for name in NAMES {
        let by = record.by_service_account(NAMESPACE, name);
        let writes = by.writes().except(&["leases"]);
        assert!(writes.is_empty(), "{name}: {:?}", writes.counts());
    }
    crew.stop().await
}
