//! Every combination of what can be observed, held against the rules that every plan obeys.

mod decided;
mod inputs;
mod rules;
#[path = "../support/mod.rs"]
mod support;

use std::io::{self, Write as _};

use arcane_lifecycle::{
    Backend, Decisions, Goal, Observed, Phase, Plan, Rendering, attempt, goal, plan, question,
    spec_change,
};
use inputs::*;
use rules::Rule;
use support::*;

/// A plan, and what it was made for.
pub struct Case {
    observed: Observed,
    goal: Goal,
    is_renderable: bool,
    plan: Plan,
}

#[test]
fn every_plan_for_every_observation_obeys_the_rules() {
    let (jobs, cron_jobs, requests) = (jobs(), cron_jobs(), requests());
    let mut count = 0;
    for phase in Phase::ALL {
        for suspended in [false, true] {
            for backend in [None, Some(Backend::ChangeCapture), Some(Backend::Batch)] {
                for job in &jobs {
                    for cron_job in &cron_jobs {
                        for requests in &requests {
                            let mut observed = given(phase).0;
                            observed.stream.suspended = suspended;
                            observed.stream.backend = backend;
                            observed.stream.restart = Some("now".into());
                            observed.job = job.clone();
                            observed.cron_job = cron_job.clone();
                            observed.requests = requests.clone();
                            count += check(&observed, &rules::RULES);
                            observed.completed_requests = vec![INITIAL.into(), SCHEMA.into()];
                            count += check(&observed, &rules::RULES);
                        }
                    }
                }
            }
        }
    }
    announce(count);
}

#[test]
fn every_plan_with_every_decision_obeys_the_rules() {
    let requests = decided_requests();
    let rules: Vec<_> = rules::RULES.into_iter().chain(decided::RULES).collect();
    let mut count = 0;
    for phase in [
        Phase::New,
        Phase::Running,
        Phase::Backfilling,
        Phase::Suspended,
    ] {
        for backend in [None, Some(Backend::ChangeCapture), Some(Backend::Batch)] {
            for job in decided_jobs() {
                for decisions in decisions(job.as_ref()) {
                    for (requests, completed) in &requests {
                        let mut observed = given(phase).0;
                        observed.stream.backend = backend;
                        observed.job = job.clone();
                        observed.requests = requests.clone();
                        observed.completed_requests = completed.clone();
                        observed.decisions = decisions.clone();
                        count += check(&observed, &rules);
                    }
                }
            }
        }
    }
    announce(count);
}

#[test]
fn no_decision_bears_on_a_stream_that_is_suspended_or_has_failed() {
    let requests = decided_requests();
    for (phase, suspended) in [
        (Phase::Running, true),
        (Phase::Suspended, true),
        (Phase::Failed, true),
        (Phase::Failed, false),
    ] {
        for job in decided_jobs() {
            for decisions in decisions(job.as_ref()) {
                for (requests, _) in &requests {
                    let mut observed = given(phase).0;
                    observed.stream.suspended = suspended;
                    observed.job = job.clone();
                    observed.requests = requests.clone();
                    observed.decisions = decisions.clone();
                    let decided = goal(&observed);
                    assert!(matches!(decided, Goal::Nothing(_)), "{observed:#?}");
                    assert_eq!(question(&observed), None, "{observed:#?}");
                    assert_eq!(attempt(&observed, &decided), 0, "{observed:#?}");
                    let rendering = Rendering::Ready(fingerprint());
                    assert!(
                        !spec_change(&observed, &decided, &rendering),
                        "{observed:#?}"
                    );
                    let with = plan(&observed, &decided, &Rendering::NotNeeded);
                    observed.decisions = Decisions::default();
                    let without = plan(&observed, &decided, &Rendering::NotNeeded);
                    assert_eq!(with, without, "{observed:#?}");
                    assert!(with.decided.is_empty(), "{observed:#?}");
                }
            }
        }
    }
}

/// Past the capture: how much was looked at belongs to the result.
fn announce(count: usize) {
    let _ = writeln!(io::stderr(), "looked at {count} plans");
}

/// Checks the plans with and without a template; returns their number.
fn check(observed: &Observed, rules: &[Rule]) -> usize {
    let goal = goal(observed);
    let renderings = match goal {
        Goal::Nothing(_) => vec![Rendering::NotNeeded],
        _ => vec![
            Rendering::Ready(fingerprint()),
            Rendering::Impossible(problem()),
        ],
    };
    for rendering in &renderings {
        let case = Case {
            plan: plan(observed, &goal, rendering),
            goal: goal.clone(),
            is_renderable: !matches!(rendering, Rendering::Impossible(_)),
            observed: observed.clone(),
        };
        for rule in rules {
            if let Err(broken) = rule(&case) {
                panic!(
                    "{broken}: {observed:#?}\n{:#?}\n{:#?}",
                    case.goal, case.plan
                );
            }
        }
    }
    renderings.len()
}
