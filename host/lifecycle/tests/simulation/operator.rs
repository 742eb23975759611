//! The operator's work: observe, decide, carry out; and what must come of it in the end.

use arcane_lifecycle::{Backend, Event, Phase, RequestPhase, plan};

use crate::{
    action::Action,
    cluster::{Cluster, Done},
    objects::{Job, Request},
    plugin::{Plugin, consult},
};

/// Looks that may be needed until the operator has nothing more to do, if nothing else happens.
const MOST_ROUNDS: usize = 4;
/// Times that the operator may have to wait for pods and backfills until all is as it should be:
/// two for each of the requests there can be, and some.
const MOST_WAITS: usize = 16;

/// What came of one look at the stream.
#[derive(Debug, Default)]
pub struct Round {
    /// Writes to the API server.
    pub writes: usize,
    /// Events that were published.
    pub events: Vec<Event>,
}

/// One look at the stream that carries out the whole plan.
pub fn reconcile(cluster: &mut Cluster) -> Round {
    look(cluster, &mut usize::MAX.clone())
}

/// One look that ends with a crash when `budget` writes are spent.
pub fn look(cluster: &mut Cluster, budget: &mut usize) -> Round {
    let mut observed = cluster.observe();
    let (goal, rendering) = consult(cluster.state.plugin, &mut observed, |goal| {
        cluster.render(goal)
    });
    let plan = plan(&observed, &goal, &rendering);
    let mut round = Round::default();
    for step in &plan.steps {
        match cluster.carry_out(step, &goal, &observed) {
            Done::Nothing => {}
            Done::Halted => {
                round.writes += 1;
                return round;
            }
            Done::Written => {
                round.writes += 1;
                *budget -= 1;
                if *budget == 0 {
                    cluster.state.completed_requests.clear();
                    return round;
                }
            }
        }
    }
    // A plugin is asked about its own time once.
    cluster.state.tick = None;
    round.events = plan.events;
    round
}

/// Looks until there is nothing to do; a crash happens when the budget of writes is spent.
pub fn work_with_crash(cluster: &mut Cluster, budget: &mut usize) -> Vec<Round> {
    let mut rounds = Vec::new();
    let mut crashes = 0;
    loop {
        let round = look(cluster, budget);
        if round.writes == 0 {
            return rounds;
        }
        rounds.push(round);
        if *budget == 0 {
            *budget = usize::MAX;
            crashes += 1;
        }
        assert!(
            rounds.len() <= MOST_ROUNDS + crashes,
            "the operator does not come to rest: {cluster:#?}"
        );
    }
}

/// Looks until there is nothing to do.
pub fn work(cluster: &mut Cluster) -> Vec<Round> {
    work_with_crash(cluster, &mut usize::MAX.clone())
}

/// From here on nothing stands in the way and no user does anything: pods end when they are told
/// to, and backfills succeed.
pub fn settle(cluster: &mut Cluster) {
    Action::CreateTemplate.happen(cluster);
    Action::FreeJobName.happen(cluster);
    for _ in 0..MOST_WAITS {
        work(cluster);
        let before = cluster.state.clone();
        Action::PodsEnd.happen(cluster);
        Action::RunsEnd.happen(cluster);
        let is_backfill = cluster
            .state
            .job
            .as_ref()
            .is_some_and(|job| job.request.is_some());
        if is_backfill && cluster.state.backend.is_some() {
            Action::JobSucceeds.happen(cluster);
        }
        if cluster.state == before {
            return;
        }
    }
    panic!("the stream does not come to rest: {cluster:#?}");
}

/// The state that the definition asks for is reached, as far as the plugin lets it be, and looking
/// again changes and tells nothing.
pub fn assert_settled(cluster: &Cluster) {
    let state = &cluster.state;
    let context = || format!("{cluster:#?}");
    let is_idle = state.job.is_none() && state.cron_job.is_none();
    let is_problem = state.backend.is_none() || state.plugin == Plugin::Silent;
    match state.backend {
        _ if state.suspended => {
            assert!(is_idle && state.phase == Phase::Suspended, "{}", context());
        }
        _ if state.phase == Phase::Failed => assert!(is_idle, "{}", context()),
        _ if is_problem => {}
        _ if holds(cluster) => {
            assert_eq!(state.phase, Phase::Pending, "{}", context());
            assert!(state.cron_job.is_none(), "{}", context());
        }
        None => {}
        Some(backend) => {
            let mut requests = state.requests.iter();
            let next = requests
                .find(|request| !request.completed && request.phase != Some(RequestPhase::Stopped));
            assert!(next.is_none_or(Request::is_postponed), "{}", context());
            match backend {
                Backend::ChangeCapture => assert_streaming(cluster),
                Backend::Batch => {
                    let cron_job = state.cron_job.as_ref().unwrap();
                    assert!(state.job.is_none(), "{}", context());
                    assert_eq!(state.phase, Phase::Scheduled, "{}", context());
                    assert_eq!(cron_job.spec, state.spec, "{}", context());
                    assert_eq!(cron_job.template, state.template, "{}", context());
                }
            }
        }
    }
    let again = reconcile(&mut cluster.clone());
    assert_eq!(again.writes, 0, "{}", context());
    assert!(is_problem || again.events.is_empty(), "{again:#?}");
}

/// Whether a Job that has ended waits for its time.
fn holds(cluster: &Cluster) -> bool {
    cluster.state.job.as_ref().is_some_and(Job::is_held)
}

fn assert_streaming(cluster: &Cluster) {
    let state = &cluster.state;
    let job = state.job.as_ref().unwrap();
    assert!(state.cron_job.is_none(), "{cluster:#?}");
    assert_eq!(state.phase, Phase::Running, "{cluster:#?}");
    assert_eq!(job.request, None, "{cluster:#?}");
    assert_eq!(job.end, None, "{cluster:#?}");
    let is_kept = job.is_kept(cluster.generation());
    assert!(job.spec == state.spec || is_kept, "{cluster:#?}");
    assert!(
        state.restart == 0 || job.restart == state.restart,
        "{cluster:#?}"
    );
    assert!(
        !state.is_rolling || job.template == state.template || is_kept,
        "{cluster:#?}"
    );
}
