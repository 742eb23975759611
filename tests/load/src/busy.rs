//! `cargo xtask bench busy`: what a crowd of streams costs those who are not part of it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use arcane_cluster::audit::Record;
use arcane_cluster::{Cluster, Operator};
use arcane_contract::api::StreamingJobTemplate;
use arcane_e2e::{OPERATOR_USER, Platform, Plugin, READY_WITHIN};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;
use xtask::cli::Busy;

use crate::figures::{Across, Figures, Unit, number};
use crate::lifecycle::{installed, start};
use crate::machine::cores;
use crate::measure;
use crate::phases::Phases;
use crate::report::Subject;
use crate::restart::all_seen;
use crate::streams;
use crate::times::Times;

/// Streams of the crowd's own class that run before it comes, and are suspended while it is there.
const SUSPENDED: u32 = 100;
/// Between two suspensions, so that they are no part of the load.
const PACE: Duration = Duration::from_millis(400);
/// Streams of the other class that are brought to Running, one after the other, in peace.
const ALONE: u32 = 20;
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
             as many of another class created.\n  The operator's answer to the one is the Job's \
             deletion, to the other the Job's creation: the time\n  between the arrivals of both \
             requests at the API server. A round trip is what the suspending\n  request takes. \
             A bare watch of the crowd's kind only listens: what comes\n  before its word is the API \
             server's time, what comes after it the operator's. Then the\n  crowd's template \
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
    let mark = cluster.audit().mark().await?;
    for number in 0..ALONE {
        create_one(&other, number).await?;
        tokio::time::sleep(PACE).await;
    }
    measure::settled(&cluster).await?;
    let record = cluster.audit().since(mark).await?;
    let mut figures = Figures::default();
    let alone = answers(&exchanges(&record, &other, CREATED)?)?;
    add_times(
        &mut figures,
        "other_alone",
        "Job of a stream of another class, alone",
        &alone,
    );

    eprintln!("A crowd of {} streams", options.streams);
    let of_crowd = crowded(&cluster, &crowd, &other, &mut phases, options.streams).await;
    figures.extend(operator.testify(of_crowd)?);
    measure::settled(&cluster).await?;

    eprintln!("A change of the crowd's template");
    operator.stop(READY_WITHIN).await?;
    let all = options.streams + SUSPENDED;
    let operator = on_a_budget(&platform, usize::try_from(all)?).await?;
    figures.extend(template_changed(&cluster, &crowd, &other, options.streams).await?);
    operator.stop(READY_WITHIN).await?;
    Ok(figures)
}

/// All streams of the crowd appear at once.
async fn crowded(
    cluster: &Cluster,
    crowd: &Plugin<'_>,
    other: &Plugin<'_>,
    phases: &mut Phases,
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
            create_one(other, ALONE + number).await?;
        }
        Ok((round_trips, begun.elapsed()))
    };
    let running = async {
        let last = phases.all_running(streams).await?;
        Ok(last.duration_since(begun))
    };
    let ((), (round_trips, probed), took) = tokio::try_join!(creation, probes, running)?;
    ensure!(
        probed < took,
        "the crowd was gone in {took:?}, before the last suspension at {probed:?}: more streams \
         are needed"
    );
    measure::settled(cluster).await?;

    let record = cluster.audit().since(mark).await?;
    let suspensions = exchanges(&record, crowd, SUSPENSION)?;
    let deleted = answers(&suspensions)?;
    let Hearing { told, acted } = hearing(&suspensions, phases)?;
    let created = answers(&exchanges(&record, other, CREATED)?)?;
    let (round_trips, seconds) = (Times::new(round_trips), took.as_secs_f64());
    let mut figures = Figures::default();
    figures.add(
        "crowd",
        "crowd: all are running after",
        Unit::Seconds,
        Across::Median,
        seconds,
    );
    add_times(
        &mut figures,
        "round_trip",
        "crowd: round trip",
        &round_trips,
    );
    add_times(
        &mut figures,
        "suspended",
        "crowd: suspension to deletion of the Job",
        &deleted,
    );
    add_times(
        &mut figures,
        "suspended_heard",
        "crowd: suspension until a bare watch tells of it",
        &told,
    );
    add_times(
        &mut figures,
        "suspended_acted",
        "crowd: from there to deletion of the Job",
        &acted,
    );
    add_times(
        &mut figures,
        "other",
        "crowd: Job of a stream of another class",
        &created,
    );
    let mut add = |name, label, unit, value| figures.add(name, label, unit, Across::Median, value);
    add(
        "suspended_in_round_trips",
        "suspension to deletion, p99, in round trips, p99",
        Unit::Times,
        deleted.p99() / round_trips.p99(),
    );
    add(
        "suspended_acted_in_round_trips",
        "a bare watch's word to deletion, p99, in round trips, p99",
        Unit::Times,
        acted.p99() / round_trips.p99(),
    );
    add(
        "other_to_crowd",
        "Job of a stream of another class, p99, to the whole crowd",
        Unit::Share,
        created.p99() / 1e6 / seconds,
    );
    Ok(figures)
}

fn add_times(figures: &mut Figures, name: &str, label: &str, times: &Times) {
    let mut add = |name: &str, label: &str, microseconds| {
        let value = microseconds / 1000.0;
        figures.add(name, label, Unit::Milliseconds, Across::Median, value);
    };
    add(name, label, times.median());
    add(
        &format!("{name}_p99"),
        &format!("{label}, p99"),
        times.p99(),
    );
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

async fn create_one(plugin: &Plugin<'_>, number: u32) -> Result<()> {
    let object = streams::definition(plugin, number);
    let definitions = plugin.definitions();
    definitions.create(&PostParams::default(), &object).await?;
    Ok(())
}

/// What a user asks of a stream, by the verb, and what the operator does to its Job.
type Exchange = (&'static str, &'static str);

const SUSPENSION: Exchange = ("patch", "delete");
const CREATED: Exchange = ("create", "create");

/// What a user asked of a stream, and the operator's first answer.
struct Exchanged {
    stream: String,
    asked: Timestamp,
    done: Timestamp,
}

/// Each request of a user with the operator's first answer.
fn exchanges(
    record: &Record,
    plugin: &Plugin<'_>,
    (asked, done): Exchange,
) -> Result<Vec<Exchanged>> {
    let record = record.in_namespace(plugin.namespace()).writes();
    let (mut questions, mut answers) = (HashMap::new(), HashMap::new());
    for request in record.iter() {
        let by_operator = request.user == OPERATOR_USER;
        let times = if by_operator && request.resource == "jobs" && request.verb == done {
            &mut answers
        } else if !by_operator && request.resource == plugin.kind().plural && request.verb == asked
        {
            &mut questions
        } else {
            continue;
        };
        let time = request.received_at()?;
        times.entry(request.name.as_str()).or_insert(time);
    }
    let exchanged = |(name, asked): (&str, Timestamp)| {
        let done = answers.get(name);
        let done = *done.with_context(|| format!("nothing was done to the Job of {name}"))?;
        let stream = name.to_owned();
        Ok(Exchanged {
            stream,
            asked,
            done,
        })
    };
    questions.into_iter().map(exchanged).collect()
}

/// Times from each request to its answer.
fn answers(exchanges: &[Exchanged]) -> Result<Times> {
    let answer = |it: &Exchanged| between(it.asked, it.done);
    let times: Vec<_> = exchanges.iter().map(answer).collect::<Result<_>>()?;
    Ok(Times::new(times))
}

/// How the time of suspensions divides: between the API server, which has to tell, and the operator.
struct Hearing {
    /// From the request until a bare watch told of it.
    told: Times,
    /// From there until the Job's deletion arrived; nothing where the operator was told first.
    acted: Times,
}

fn hearing(suspensions: &[Exchanged], phases: &Phases) -> Result<Hearing> {
    let (mut told, mut acted) = (Vec::new(), Vec::new());
    for Exchanged {
        stream,
        asked,
        done,
    } in suspensions
    {
        let heard = phases.heard_suspended(stream);
        let heard = heard.with_context(|| format!("no watch told that {stream} is suspended"))?;
        told.push(between(*asked, heard)?);
        acted.push(between(heard.min(*done), *done)?);
    }
    Ok(Hearing {
        told: Times::new(told),
        acted: Times::new(acted),
    })
}

fn between(earlier: Timestamp, later: Timestamp) -> Result<Duration> {
    Ok(Duration::try_from(later.duration_since(earlier))?)
}

/// An operator that may not write as fast as it could, once it has looked at all streams.
async fn on_a_budget(platform: &Platform<'_>, streams: usize) -> Result<Operator> {
    let budget = BUDGET.to_string();
    let operator = installed(platform).env("ARCANE_HOST__WRITES_PER_SECOND", budget);
    let mut operator = operator.start().await?;
    operator.wait_ready(READY_WITHIN).await?;
    all_seen(std::slice::from_ref(&operator), streams).await?;
    Ok(operator)
}

/// The template of all streams of the crowd changes.
async fn template_changed(
    cluster: &Cluster,
    crowd: &Plugin<'_>,
    other: &Plugin<'_>,
    streams: u32,
) -> Result<Figures> {
    let mark = cluster.audit().mark().await?;
    let label = json!({"spec": {"template": {"metadata": {"labels": {"changed": "true"}}}}});
    let templates = crowd.api::<StreamingJobTemplate>();
    let patch = Patch::Merge(json!({"spec": label}));
    templates
        .patch("sample-streaming", &PatchParams::default(), &patch)
        .await?;
    for number in 0..ALONE {
        create_one(other, ALONE + SUSPENDED + number).await?;
        tokio::time::sleep(PACE).await;
    }
    measure::settled(cluster).await?;

    let record = cluster.audit().since(mark).await?;
    let created = answers(&exchanges(&record, other, CREATED)?)?;
    let writes = record.by_user(OPERATOR_USER).except(&["leases"]).writes();
    let of_crowd = writes.in_namespace(crowd.namespace()).except(&["events"]);
    let busiest = writes.most_within(WINDOW)?;
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
    add_times(
        &mut figures,
        "template_other",
        "template: Job of a stream of another class",
        &created,
    );
    Ok(figures)
}
