//! Every order in which the operator's writes, its lagging caches, users, Jobs, crashes and lost
//! answers may take their turns, up to a number of each, explored by a model checker.
//!
//! The operator's decisions and its fences are the real ones; the API server is a few maps. A plugin
//! is of one mind for as long as there is one. What is left out: whether the operator is woken, as it
//! may look at any time here; templates; and that a Job's pods run at all.

mod action;
mod check;
mod event;
mod execute;
mod flaw;
mod lag;
mod memory;
#[path = "../support/objects.rs"]
mod objects;
mod operator;
#[path = "../support/plugin.rs"]
mod plugin;
mod world;

use std::{
    io::{self, Write as _},
    time::Instant,
};

use arcane_lifecycle::Backend;
use check::{
    AS_ASKED, AS_TOLD, Exploration, NEVER_TWO, NOT_FOR_NOBODY, NOT_IN_VAIN, NOT_LOST,
    NOT_SUSPENDED, NOT_TWICE, RESTS,
};
use event::Event;
use flaw::Flaw;
use plugin::Plugin;
use stateright::{Checker, HasDiscoveries, Model};
use world::{Left, Leftover};

const CHANGE_CAPTURE: Backend = Backend::ChangeCapture;
const BATCH: Backend = Backend::Batch;

/// Explores all there is, of which there must be so many different states.
fn explore(what: &str, exploration: Exploration, least: usize) {
    let begun = Instant::now();
    let checker = exploration.checker();
    let checker = checker.finish_when(HasDiscoveries::AnyFailures);
    let checker = checker.spawn_bfs().join();
    let (states, unique) = (checker.state_count(), checker.unique_state_count());
    // Past the capture: how much was explored belongs to the result.
    let _ = writeln!(
        io::stderr(),
        "{what}: {states} states, {unique} of them different, up to {} deep, in {:.1?}",
        checker.max_depth(),
        begun.elapsed(),
    );
    checker.assert_properties();
    assert!(
        unique >= least,
        "{what}: no more than {unique} states were explored"
    );
}

#[test]
fn whatever_two_things_happen_a_stream_is_safe_and_comes_to_rest() {
    let left = Left {
        events: 2,
        faults: 0,
    };
    let streams = Exploration::new(CHANGE_CAPTURE, &Event::ALL, left);
    explore("two events, change capture", streams, 250_000);
    let batches = Exploration::new(BATCH, &Event::ALL, left);
    explore("two events, batch", batches, 30_000);
}

#[test]
fn whatever_happens_and_fails_a_stream_is_safe_and_comes_to_rest() {
    let left = Left {
        events: 1,
        faults: 1,
    };
    let streams = Exploration::new(CHANGE_CAPTURE, &Event::ALL, left);
    explore("an event and a fault, change capture", streams, 90_000);
    let batches = Exploration::new(BATCH, &Event::ALL, left);
    explore("an event and a fault, batch", batches, 6_000);
}

#[test]
fn whatever_fails_twice_a_new_stream_is_safe_and_comes_to_rest() {
    let left = Left {
        events: 0,
        faults: 2,
    };
    let streams = Exploration::new(CHANGE_CAPTURE, &[], left);
    explore("two faults", streams, 5_000);
}

#[test]
fn whatever_an_earlier_definition_has_left_a_stream_is_safe_and_comes_to_rest() {
    let leftovers = [Leftover::Running, Leftover::Ended, Leftover::Scheduled];
    for (events, faults) in [(2, 0), (1, 1)] {
        let left = Left { events, faults };
        for backend in [CHANGE_CAPTURE, BATCH] {
            let exploration = Exploration::new(backend, &Event::AFTERMATH, left);
            let exploration = exploration.after(&leftovers);
            explore(
                &format!("leftovers, {backend:?}, {left:?}"),
                exploration,
                10_000,
            );
        }
    }
}

/// What a plugin has a say in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Say {
    Nothing,
    Backfills,
    Ends,
    WhatRuns,
    Everything,
}

fn say(plugin: Plugin) -> Say {
    match plugin {
        Plugin::None => Say::Nothing,
        Plugin::SkipsBackfills
        | Plugin::RunsBackfills
        | Plugin::PostponesBackfills
        | Plugin::RefusesBackfills => Say::Backfills,
        Plugin::RestartsAtOnce
        | Plugin::RestartsLater
        | Plugin::BackfillsAfterEnds
        | Plugin::FailsAfterEnds => Say::Ends,
        Plugin::KeepsSpecs
        | Plugin::PostponesSpecs
        | Plugin::BackfillsForSpecs
        | Plugin::FailsForSpecs => Say::WhatRuns,
        Plugin::Silent | Plugin::Meddles => Say::Everything,
    }
}

/// Each plugin that has a say in this, with two things that happen, and with one that happens and
/// one that fails.
fn explore_under(what: Say, events: &[Event], least: usize) {
    for plugin in Plugin::ALL.into_iter().filter(|it| say(*it) == what) {
        for left in [
            Left {
                events: 2,
                faults: 0,
            },
            Left {
                events: 1,
                faults: 1,
            },
        ] {
            let exploration = Exploration::new(CHANGE_CAPTURE, events, left).under(plugin);
            explore(&format!("{plugin:?}, {left:?}"), exploration, least);
        }
    }
}

#[test]
fn whatever_a_plugin_says_of_backfills_a_stream_is_safe_and_comes_to_rest() {
    explore_under(Say::Backfills, &Event::BACKFILLS, 2_500);
}

#[test]
fn whatever_a_plugin_says_of_ends_a_stream_is_safe_and_comes_to_rest() {
    explore_under(Say::Ends, &Event::ENDS, 30_000);
}

#[test]
fn whatever_a_plugin_says_of_what_runs_a_stream_is_safe_and_comes_to_rest() {
    explore_under(Say::WhatRuns, &Event::RUNS, 40_000);
}

#[test]
fn whether_a_plugin_says_nothing_or_much_a_stream_is_safe_and_comes_to_rest() {
    explore_under(Say::Everything, &Event::MOODS, 3_000);
}

/// A model check that finds nothing might look for nothing.
fn expect_found(flaw: Flaw, broken: &'static str, events: &[Event], left: Left) {
    expect_found_under(Plugin::None, flaw, broken, events, left);
}

fn expect_found_under(
    plugin: Plugin,
    flaw: Flaw,
    broken: &'static str,
    events: &[Event],
    left: Left,
) {
    let exploration = Exploration::new(CHANGE_CAPTURE, events, left);
    expect_found_in(exploration.under(plugin), flaw, broken);
}

fn expect_found_in(exploration: Exploration, flaw: Flaw, broken: &'static str) {
    let exploration = exploration.with(flaw);
    let checker = exploration.checker();
    let checker = checker.finish_when(HasDiscoveries::AnyOf([broken].into()));
    let checker = checker.spawn_bfs().join();
    let found = checker.discovery(broken);
    let found = found.unwrap_or_else(|| panic!("{flaw:?} is not found out: {broken}"));
    let _ = writeln!(
        io::stderr(),
        "{flaw:?} is found out by {} steps",
        found.into_actions().len()
    );
}

#[test]
fn an_operator_that_waits_for_no_pods_is_found_out() {
    let left = Left {
        events: 1,
        faults: 0,
    };
    expect_found(Flaw::WaitsForNoPods, NEVER_TWO, &[Event::Suspend], left);
}

#[test]
fn an_operator_that_takes_absence_for_success_is_found_out() {
    let left = Left {
        events: 1,
        faults: 0,
    };
    expect_found(
        Flaw::TakesAbsenceForSuccess,
        NOT_IN_VAIN,
        &[Event::DeleteJob],
        left,
    );
}

#[test]
fn an_operator_that_acts_on_views_older_than_its_writes_is_found_out() {
    let left = Left {
        events: 0,
        faults: 0,
    };
    expect_found(Flaw::IgnoresFences, NOT_TWICE, &[], left);
}

#[test]
fn an_operator_whose_first_lists_are_old_is_found_out() {
    let left = Left {
        events: 0,
        faults: 1,
    };
    expect_found(Flaw::ListsFromStaleCaches, NOT_TWICE, &[], left);
}

#[test]
fn an_operator_that_makes_again_what_went_with_its_definition_is_found_out() {
    let left = Left {
        events: 1,
        faults: 0,
    };
    expect_found(
        Flaw::TakesDefinitionForGranted,
        NOT_FOR_NOBODY,
        &[Event::DeleteDefinition],
        left,
    );
}

#[test]
fn an_operator_that_lets_jobs_of_suspended_streams_run_is_found_out() {
    let left = Left {
        events: 1,
        faults: 0,
    };
    expect_found(
        Flaw::IgnoresSuspension,
        NOT_SUSPENDED,
        &[Event::Suspend],
        left,
    );
}

#[test]
fn an_operator_that_records_too_late_is_found_out() {
    let left = Left {
        events: 1,
        faults: 1,
    };
    expect_found(
        Flaw::RecordsTooLate,
        NOT_LOST,
        &[Event::SchemaChanges],
        left,
    );
}

#[test]
fn an_operator_that_never_rests_is_found_out() {
    let left = Left {
        events: 0,
        faults: 0,
    };
    expect_found(Flaw::NeverRests, RESTS, &[], left);
}

#[test]
fn an_operator_that_does_not_start_again_is_found_out() {
    let left = Left {
        events: 1,
        faults: 0,
    };
    expect_found(Flaw::StartsOnce, AS_ASKED, &[Event::StreamSucceeds], left);
}

#[test]
fn an_operator_that_leaves_leftovers_to_the_garbage_collector_is_found_out() {
    let left = Left {
        events: 0,
        faults: 0,
    };
    let exploration = Exploration::new(CHANGE_CAPTURE, &[], left).after(&[Leftover::Running]);
    expect_found_in(exploration, Flaw::MindsNoLeftovers, AS_ASKED);
}

#[test]
fn an_operator_that_puts_no_restart_on_record_is_found_out() {
    let left = Left {
        events: 1,
        faults: 0,
    };
    expect_found_under(
        Plugin::RestartsLater,
        Flaw::KeepsNoRecords,
        AS_ASKED,
        &[Event::JobFails],
        left,
    );
}

#[test]
fn an_operator_that_forgets_what_a_plugin_has_put_off_is_found_out() {
    let left = Left {
        events: 1,
        faults: 0,
    };
    expect_found_under(
        Plugin::PostponesBackfills,
        Flaw::ForgetsThePlugin,
        AS_TOLD,
        &[Event::Unplug],
        left,
    );
}
