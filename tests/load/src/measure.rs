//! Figures from the audit log.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use arcane_cluster::Cluster;
use arcane_cluster::audit::{Mark, Record};
use arcane_e2e::OPERATOR_USER;

use crate::figures::{Across, Figures, Unit, number};
use crate::machine::Moment;

/// When nobody has written anything for this long, nobody has anything left to write: what follows
/// from a write follows within milliseconds of a watch's news, or within a second where the Job
/// controller collects changes.
const SETTLED: Duration = Duration::from_secs(2);
/// How often that is looked for: far longer than any backoff of what went wrong once, and than the
/// Job controller takes for the pods of 10,000 streams that it was given at once.
const LOOKS: u32 = 600;

/// What the operator asked of the API server, but for its Lease, which it renews for ever.
pub struct Requests(Record);

impl Requests {
    /// From `mark` until now.
    pub async fn since(cluster: &Cluster, mark: Mark) -> Result<Self> {
        let record = cluster.audit().since(mark).await?;
        Ok(Self(record.by_user(OPERATOR_USER).except(&["leases"])))
    }

    /// Successful writes, events too.
    pub fn writes(&self) -> Record {
        self.0.writes()
    }

    /// Reads, apart from watches.
    pub fn reads(&self) -> Record {
        self.0.reads().filter(|request| request.verb != "watch")
    }
}

/// Waits until neither the operator nor the control plane writes any more.
pub async fn settled(cluster: &Cluster) -> Result<()> {
    let mut mark = cluster.audit().mark().await?;
    for _ in 0..LOOKS {
        tokio::time::sleep(SETTLED).await;
        let now = cluster.audit().mark().await?;
        let record = cluster.audit().between(mark, now);
        if record.except(&["leases"]).writes().is_empty() {
            return Ok(());
        }
        mark = now;
    }
    bail!("something still writes after {:?}", SETTLED * LOOKS)
}

/// What was asked of the API server for each stream. `plural` is the resource of the streams.
pub fn of_requests(requests: &Requests, plural: &str, streams: usize) -> Figures {
    let mut figures = Figures::default();
    let writes = requests.writes().except(&["events"]);
    let per_stream = |count: usize| number(count) / number(streams);
    let mut each = |name: &str, label: &str, count| {
        figures.add(
            name,
            label,
            Unit::PerStream,
            Across::Largest,
            per_stream(count),
        );
    };
    each("writes_per_stream", "writes per stream", writes.len());
    for (kind, count) in writes.counts() {
        // The name of the kind is another one on each control plane.
        let kind = kind.replace(plural, "streams");
        each(
            &format!("writes_per_stream.{kind}"),
            &format!("  {kind}"),
            count,
        );
    }
    let events = requests.writes().len() - writes.len();
    each("events_per_stream", "events per stream", events);
    each(
        "reads_per_stream",
        "reads per stream",
        requests.reads().len(),
    );
    let mut all = |name, label, count| {
        figures.add(name, label, Unit::Count, Across::Largest, number(count));
    };
    all(
        "failed_requests",
        "requests refused",
        requests.0.failed().len(),
    );
    all(
        "unchanged_writes",
        "writes that changed nothing",
        requests.0.unchanged().len(),
    );
    all(
        "duplicate_jobs",
        "Jobs made twice",
        requests.0.duplicates().len(),
    );
    figures
}

/// What other programs have taken of the machine since `before`, when `begun`.
pub fn others(before: &Moment, begun: Instant) -> Result<Figures> {
    let used = before.used_until(&Moment::now()?);
    let mut figures = Figures::default();
    figures.add(
        "others",
        "taken by other programs",
        Unit::Share,
        Across::Median,
        used.share_of_others(begun.elapsed().as_secs_f64()),
    );
    Ok(figures)
}

/// Bytes as mebibytes.
#[expect(
    clippy::cast_precision_loss,
    reason = "memory stays far below 2^53 bytes"
)]
pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
