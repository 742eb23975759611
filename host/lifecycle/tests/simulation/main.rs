//! The operator's work on a simulated cluster, whatever happens in whichever order, and wherever
//! it is interrupted.
#![expect(
    clippy::unwrap_used,
    reason = "an object that is missing fails the test"
)]

mod action;
mod cluster;
#[path = "../support/objects.rs"]
mod objects;
mod operator;
#[path = "../support/plugin.rs"]
mod plugin;

use std::{
    collections::{HashSet, VecDeque},
    fmt::Arguments,
    io::{self, Write as _},
};

use action::Action;
use arcane_lifecycle::{Backend, Phase, RequestRecord};
use cluster::Cluster;
use operator::{assert_settled, look, reconcile, settle, work, work_with_crash};
use plugin::{Plugin, Tick};
use proptest::prelude::*;

const CHANGE_CAPTURE: Option<Backend> = Some(Backend::ChangeCapture);
const BATCH: Option<Backend> = Some(Backend::Batch);

#[test]
fn a_stream_costs_eight_writes_and_two_events_from_creation_to_running() {
    let mut cluster = Cluster::new(CHANGE_CAPTURE);
    let mut rounds = work(&mut cluster);
    assert_eq!(cluster.state.phase, Phase::Backfilling);
    Action::JobSucceeds.happen(&mut cluster);
    rounds.extend(work(&mut cluster));
    assert_eq!(cluster.state.phase, Phase::Running);
    assert_settled(&cluster);

    let writes: usize = rounds.iter().map(|round| round.writes).sum();
    let events: Vec<_> = rounds
        .iter()
        .flat_map(|round| &round.events)
        .map(|event| event.reason)
        .collect();
    assert_eq!(writes, 8);
    assert_eq!(events, ["StreamCreated", "BackfillCompleted"]);
}

#[test]
fn whatever_happens_a_change_capture_stream_reaches_what_its_definition_asks_for() {
    explore(Cluster::new(CHANGE_CAPTURE), &Action::ALL, 6);
}

#[test]
fn whatever_happens_a_batch_stream_reaches_what_its_definition_asks_for() {
    explore(Cluster::new(BATCH), &Action::ALL, 6);
}

#[test]
fn whatever_a_plugin_says_of_backfills_the_stream_comes_to_rest_and_recovers_without_it() {
    explore(Cluster::new(CHANGE_CAPTURE), &Action::BACKFILLS, 6);
}

#[test]
fn whatever_a_plugin_says_of_ends_the_stream_comes_to_rest_and_recovers_without_it() {
    explore(running(), &Action::ENDS, 5);
}

#[test]
fn whatever_a_plugin_says_of_what_runs_the_stream_comes_to_rest_and_recovers_without_it() {
    explore(running(), &Action::RUNS, 5);
}

#[test]
fn whether_a_plugin_says_nothing_or_much_the_stream_comes_to_rest_and_recovers_without_it() {
    explore(Cluster::new(CHANGE_CAPTURE), &Action::MOODS, 5);
}

#[test]
fn a_crash_after_any_write_of_a_short_story_changes_nothing_of_its_end() {
    let mut crashes = 0;
    for backend in [CHANGE_CAPTURE, BATCH] {
        for first in Action::ALL {
            for second in Action::ALL {
                for third in [Action::JobSucceeds, Action::Resume, Action::CreateTemplate] {
                    crashes += assert_crashes_change_nothing(backend, &[first, second, third]);
                }
            }
        }
    }
    announce(format_args!("crashed {crashes} times in short stories"));
}

#[test]
fn a_crash_after_any_write_changes_nothing_of_what_comes_of_a_plugins_word() {
    let happenings = [
        Action::JobSucceeds,
        Action::JobFails,
        Action::SchemaChanges,
        Action::ChangeSpec,
        Action::CreateRequest,
        Action::Tick(Tick::Restart),
        Action::Tick(Tick::Backfill),
        Action::TimePasses,
    ];
    let mut crashes = 0;
    for plugin in Plugin::ALL {
        for first in happenings {
            for second in happenings {
                let plug = Action::Plug(plugin);
                let at_first = [plug, first, second, Action::TimePasses];
                let later = [Action::JobSucceeds, plug, first, second, Action::TimePasses];
                crashes += assert_crashes_change_nothing(CHANGE_CAPTURE, &at_first);
                crashes += assert_crashes_change_nothing(CHANGE_CAPTURE, &later);
            }
        }
    }
    announce(format_args!("crashed {crashes} times under plugins"));
}

/// A stream whose first backfill is over.
fn running() -> Cluster {
    let mut cluster = Cluster::new(CHANGE_CAPTURE);
    settle(&mut cluster);
    cluster
}

/// Past the capture: how much was explored belongs to the result.
fn announce(figures: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{figures}");
}

/// Every state that these actions, the operator's work and its crashes lead to, in any order.
fn explore(start: Cluster, actions: &[Action], depth: usize) {
    let mut seen = HashSet::from([start.state.clone()]);
    let mut queue = VecDeque::from([(start, 0)]);
    let mut transitions = 0;
    while let Some((cluster, distance)) = queue.pop_front() {
        assert_recovers(&cluster);
        if distance == depth {
            continue;
        }
        for next in successors(&cluster, actions) {
            transitions += 1;
            if seen.insert(next.state.clone()) {
                queue.push_back((next, distance + 1));
            }
        }
    }
    announce(format_args!(
        "explored {} states by {transitions} transitions, up to {depth} deep",
        seen.len()
    ));
}

fn successors(cluster: &Cluster, actions: &[Action]) -> Vec<Cluster> {
    let mut successors = Vec::new();
    for action in actions {
        let mut next = cluster.clone();
        action.happen(&mut next);
        successors.push(next);
    }
    let mut whole = cluster.clone();
    let writes = reconcile(&mut whole).writes;
    successors.push(whole);
    for mut crash_after in 1..=writes {
        let mut crashed = cluster.clone();
        look(&mut crashed, &mut crash_after);
        successors.push(crashed);
    }
    successors
}

/// Left alone, the stream comes to rest. Without a plugin, or when that no longer has anything to
/// say, it comes to what its definition asks for; if it failed, once the user has suspended and
/// resumed it.
fn assert_recovers(cluster: &Cluster) {
    let mut cluster = cluster.clone();
    settle(&mut cluster);
    assert_settled(&cluster);
    Action::Plug(Plugin::None).happen(&mut cluster);
    Action::TimePasses.happen(&mut cluster);
    settle(&mut cluster);
    assert_settled(&cluster);
    if cluster.state.phase == Phase::Failed {
        Action::Suspend.happen(&mut cluster);
        settle(&mut cluster);
        assert_settled(&cluster);
        Action::Resume.happen(&mut cluster);
        settle(&mut cluster);
        assert_settled(&cluster);
        assert_ne!(cluster.state.phase, Phase::Failed, "{cluster:#?}");
    }
}

/// Lets one thing happen after the other, with time for the operator in between, and has the
/// operator crash once at this write. Returns the end, and the number of writes.
fn play(backend: Option<Backend>, story: &[Action], crash_at: usize) -> (Cluster, usize) {
    let mut cluster = Cluster::new(backend);
    let mut budget = crash_at;
    let mut writes = 0;
    let mut work = |cluster: &mut Cluster| {
        let rounds = work_with_crash(cluster, &mut budget);
        writes += rounds.iter().map(|round| round.writes).sum::<usize>();
    };
    work(&mut cluster);
    for action in story {
        action.happen(&mut cluster);
        work(&mut cluster);
        Action::PodsEnd.happen(&mut cluster);
        Action::RunsEnd.happen(&mut cluster);
        work(&mut cluster);
    }
    // What the operator remembers is not part of the end. A crash just after the deletion of a
    // failed Job makes what follows a first run: its attempts are counted anew, and the plugin is
    // asked about its request.
    cluster.state.completed_requests.clear();
    if let Some(job) = &mut cluster.state.job {
        job.attempt = 0;
    }
    for request in &mut cluster.state.requests {
        request
            .record
            .take_if(|record| *record == RequestRecord::Run);
    }
    (cluster, writes)
}

/// Returns the number of crashes.
fn assert_crashes_change_nothing(backend: Option<Backend>, story: &[Action]) -> usize {
    let (undisturbed, writes) = play(backend, story, usize::MAX);
    for crash_at in 1..=writes {
        let (end, _) = play(backend, story, crash_at);
        let context = || format!("{story:?}, crash at write {crash_at}");
        assert_eq!(end.state, undisturbed.state, "{}", context());
        assert_eq!(end.status, undisturbed.status, "{}", context());
    }
    writes
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => prop::sample::select(Action::ALL.to_vec()),
        1 => prop::sample::select(Action::BACKFILLS.to_vec()),
        1 => prop::sample::select(Action::ENDS.to_vec()),
        1 => prop::sample::select(Action::RUNS.to_vec()),
        1 => prop::sample::select(Action::MOODS.to_vec()),
    ]
}

proptest! {
    #[test]
    fn after_a_long_story_with_crashes_the_stream_reaches_what_its_definition_asks_for(
        backend in prop::sample::select(vec![CHANGE_CAPTURE, BATCH]),
        story in prop::collection::vec((any_action(), 0_usize..8), 0..60),
    ) {
        let mut cluster = Cluster::new(backend);
        for (action, crash_after) in story {
            action.happen(&mut cluster);
            // 0 is no look at all, so that more can happen between two.
            if let Some(mut budget) = (crash_after > 0).then_some(crash_after) {
                look(&mut cluster, &mut budget);
            }
        }
        assert_recovers(&cluster);
    }

    #[test]
    fn a_crash_after_any_write_of_a_long_story_changes_nothing_of_its_end(
        backend in prop::sample::select(vec![CHANGE_CAPTURE, BATCH]),
        story in prop::collection::vec(any_action(), 0..12),
    ) {
        assert_crashes_change_nothing(backend, &story);
    }
}
