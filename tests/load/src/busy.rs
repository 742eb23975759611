//! `cargo xtask bench busy`: what a crowd of streams costs those who are not part of it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use arcane_cluster::audit::Record;
use arcane_cluster::wait::within;
use arcane_cluster::{Cluster, Operator};
use arcane_contract::api::StreamingJobTemplate;
use arcane_e2e::{OPERATOR_USER, Platform, Plugin, READY_WITHIN};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use serde_json::json;
use tokio::time::timeout;
use xtask::cli::Busy;

use crate::figures::{Across, Figures, Unit, number};
use crate::lifecycle::{installed, start};
use crate::machine::cores;
use crate::measure;
use crate::phases::Phases;
use crate::report::Subject;
use crate::restart::{SEEN_WITHIN, looked_at};
use crate::streams;
use crate::times::Times;

/// Streams of the crowd's own class that run before it comes, and are suspended while it is there.
const SUSPENDED: u32 = 100;
/// Between two suspensions, so that they are no part of the load.
const PACE: Duration = Duration::from_millis(400);
/// Streams of the other class that are brought to Running, one after the other, in peace.
const ALONE: u32 = 20;
/// Longer than a stream of another class may ever take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Writes in a second that the operator may make when a template changes.
const BUDGET: u32 = 100;
/// What the budget is held against: long enough for a process that waited for the processor, and
/// then sends at once what has become due, to weigh little.
const WINDOW: Duration = Duration::from_secs(5);

/// What the report says beside the figures.
pub fn subject(options: &Busy) -> Subject {
    Subject {
        benchmark: "busy",
        of: "streams",
        size: options.streams,
        notes: format!(
            "  The crowd is the streams of one class, created all at once. Meanwhile {SUSPENDED} \
             streams of that\n  class, which ran before, are suspended, one after the other, and \
             streams of another class are\n  brought to Running. The time from a suspension to the \
             Job's deletion is that between the arrivals\n  of the two requests at the API server; \
             a round trip is what the suspending request takes.\n  Then the crowd's template \
             changes, with a budget of {BUDGET} writes a second. {} cores.\n",
            cores(),
        ),
    }
}

/// Measures on a control plane of its own.
pub async fn run(options: &Busy) -> Result<Figures> {
    eprintln!("Starting a control plane");
    let cluster = Cluster::start().await?;
    let platform = Platform::install(&cluster).await?;
    let mut operator = start(&platform).await?;
    operator.wait_ready(READY_WITHIN).await?;
    let crowd = platform.plugin(&streams::chart_values()).await?;
    let other = platform.plugin(&streams::chart_values()).await?;
    for plugin in [&crowd, &other] {
        plugin.wait_ready().await;
        streams::wait_accepted(plugin).await?;
    }
    let mut phases = Phases::follow(cluster.client()?, &crowd).await?;
    streams::create(&crowd, 0..SUSPENDED, drop).await?;
    phases.all_running(usize::try_from(SUSPENDED)?).await?;
    measure::settled(&cluster).await?;

    eprintln!("Another class, alone: {ALONE} streams");
    let mut others = Others::of(&other);
    for _ in 0..ALONE {
        others.bring_up().await?;
    }
    let alone = others.times();
    let mut figures = Figures::default();
    figures.add(
        "other_alone",
        "stream of another class to Running, alone",
        Unit::Milliseconds,
        Across::Median,
        alone.median() / 1000.0,
    );

    eprintln!("A crowd of {} streams", options.streams);
    figures.extend(crowded(&cluster, &crowd, &mut phases, &mut others, options.streams).await?);
    measure::settled(&cluster).await?;

    eprintln!("A change of the crowd's template");
    operator.stop(READY_WITHIN).await?;
    let all = options.streams + SUSPENDED;
    let operator = on_a_budget(&platform, usize::try_from(all)?).await?;
    figures.extend(template_changed(&cluster, &crowd, &mut others, options.streams).await?);
    operator.stop(READY_WITHIN).await?;
    Ok(figures)
}

/// All streams of the crowd appear at once.
async fn crowded(
    cluster: &Cluster,
    crowd: &Plugin<'_>,
    phases: &mut Phases,
    others: &mut Others<'_>,
    count: u32,
) -> Result<Figures> {
    let streams = usize::try_from(count)?;
    let (mark, begun) = (cluster.audit().mark().await?, Instant::now());
    let creation = streams::create(crowd, SUSPENDED..SUSPENDED + count, drop);
    let probes = async {
        let mut round_trips = Vec::new();
        for number in 0..SUSPENDED {
            tokio::time::sleep(PACE).await;
            round_trips.push(suspend(crowd, number).await?);
        }
        Ok(round_trips)
    };
    let beside = async {
        tokio::select! {
            probes = probes => probes,
            failed = others.bring_up_for_ever() => Err(failed),
        }
    };
    let running = async {
        let last = phases.all_running(streams).await?;
        Ok(last.duration_since(begun))
    };
    let last_probe = async {
        let round_trips = beside.await?;
        Ok((round_trips, begun.elapsed()))
    };
    let ((), (round_trips, probed), took) = tokio::try_join!(creation, last_probe, running)?;
    ensure!(
        probed < took,
        "the crowd was gone in {took:?}, before the last suspension at {probed:?}: more streams \
         are needed"
    );

    let record = cluster.audit().since(mark).await?;
    let reactions = Times::new(reactions(&record, crowd)?);
    let (round_trips, busy) = (Times::new(round_trips), others.times());
    let mut figures = Figures::default();
    let mut add = |name: &str, label: &str, unit, value| {
        figures.add(name, label, unit, Across::Median, value);
    };
    let seconds = took.as_secs_f64();
    add(
        "crowd",
        "crowd: all are running after",
        Unit::Seconds,
        seconds,
    );
    let milli = Unit::Milliseconds;
    for (name, label, times) in [
        ("round_trip", "crowd: round trip", &round_trips),
        (
            "reaction",
            "crowd: suspension to deletion of the Job",
            &reactions,
        ),
        ("other", "crowd: stream of another class to Running", &busy),
    ] {
        add(name, label, milli, times.median() / 1000.0);
        add(
            &format!("{name}_p99"),
            &format!("{label}, p99"),
            milli,
            times.p99() / 1000.0,
        );
    }
    add(
        "other_count",
        "crowd: streams of another class meanwhile",
        Unit::Count,
        number(busy.len()),
    );
    add(
        "reaction_in_round_trips",
        "suspension to deletion, p99, in round trips, p99",
        Unit::Times,
        reactions.p99() / round_trips.p99(),
    );
    add(
        "other_to_crowd",
        "stream of another class, p99, to the whole crowd",
        Unit::Share,
        busy.p99() / 1e6 / seconds,
    );
    Ok(figures)
}

/// Suspends a stream, and returns how long the request took.
async fn suspend(plugin: &Plugin<'_>, number: u32) -> Result<Duration> {
    let patch = Patch::Merge(json!({"spec": {"execution": {"suspended": true}}}));
    let (definitions, name) = (plugin.definitions(), streams::name(number));
    let begun = Instant::now();
    let answer = definitions
        .patch(&name, &PatchParams::default(), &patch)
        .await;
    answer.with_context(|| format!("failed to suspend {name}"))?;
    Ok(begun.elapsed())
}

/// Times from each suspension's request to the one that deletes the Job.
fn reactions(record: &Record, plugin: &Plugin<'_>) -> Result<Vec<Duration>> {
    let record = record.in_namespace(plugin.namespace()).writes();
    let (mut suspended, mut deleted) = (HashMap::new(), HashMap::new());
    for request in record.iter() {
        let by_operator = request.user == OPERATOR_USER;
        let times = match (request.verb.as_str(), request.resource.as_str()) {
            ("patch", resource) if resource == plugin.kind().plural && !by_operator => {
                &mut suspended
            }
            ("delete", "jobs") if by_operator => &mut deleted,
            _ => continue,
        };
        times.insert(request.name.as_str(), request.received_at()?);
    }
    let reaction = |(name, asked): (&str, Timestamp)| {
        let done = deleted.get(name);
        let done = done.with_context(|| format!("{name} was suspended, and its Job stayed"))?;
        Ok(Duration::try_from(done.duration_since(asked))?)
    };
    suspended.into_iter().map(reaction).collect()
}

/// An operator that may not write as fast as it could, once it has looked at all streams.
async fn on_a_budget(platform: &Platform<'_>, streams: usize) -> Result<Operator> {
    let budget = BUDGET.to_string();
    let operator = installed(platform).env("ARCANE_HOST__WRITES_PER_SECOND", budget);
    let mut operator = operator.start().await?;
    operator.wait_ready(READY_WITHIN).await?;
    within(SEEN_WITHIN, async || {
        let seen = looked_at(&operator.metrics().await?);
        ensure!(seen >= streams, "{seen} of {streams} streams looked at");
        Ok(())
    })
    .await?;
    Ok(operator)
}

/// The template of all streams of the crowd changes.
async fn template_changed(
    cluster: &Cluster,
    crowd: &Plugin<'_>,
    others: &mut Others<'_>,
    streams: u32,
) -> Result<Figures> {
    let mark = cluster.audit().mark().await?;
    let label = json!({"spec": {"template": {"metadata": {"labels": {"changed": "true"}}}}});
    let templates = crowd.api::<StreamingJobTemplate>();
    let patch = Patch::Merge(json!({"spec": label}));
    templates
        .patch("sample-streaming", &PatchParams::default(), &patch)
        .await?;
    for _ in 0..ALONE {
        others.bring_up().await?;
    }
    measure::settled(cluster).await?;

    let record = cluster.audit().since(mark).await?;
    let writes = record.by_user(OPERATOR_USER).except(&["leases"]).writes();
    let of_crowd = writes.in_namespace(crowd.namespace()).except(&["events"]);
    let (busiest, busy) = (writes.most_within(WINDOW)?, others.times());
    let mut figures = Figures::default();
    let mut add = |name, label, unit, value| figures.add(name, label, unit, Across::Largest, value);
    add(
        "template_writes",
        "template: writes per stream",
        Unit::PerStream,
        number(of_crowd.len()) / f64::from(streams),
    );
    add(
        "template_jobs",
        "template: Jobs touched",
        Unit::Count,
        number(of_crowd.filter(|request| request.resource == "jobs").len()),
    );
    add(
        "busiest",
        "template: busiest five seconds, of the budget",
        Unit::Share,
        number(busiest) / (f64::from(BUDGET) * WINDOW.as_secs_f64()),
    );
    add(
        "template_other",
        "template: stream of another class to Running",
        Unit::Milliseconds,
        busy.median() / 1000.0,
    );
    Ok(figures)
}

/// Streams of another class, one after the other.
struct Others<'p> {
    plugin: &'p Plugin<'p>,
    made: u32,
    took: Vec<Duration>,
}

impl<'p> Others<'p> {
    fn of(plugin: &'p Plugin<'p>) -> Self {
        Self {
            plugin,
            made: 0,
            took: Vec::new(),
        }
    }

    /// Creates the next one, and waits until it runs.
    async fn bring_up(&mut self) -> Result<()> {
        let object = streams::definition(self.plugin, self.made);
        let name = streams::name(self.made);
        self.made += 1;
        let begun = Instant::now();
        let definitions = self.plugin.definitions();
        definitions.create(&PostParams::default(), &object).await?;
        let runs = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| object.data["status"]["phase"] == "Running")
        };
        let running = timeout(PATIENCE, await_condition(definitions, &name, runs)).await;
        running.with_context(|| format!("{name} of another class does not run"))??;
        self.took.push(begun.elapsed());
        Ok(())
    }

    /// One after the other, until one fails.
    async fn bring_up_for_ever(&mut self) -> anyhow::Error {
        loop {
            if let Err(error) = self.bring_up().await {
                return error;
            }
        }
    }

    /// How long those took that came since this was asked last.
    fn times(&mut self) -> Times {
        Times::new(std::mem::take(&mut self.took))
    }
}
