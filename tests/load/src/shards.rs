//! `cargo xtask bench shards`: the same streams with one, two and more replicas at work.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use arcane_cluster::audit::{Mark, Record};
use arcane_cluster::wait::within;
use arcane_cluster::{Cluster, Operator, Usage};
use arcane_e2e::{NAMESPACE, Platform, Plugin, STOPPED_WITHIN, replica_with, sum};
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{Patch, PatchParams};
use serde_json::json;
use xtask::cli::Shards;

use crate::figures::{Across, Figures, Unit, number};
use crate::machine::{Moment, cores};
use crate::measure::{self, mebibytes};
use crate::phases::Phases;
use crate::report::Subject;
use crate::restart::all_seen;
use crate::streams;

/// Until every shard has its leader.
const AT_WORK_WITHIN: Duration = Duration::from_secs(300);
/// Streams that are being changed at the same time: enough to keep the API server busy.
const CHANGERS: usize = 32;

/// What the report says beside the figures.
pub fn subject(options: &Shards) -> Subject {
    Subject {
        benchmark: "shards",
        of: "streams",
        size: options.streams,
        notes: format!(
            "  Figures of several replicas are those of the one that has most. Memory is what is \
             resident once\n  all streams were looked at after a start; the floor is that without any \
             stream. The wave changes\n  the spec of every stream at once: its Job is replaced. All \
             replicas, the control plane and what\n  measures share {} cores.\n",
            cores(),
        ),
    }
}

/// Measures with one replica, then with one more, and so on, on the same control plane.
pub async fn run(options: &Shards) -> Result<Figures> {
    let (before, begun) = (Moment::now()?, Instant::now());
    let cluster = Cluster::start().await?;
    let platform = Platform::install(&cluster).await?;
    let plugin = platform.plugin(&streams::chart_values()).await?;
    let mut figures = Figures::default();
    let floor = prepare(&platform, &plugin, options).await?;
    add(
        &mut figures,
        "floor_resident".into(),
        "resident memory without streams".into(),
        Unit::Mebibytes,
        mebibytes(floor),
    );
    let mut alone = None;
    for replicas in 1..=options.replicas {
        eprintln!("{replicas} replicas");
        let found = measure(&platform, &plugin, options, replicas).await?;
        let alone = *alone.get_or_insert(found);
        report(&mut figures, replicas, &found, &alone, floor);
    }
    figures.extend(measure::others(&before, begun)?);
    Ok(figures)
}

/// Brings all streams to Running, by one replica; returns the memory that it had before.
async fn prepare(platform: &Platform<'_>, plugin: &Plugin<'_>, options: &Shards) -> Result<u64> {
    let streams = usize::try_from(options.streams)?;
    eprintln!("{streams} streams");
    let operator = start(platform, 0, 1).await?;
    plugin.wait_ready().await;
    let floor = operator.usage()?.resident;
    streams::wait_accepted(plugin).await?;
    let mut phases = Phases::follow(platform.cluster().client()?, plugin).await?;
    tokio::try_join!(streams::create(plugin, 0..options.streams, drop), async {
        phases.all_running(streams).await.map(drop)
    })?;
    measure::settled(platform.cluster()).await?;
    operator.stop(STOPPED_WITHIN).await?;
    Ok(floor)
}

/// What the replica had that had most of it.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    /// Bytes.
    resident: u64,
    /// Of one core.
    quiet_cpu: f64,
    /// By all replicas together.
    quiet_writes: usize,
    wave_cpu: Duration,
    wave_writes: usize,
    /// By all replicas together.
    all_wave_writes: usize,
}

async fn measure(
    platform: &Platform<'_>,
    plugin: &Plugin<'_>,
    options: &Shards,
    replicas: u16,
) -> Result<Found> {
    let cluster = platform.cluster();
    let mut crew = Vec::new();
    for number in 0..replicas {
        crew.push(start(platform, number, replicas).await?);
    }
    wait_at_work(&crew, options.streams).await?;
    measure::settled(cluster).await?;
    let mut found = Found {
        resident: most(&usages(&crew)?, |usage| usage.resident),
        ..Found::default()
    };

    let (mark, begun, before) = (
        cluster.audit().mark().await?,
        Instant::now(),
        usages(&crew)?,
    );
    tokio::time::sleep(options.quiet).await;
    let cpu = most_cpu(&before, &usages(&crew)?);
    found.quiet_cpu = cpu.as_secs_f64() / begun.elapsed().as_secs_f64();
    found.quiet_writes = writes(cluster, mark, replicas).await?.iter().sum();

    let (mark, before) = (cluster.audit().mark().await?, usages(&crew)?);
    change_all(plugin, options.streams, replicas).await?;
    measure::settled(cluster).await?;
    found.wave_cpu = most_cpu(&before, &usages(&crew)?);
    let writes = writes(cluster, mark, replicas).await?;
    found.wave_writes = writes.iter().copied().max().unwrap_or_default();
    found.all_wave_writes = writes.iter().sum();
    ensure!(
        found.all_wave_writes >= usize::try_from(options.streams)?,
        "{writes:?} writes: not every stream was changed"
    );
    for operator in crew {
        operator.stop(STOPPED_WITHIN).await?;
    }
    Ok(found)
}

fn report(figures: &mut Figures, replicas: u16, found: &Found, alone: &Found, floor: u64) {
    let with = |name: &str| format!("{name}_{replicas}");
    let label = |label: &str| format!("{replicas} at work: {label}");
    let mut put = |name: &str, what: &str, unit, value| {
        add(figures, with(name), label(what), unit, value);
    };
    let above = |found: &Found| mebibytes(found.resident.saturating_sub(floor));
    put(
        "resident",
        "resident memory",
        Unit::Mebibytes,
        mebibytes(found.resident),
    );
    put(
        "resident_ratio",
        "  above the floor, to that of one alone",
        Unit::Share,
        ratio(above(found), above(alone)),
    );
    put(
        "quiet_cpu",
        "quiet: CPU, of one core",
        Unit::Share,
        found.quiet_cpu,
    );
    put(
        "quiet_writes",
        "quiet: writes, but for leases",
        Unit::Count,
        number(found.quiet_writes),
    );
    let seconds = found.wave_cpu.as_secs_f64();
    put("wave_cpu", "wave: CPU", Unit::Seconds, seconds);
    put(
        "wave_cpu_ratio",
        "  to that of one alone",
        Unit::Share,
        ratio(seconds, alone.wave_cpu.as_secs_f64()),
    );
    put(
        "wave_writes",
        "wave: writes",
        Unit::Count,
        number(found.wave_writes),
    );
    put(
        "wave_writes_share",
        "  of those of all replicas",
        Unit::Share,
        ratio(number(found.wave_writes), number(found.all_wave_writes)),
    );
}

fn add(figures: &mut Figures, name: String, label: String, unit: Unit, value: f64) {
    figures.add(&name, &label, unit, Across::Median, value);
}

/// Part of what may be nothing at all.
fn ratio(part: f64, whole: f64) -> f64 {
    part / whole.max(f64::EPSILON)
}

fn account(number: u16) -> String {
    format!("replica-{number}")
}

async fn start(platform: &Platform<'_>, number: u16, shards: u16) -> Result<Operator> {
    let shards = shards.to_string();
    let environment = [
        ("ARCANE_HOST__SHARDS", shards.as_str()),
        ("ARCANE_HOST__LOG_LEVEL", "info"),
    ];
    replica_with(platform, &account(number), &environment).await
}

/// Waits until every replica leads one shard, and all streams have been looked at.
async fn wait_at_work(crew: &[Operator], streams: u32) -> Result<()> {
    within(AT_WORK_WITHIN, async || {
        for operator in crew {
            let leads = sum(&operator.metrics().await?, "arcane_leader", "");
            ensure!(leads == Some(1.0), "a replica leads {leads:?}");
        }
        Ok(())
    })
    .await?;
    all_seen(crew, usize::try_from(streams)?).await
}

fn usages(crew: &[Operator]) -> Result<Vec<Usage>> {
    crew.iter().map(Operator::usage).collect()
}

fn most<T: Ord + Default>(usages: &[Usage], of: impl Fn(&Usage) -> T) -> T {
    usages.iter().map(of).max().unwrap_or_default()
}

fn most_cpu(before: &[Usage], after: &[Usage]) -> Duration {
    let used = before.iter().zip(after);
    let used = used.map(|(before, after)| after.cpu.saturating_sub(before.cpu));
    used.max().unwrap_or_default()
}

/// How many writes each replica made, but for Leases.
async fn writes(cluster: &Cluster, mark: Mark, replicas: u16) -> Result<Vec<usize>> {
    let record: Record = cluster.audit().since(mark).await?;
    let by = |number| record.by_service_account(NAMESPACE, &account(number));
    let writes = (0..replicas).map(|number| by(number).writes().except(&["leases"]).len());
    Ok(writes.collect())
}

/// Changes the spec of every stream, to another one each time.
async fn change_all(plugin: &Plugin<'_>, streams: u32, time: u16) -> Result<()> {
    let definitions = plugin.definitions();
    let patch = Patch::Merge(json!({"spec": {"table": format!("wave_{time}")}}));
    stream::iter(0..streams)
        .map(async |number| {
            let name = streams::name(number);
            let params = PatchParams::default();
            let changed = definitions.patch(&name, &params, &patch).await;
            changed.with_context(|| format!("failed to change {name}"))
        })
        .buffer_unordered(CHANGERS)
        .try_for_each(async |_| Ok(()))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_are_about_figures_that_are_reported() {
        let bars = crate::thresholds::Thresholds::of_shards().unwrap();
        let mut figures = Figures::default();
        for replicas in 1..=3 {
            let found = Found::default();
            report(&mut figures, replicas, &found, &found, 0);
        }
        bars.cover(&figures).unwrap();
    }

    #[test]
    fn a_part_of_nothing_is_a_number() {
        assert!(ratio(1.0, 0.0).is_finite());
        assert_eq!(ratio(1.0, 4.0), 0.25);
    }
}
