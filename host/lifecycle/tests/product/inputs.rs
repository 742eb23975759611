//! What there is to observe.

use std::time::Duration;

use arcane_lifecycle::{
    BackfillDecision, CronJobView, Decisions, Failure, JobRecord, JobState, JobView, Outcome,
    Ownership, RequestPhase, RequestRecord, RequestView, Run, RunDecision, SpecDecision,
    TickDecision, Unanswered,
};

use crate::support::*;

pub const INITIAL: &str = "orders-initial-backfill-1351bcab67";
pub const SCHEMA: &str = "orders-schema-backfill-454683004b";
pub const RECOVERY: &str = "orders-recovery-backfill-454683004b";
pub const COMPLETION: &str = "orders-completion-backfill-454683004b";
pub const SPEC: &str = "orders-spec-backfill-3e124f38cf";
pub const TICK: &str = "orders-tick-backfill-6d2e7654ff";
/// A request that the user has made.
pub const OTHER: &str = "other";
/// All requests that the operator may make.
pub const DERIVED: [&str; 6] = [INITIAL, SCHEMA, RECOVERY, COMPLETION, SPEC, TICK];
/// What waits has to wait this long.
pub const WAIT: Duration = Duration::from_secs(60);

/// Without anything on record.
pub fn jobs() -> Vec<Option<JobView>> {
    let mut jobs = vec![None];
    let runs = [
        Run::Streaming,
        Run::Backfill(Some(INITIAL.into())),
        Run::Backfill(Some(OTHER.into())),
        Run::Backfill(None),
    ];
    let states = [
        JobState::Active,
        JobState::Finished(Outcome::Succeeded),
        JobState::Finished(Outcome::Failed(Failure::default())),
        JobState::Finished(Outcome::Disrupted),
    ];
    for run in runs {
        for state in &states {
            for terminating in [false, true] {
                for hash in [HASH, EQUIVALENT, OLD_HASH] {
                    for restart in [None, Some("now".to_owned())] {
                        for schema_mismatch in [false, true] {
                            jobs.push(Some(JobView {
                                configuration_hash: Some(hash.into()),
                                restart: restart.clone(),
                                schema_mismatch,
                                terminating,
                                state: state.clone(),
                                ..job(run.clone())
                            }));
                        }
                    }
                }
            }
        }
    }
    jobs.push(Some(foreign(streaming())));
    jobs.push(Some(foreign(terminating(streaming()))));
    jobs.push(Some(foreign(failed(streaming()))));
    jobs.push(Some(foreign(terminating(succeeded(streaming())))));
    jobs.push(Some(left(streaming())));
    jobs.push(Some(left(terminating(streaming()))));
    jobs.push(Some(left(failed(streaming()))));
    jobs.push(Some(left(succeeded(streaming()))));
    jobs
}

pub fn cron_jobs() -> Vec<Option<CronJobView>> {
    let (mut outdated, mut going, mut foreign) = (cron_job(), cron_job(), cron_job());
    outdated.configuration_hash = Some(OLD_HASH.into());
    going.terminating = true;
    foreign.ownership = Ownership::Foreign;
    let (mut left, mut left_going) = (cron_job(), cron_job());
    left.ownership = Ownership::Predecessors;
    left_going.ownership = Ownership::Predecessors;
    left_going.terminating = true;
    vec![
        None,
        Some(cron_job()),
        Some(outdated),
        Some(going),
        Some(foreign),
        Some(left),
        Some(left_going),
    ]
}

pub fn requests() -> Vec<Vec<RequestView>> {
    let request = |name: &str, phase| RequestView {
        name: name.into(),
        uid: name.into(),
        phase,
        record: None,
    };
    vec![
        vec![],
        vec![request(INITIAL, None)],
        vec![request(OTHER, Some(RequestPhase::Ready))],
        vec![request(OTHER, Some(RequestPhase::Stopped))],
        vec![request(INITIAL, None), request(OTHER, None)],
        vec![
            request(OTHER, Some(RequestPhase::Failed)),
            request(SCHEMA, Some(RequestPhase::Pending)),
        ],
    ]
}

/// With what may be on record, and what else matters then.
pub fn decided_jobs() -> Vec<Option<JobView>> {
    let mut jobs = vec![None];
    let runs = [
        Run::Streaming,
        Run::Backfill(Some(INITIAL.into())),
        Run::Backfill(Some(OTHER.into())),
        Run::Backfill(None),
    ];
    for run in runs {
        for terminating in [false, true] {
            let job = JobView {
                terminating,
                attempt: 1,
                ..job(run.clone())
            };
            for record in [None, kept(1, None), kept(1, Some(WAIT)), kept(0, None)] {
                for hash in [HASH, OLD_HASH] {
                    jobs.push(Some(JobView {
                        configuration_hash: Some(hash.into()),
                        record: record.clone(),
                        ..job.clone()
                    }));
                }
            }
            for record in [None, again(Duration::ZERO), again(WAIT)] {
                let job = JobView {
                    record,
                    ..job.clone()
                };
                jobs.push(Some(failed(job.clone())));
                jobs.push(Some(succeeded(job.clone())));
                if run == Run::Streaming {
                    jobs.push(Some(mismatched(succeeded(job))));
                }
            }
        }
        jobs.push(Some(disrupted(job(run.clone()))));
    }
    jobs
}

fn kept(generation: i64, wait: Option<Duration>) -> Option<JobRecord> {
    Some(JobRecord::Kept {
        generation,
        wait,
        reason: because(),
    })
}

fn again(wait: Duration) -> Option<JobRecord> {
    Some(JobRecord::Restart {
        wait,
        reason: because(),
    })
}

/// Open requests with what may be on record, and names of completed ones.
pub fn decided_requests() -> Vec<(Vec<RequestView>, Vec<String>)> {
    let request = |name: &str, phase, record| RequestView {
        name: name.into(),
        uid: name.into(),
        phase,
        record,
    };
    let run = || Some(RequestRecord::Run);
    let postponed = || {
        Some(RequestRecord::Postponed {
            wait: WAIT,
            reason: because(),
        })
    };
    let (pending, ready) = (Some(RequestPhase::Pending), Some(RequestPhase::Ready));
    let derived = DERIVED.map(str::to_owned).to_vec();
    vec![
        (vec![], vec![]),
        (vec![], derived),
        (vec![request(INITIAL, None, None)], vec![]),
        (vec![request(OTHER, ready, run())], vec![]),
        (vec![request(OTHER, pending, postponed())], vec![]),
        (
            vec![request(INITIAL, None, None), request(OTHER, None, None)],
            vec![],
        ),
        (
            vec![
                request(INITIAL, None, postponed()),
                request(OTHER, None, None),
            ],
            vec![],
        ),
        (vec![request(RECOVERY, None, run())], vec![]),
        (
            vec![request(OTHER, Some(RequestPhase::Failed), None)],
            vec![],
        ),
    ]
}

/// What a plugin may answer where there is this Job.
pub fn decisions(job: Option<&JobView>) -> Vec<Decisions> {
    let mut all = vec![Decisions {
        unanswered: Some(Unanswered {
            problem: problem(),
            retry: WAIT,
        }),
        ..Decisions::default()
    }];
    for backfill in backfill_decisions() {
        let decisions = Decisions {
            backfill,
            ..Decisions::default()
        };
        match job.map(|job| &job.state) {
            Some(JobState::Active) => {
                all.extend(spec_decisions().into_iter().map(|spec_change| Decisions {
                    spec_change,
                    ..decisions.clone()
                }));
                all.extend(tick_decisions().into_iter().map(|tick| Decisions {
                    tick: Some(tick),
                    ..decisions.clone()
                }));
            }
            Some(JobState::Finished(Outcome::Failed(_))) => {
                all.extend(run_decisions().into_iter().map(|failure| Decisions {
                    failure,
                    ..decisions.clone()
                }));
            }
            Some(JobState::Finished(Outcome::Succeeded)) => {
                all.extend(run_decisions().into_iter().map(|completion| Decisions {
                    completion,
                    ..decisions.clone()
                }));
            }
            Some(JobState::Finished(Outcome::Disrupted)) | None => all.push(decisions),
        }
    }
    all
}

fn backfill_decisions() -> Vec<Option<BackfillDecision>> {
    let reason = because();
    vec![
        None,
        Some(BackfillDecision::Run {
            reason: reason.clone(),
        }),
        Some(BackfillDecision::Skip {
            reason: reason.clone(),
        }),
        Some(BackfillDecision::Postpone {
            delay: WAIT,
            reason: reason.clone(),
        }),
        Some(BackfillDecision::Fail { reason }),
    ]
}

fn run_decisions() -> Vec<Option<RunDecision>> {
    let restart = |wait| RunDecision::Restart {
        wait,
        reason: because(),
    };
    vec![
        None,
        Some(restart(Duration::ZERO)),
        Some(restart(WAIT)),
        Some(RunDecision::Backfill { reason: because() }),
        Some(RunDecision::Fail { reason: because() }),
    ]
}

fn spec_decisions() -> Vec<Option<SpecDecision>> {
    let reason = because();
    vec![
        None,
        Some(SpecDecision::Skip {
            reason: reason.clone(),
        }),
        Some(SpecDecision::Postpone {
            delay: WAIT,
            reason: reason.clone(),
        }),
        Some(SpecDecision::Backfill {
            reason: reason.clone(),
        }),
        Some(SpecDecision::Fail { reason }),
    ]
}

fn tick_decisions() -> Vec<TickDecision> {
    let reason = because();
    vec![
        TickDecision::Restart {
            reason: reason.clone(),
        },
        TickDecision::Backfill {
            key: "monday".into(),
            reason: reason.clone(),
        },
        TickDecision::Fail { reason },
    ]
}

fn because() -> String {
    "because".into()
}
