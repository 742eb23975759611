//! `cargo xtask bench lifecycle`: the course of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use arcane_cluster::wait::within;
use arcane_cluster::{Cluster, Operator, OperatorBuilder, Usage};
use arcane_e2e::{NAMESPACE, OPERATOR_USER, Platform, Plugin, READY_WITHIN};
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams};
use tokio::sync::mpsc;
use xtask::cli::Lifecycle;

use crate::bare::{self, Bare};
use crate::figures::{Across, Figure, Figures, Unit, number};
use crate::machine::{Moment, cores};
use crate::measure::{self, Requests};
use crate::phases::Phases;
use crate::report::Subject;
use crate::restart;
use crate::streams;
use crate::threads::Threads;

/// Name of the operator's service account.
pub const ACCOUNT: &str = "arcane-host";
/// Rights on a new kind are granted by a controller, in milliseconds unless the machine is busy.
const GRANTED_WITHIN: Duration = Duration::from_secs(60);

/// What the report says beside the figures.
pub fn subject(options: &Lifecycle) -> Subject {
    Subject {
        benchmark: "lifecycle",
        of: "streams",
        size: options.streams,
        notes: format!(
            "  The bare client works on {} streams at a time, as the operator does on those of one \
             class,\n  and makes {} writes for each. Both, the control plane and what measures \
             share {} cores.\n  The renewal of the Lease is left out; writes in quiet and after \
             the restart include events.\n",
            bare::CONCURRENCY,
            bare::WRITES,
            cores(),
        ),
    }
}

/// Measures both sides as often as asked for, each time on control planes of their own.
pub async fn run(options: &Lifecycle) -> Result<Figures> {
    let mut all = pair(options, 0).await?;
    for run in 1..options.runs {
        all.another_run(pair(options, run).await?);
    }
    Ok(all)
}

/// One run of each side. They take turns in being first: a machine may be slower when it is warm.
async fn pair(options: &Lifecycle, run: u32) -> Result<Figures> {
    if options.runs > 1 {
        eprintln!("Run {} of {}", run + 1, options.runs);
    }
    let ((bare, bare_cpu), (operator, figures)) = if run.is_multiple_of(2) {
        (bare_run(options).await?, operator_run(options).await?)
    } else {
        let operator = operator_run(options).await?;
        (bare_run(options).await?, operator)
    };
    let mut all = compare(&bare, &operator);
    all.extend(figures);
    all.extend(compare_cpu(bare_cpu, &all));
    Ok(all)
}

/// What both take themselves: how dear it is to be an operator, whatever the machine.
fn compare_cpu(bare: f64, operator: &Figures) -> Figures {
    let operator = operator
        .get("cpu_per_stream")
        .map_or(f64::NAN, Figure::value);
    let mut all = Figures::default();
    let mut add = |name, label, unit, value| all.add(name, label, unit, Across::Median, value);
    add(
        "bare_cpu_per_stream",
        "bare client, CPU per stream",
        Unit::Milliseconds,
        bare,
    );
    add(
        "cpu_to_bare",
        "operator to bare client, CPU per stream",
        Unit::Times,
        operator / bare,
    );
    all
}

fn compare(bare: &Speed, operator: &Speed) -> Figures {
    let mut all = Figures::default();
    let mut add = |name, label, unit, value| all.add(name, label, unit, Across::Median, value);
    let pace = Unit::StreamsPerMinute;
    add(
        "bare_speed",
        "bare client, streams per minute",
        pace,
        bare.per_minute,
    );
    add(
        "speed",
        "operator, streams per minute",
        pace,
        operator.per_minute,
    );
    let ratio = operator.per_minute / bare.per_minute;
    add("ratio", "operator to bare client", Unit::Share, ratio);
    // What the machine's other programs take makes a run longer, but hardly dearer.
    add(
        "bare_cpu_of_all",
        "bare client, CPU of all programs per stream",
        Unit::Milliseconds,
        bare.cpu,
    );
    add(
        "cpu_of_all",
        "operator, CPU of all programs per stream",
        Unit::Milliseconds,
        operator.cpu,
    );
    let by_cpu = bare.cpu / operator.cpu;
    add(
        "ratio_by_cpu",
        "operator to bare client, by that",
        Unit::Share,
        by_cpu,
    );
    let slowness = operator.alike / bare.alike;
    add(
        "slowness",
        "scheduler and kubelets, same work: operator to bare client",
        Unit::Times,
        slowness,
    );
    add(
        "ratio_at_same_speed",
        "operator to bare client, were the machine as fast",
        Unit::Share,
        ratio * slowness,
    );
    let others = bare.others.max(operator.others);
    add(
        "others",
        "CPU taken by what else runs here, at most",
        Unit::Share,
        others,
    );
    all
}

/// The scheduler and what plays the kubelets: the pods of a stream are the same on both sides.
const ALIKE: [&str; 2] = ["kube-scheduler", "kwok"];

/// How fast all streams were running.
struct Speed {
    /// Streams per minute.
    per_minute: f64,
    /// Milliseconds of processor time for each, by all programs of the benchmark, until all pods
    /// run: what limits the speed where they keep all cores busy.
    cpu: f64,
    /// The share of it by programs whose work is the same whoever brings the streams up: how slow
    /// the machine was.
    alike: f64,
    /// What everything else on the machine used of its processors meanwhile.
    others: f64,
}

/// The bare client on a fresh control plane: its speed, and the milliseconds of processor time that
/// itself takes for each stream.
async fn bare_run(options: &Lifecycle) -> Result<(Speed, f64)> {
    let streams = usize::try_from(options.streams)?;
    eprintln!("Bare client: starting a control plane");
    let cluster = Cluster::start().await?;
    let platform = Platform::install(&cluster).await?;
    let plugin = platform.plugin(&streams::chart_values()).await?;
    // With the same account as the operator: authenticated, authorised and audited alike.
    let account = cluster
        .config_for_service_account(NAMESPACE, ACCOUNT)
        .await?;
    let threads = Threads::new(bare::THREADS)?;
    let client = threads
        .run(async { Ok(Client::try_from(account)?) })
        .await?;
    wait_granted(&client, &plugin).await?;
    let bare = Bare::new(client, &plugin).await?;

    eprintln!(
        "Bare client: {streams} streams, {} at a time",
        bare::CONCURRENCY
    );
    let mark = cluster.audit().mark().await?;
    let (sender, created) = mpsc::unbounded_channel();
    // It is received for as long as any stream is not yet running.
    let tell = |definition| drop(sender.send(definition));
    let race = race(&cluster, &plugin, options.streams, tell);
    let before = threads.used()?;
    let (speed, ()) = tokio::try_join!(race, threads.run(bare.serve(created, streams)))?;
    let cpu = (threads.used()? - before) * 1000.0 / number(streams);

    let writes = cluster.audit().since(mark).await?;
    let writes = writes.by_user(OPERATOR_USER).writes().len();
    ensure!(
        writes == streams * bare::WRITES,
        "the bare client made {writes} writes for {streams} streams, not {} for each: it is no \
         measure",
        bare::WRITES
    );
    Ok((speed, cpu))
}

async fn wait_granted(client: &Client, plugin: &Plugin<'_>) -> Result<()> {
    let definitions: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), plugin.namespace(), plugin.kind());
    within(GRANTED_WITHIN, async || {
        Ok(definitions.list(&ListParams::default().limit(1)).await?)
    })
    .await
    .context("the bare client gets no rights on the streams")?;
    Ok(())
}

/// The operator on a fresh control plane: its speed, and the other figures.
async fn operator_run(options: &Lifecycle) -> Result<(Speed, Figures)> {
    let streams = usize::try_from(options.streams)?;
    eprintln!("Operator: starting a control plane");
    let cluster = Cluster::start().await?;
    let platform = Platform::install(&cluster).await?;
    let mut operator = start(&platform).await?;
    operator.wait_ready(READY_WITHIN).await?;
    let plugin = platform.plugin(&streams::chart_values()).await?;
    plugin.wait_ready().await;

    eprintln!("Operator: {streams} streams");
    let (mark, before) = (cluster.audit().mark().await?, operator.usage()?);
    let speed = race(&cluster, &plugin, options.streams, drop).await;
    let speed = operator.testify(speed)?;
    let requests = Requests::since(&cluster, mark).await?;
    let mut figures = measure::of_requests(&requests, &plugin.kind().plural, streams);
    figures.extend(of_usage(&before, &operator.usage()?, streams));

    eprintln!("Operator: {:?} of quiet", options.quiet);
    let of_quiet = quiet(&cluster, &operator, options.quiet).await?;
    figures.extend(memory(&before, &of_quiet, streams));
    figures.extend(of_quiet);

    eprintln!("Operator: restart");
    figures.extend(restart::measure(&platform, &plugin, operator, streams).await?);
    Ok((speed, figures))
}

/// The operator as it is installed, logging as it does by default.
pub async fn start(platform: &Platform<'_>) -> Result<Operator> {
    installed(platform).start().await
}

/// The same, not yet started.
pub fn installed<'a>(platform: &Platform<'a>) -> OperatorBuilder<'a> {
    platform.operator().env("ARCANE_HOST__LOG_LEVEL", "info")
}

/// Creates the streams as fast as the API server takes them, and waits until all are running: the
/// time from before the first creation until the last is seen running. Returns once the control
/// plane has settled.
async fn race(
    cluster: &Cluster,
    plugin: &Plugin<'_>,
    count: u32,
    created: impl Fn(DynamicObject),
) -> Result<Speed> {
    let streams = usize::try_from(count)?;
    streams::wait_accepted(plugin).await?;
    let mut phases = Phases::follow(cluster.client()?, plugin).await?;
    let (begun, before) = (Instant::now(), Moment::now()?);
    let creation = async {
        streams::create(plugin, 0..count, created).await?;
        eprintln!("  all are created");
        Ok(())
    };
    let ((), last) = tokio::try_join!(creation, phases.all_running(streams))?;
    let by_then = before.used_until(&Moment::now()?);
    // The faster of two leaves more to be done for the pods of the last streams.
    measure::settled(cluster).await?;
    let used = before.used_until(&Moment::now()?);
    eprintln!("  milliseconds of CPU per stream: {}", used.show(streams));
    let seconds = last.duration_since(begun).as_secs_f64().max(f64::EPSILON);
    let each = |seconds: f64| seconds * 1000.0 / number(streams);
    let alike = ALIKE.iter().filter_map(|name| used.own.get(*name));
    Ok(Speed {
        per_minute: number(streams) * 60.0 / seconds,
        cpu: each(used.own.values().sum()),
        alike: each(alike.sum()),
        others: by_then.share_of_others(seconds),
    })
}

fn of_usage(before: &Usage, after: &Usage, streams: usize) -> Figures {
    let mut figures = Figures::default();
    let cpu = (after.cpu - before.cpu).as_secs_f64() * 1000.0 / number(streams);
    figures.add(
        "cpu_per_stream",
        "CPU per stream",
        Unit::Milliseconds,
        Across::Median,
        cpu,
    );
    let peak = measure::mebibytes(after.peak_resident);
    figures.add(
        "resident_peak",
        "resident memory, highest",
        Unit::Mebibytes,
        Across::Largest,
        peak,
    );
    figures
}

/// Memory that each stream takes, beyond what the operator needs for none.
fn memory(before: &Usage, quiet: &Figures, streams: usize) -> Figures {
    const KILOBYTES: f64 = 1048.576;
    let mut figures = Figures::default();
    let mut add = |name, label, unit, value| figures.add(name, label, unit, Across::Largest, value);
    let floor = measure::mebibytes(before.resident);
    add(
        "resident_floor",
        "resident memory without streams",
        Unit::Mebibytes,
        floor,
    );
    let resident = quiet.get("quiet_resident").map_or(f64::NAN, Figure::value);
    add(
        "memory_per_stream",
        "resident memory per stream, beyond that",
        Unit::Kilobytes,
        (resident - floor) * KILOBYTES / number(streams),
    );
    figures
}

/// What the operator does while nothing happens.
async fn quiet(cluster: &Cluster, operator: &Operator, time: Duration) -> Result<Figures> {
    let mark = cluster.audit().mark().await?;
    let (begun, before) = (Instant::now(), operator.usage()?);
    tokio::time::sleep(time).await;
    let requests = Requests::since(cluster, mark).await?;
    let (elapsed, after) = (begun.elapsed(), operator.usage()?);
    let cpu = (after.cpu - before.cpu).as_secs_f64() / elapsed.as_secs_f64();

    let mut figures = Figures::default();
    let mut add = |name, label, unit, across, value| figures.add(name, label, unit, across, value);
    let (writes, reads) = (requests.writes().len(), requests.reads().len());
    add(
        "quiet_writes",
        "quiet: writes",
        Unit::Count,
        Across::Largest,
        number(writes),
    );
    add(
        "quiet_reads",
        "quiet: reads",
        Unit::Count,
        Across::Largest,
        number(reads),
    );
    add(
        "quiet_cpu",
        "quiet: CPU, of one core",
        Unit::Share,
        Across::Median,
        cpu,
    );
    let resident = measure::mebibytes(after.resident);
    add(
        "quiet_resident",
        "quiet: resident memory",
        Unit::Mebibytes,
        Across::Largest,
        resident,
    );
    Ok(figures)
}
