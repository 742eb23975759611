//! Plugins of simple minds, and how the operator asks them and keeps what they say.

use std::time::Duration;

use arcane_lifecycle::{
    BackfillDecision, Decisions, Goal, JobRecord, Observed, Problem, Question, Rendering,
    RequestRecord, RunDecision, SpecDecision, TickDecision, Trigger, Unanswered, goal, question,
    spec_change,
};

use crate::objects::{Job, Request};

/// Time that everything that waits has to wait, until it passes.
const WAIT: Duration = Duration::from_secs(60);

/// What a plugin says to whatever it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plugin {
    /// There is no plugin.
    None,
    /// It is asked, and answers nothing.
    Silent,
    SkipsBackfills,
    RunsBackfills,
    PostponesBackfills,
    RefusesBackfills,
    RestartsAtOnce,
    RestartsLater,
    BackfillsAfterEnds,
    FailsAfterEnds,
    KeepsSpecs,
    PostponesSpecs,
    BackfillsForSpecs,
    FailsForSpecs,
    /// It has its own way with everything and gives up nothing.
    Meddles,
}

/// What a plugin wants when its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tick {
    Restart,
    Backfill,
    Fail,
}

fn because() -> String {
    "because".into()
}

impl Plugin {
    /// All that there is to choose from.
    pub const ALL: [Plugin; 15] = [
        Plugin::None,
        Plugin::Silent,
        Plugin::SkipsBackfills,
        Plugin::RunsBackfills,
        Plugin::PostponesBackfills,
        Plugin::RefusesBackfills,
        Plugin::RestartsAtOnce,
        Plugin::RestartsLater,
        Plugin::BackfillsAfterEnds,
        Plugin::FailsAfterEnds,
        Plugin::KeepsSpecs,
        Plugin::PostponesSpecs,
        Plugin::BackfillsForSpecs,
        Plugin::FailsForSpecs,
        Plugin::Meddles,
    ];

    fn on_backfill(self) -> BackfillDecision {
        let reason = because();
        match self {
            Plugin::SkipsBackfills => BackfillDecision::Skip { reason },
            Plugin::RunsBackfills | Plugin::Meddles => BackfillDecision::Run { reason },
            Plugin::PostponesBackfills => BackfillDecision::Postpone {
                delay: WAIT,
                reason,
            },
            Plugin::RefusesBackfills => BackfillDecision::Fail { reason },
            _ => BackfillDecision::Default,
        }
    }

    fn on_end(self) -> RunDecision {
        let (reason, wait) = (because(), WAIT);
        match self {
            Plugin::RestartsAtOnce => RunDecision::Restart {
                wait: Duration::ZERO,
                reason,
            },
            Plugin::RestartsLater | Plugin::Meddles => RunDecision::Restart { wait, reason },
            Plugin::BackfillsAfterEnds => RunDecision::Backfill { reason },
            Plugin::FailsAfterEnds => RunDecision::Fail { reason },
            _ => RunDecision::Default,
        }
    }

    fn on_spec(self) -> SpecDecision {
        let reason = because();
        match self {
            Plugin::KeepsSpecs => SpecDecision::Skip { reason },
            Plugin::PostponesSpecs | Plugin::Meddles => SpecDecision::Postpone {
                delay: WAIT,
                reason,
            },
            Plugin::BackfillsForSpecs => SpecDecision::Backfill { reason },
            Plugin::FailsForSpecs => SpecDecision::Fail { reason },
            _ => SpecDecision::Default,
        }
    }
}

impl Tick {
    /// Always with the same key: the cluster has little time.
    pub fn decision(self) -> TickDecision {
        let reason = because();
        match self {
            Tick::Restart => TickDecision::Restart { reason },
            Tick::Backfill => TickDecision::Backfill {
                key: "tick".into(),
                reason,
            },
            Tick::Fail => TickDecision::Fail { reason },
        }
    }
}

/// Asks the plugin whatever there is to ask; returns the goal and what it looks like.
pub fn consult(
    plugin: Plugin,
    observed: &mut Observed,
    render: impl Fn(&Goal) -> Rendering,
) -> (Goal, Rendering) {
    if plugin != Plugin::None {
        while let Some(question) = question(observed) {
            let decisions = &mut observed.decisions;
            match question {
                _ if plugin == Plugin::Silent => decisions.unanswered = Some(unanswered()),
                Question::Backfill { .. } => decisions.backfill = Some(plugin.on_backfill()),
                Question::JobFailed => decisions.failure = Some(plugin.on_end()),
                Question::JobCompleted => decisions.completion = Some(plugin.on_end()),
            }
        }
    }
    let goal = goal(observed);
    let rendering = render(&goal);
    if plugin == Plugin::None || !spec_change(observed, &goal, &rendering) {
        return (goal, rendering);
    }
    if plugin == Plugin::Silent {
        observed.decisions.unanswered = Some(unanswered());
    } else {
        observed.decisions.spec_change = Some(plugin.on_spec());
    }
    assert!(
        !spec_change(observed, &goal, &rendering),
        "the same is asked twice"
    );
    let goal = arcane_lifecycle::goal(observed);
    let rendering = render(&goal);
    (goal, rendering)
}

fn unanswered() -> Unanswered {
    Unanswered {
        problem: Problem {
            reason: "PluginFailed",
            message: "the plugin does not answer".into(),
        },
        retry: WAIT,
    }
}

/// What is put on record on a Job.
pub fn job_record(decisions: &Decisions, trigger: Trigger, generation: i64) -> JobRecord {
    let restart = |decision: &Option<RunDecision>| match decision {
        Some(RunDecision::Restart { wait, reason }) => JobRecord::Restart {
            wait: *wait,
            reason: reason.clone(),
        },
        other => panic!("{other:?} is put on record"),
    };
    match (trigger, &decisions.spec_change) {
        (Trigger::JobFailed, _) => restart(&decisions.failure),
        (Trigger::JobCompleted, _) => restart(&decisions.completion),
        (Trigger::SpecChanged, Some(SpecDecision::Skip { reason })) => JobRecord::Kept {
            generation,
            wait: None,
            reason: reason.clone(),
        },
        (Trigger::SpecChanged, Some(SpecDecision::Postpone { delay, reason })) => JobRecord::Kept {
            generation,
            wait: Some(*delay),
            reason: reason.clone(),
        },
        other => panic!("{other:?} is put on record"),
    }
}

/// What is put on record on a request.
pub fn request_record(decisions: &Decisions) -> RequestRecord {
    match &decisions.backfill {
        Some(BackfillDecision::Postpone { delay, reason }) => RequestRecord::Postponed {
            wait: *delay,
            reason: reason.clone(),
        },
        _ => RequestRecord::Run,
    }
}

impl Request {
    /// What waits for its time has waited long enough.
    pub fn pass_time(&mut self) {
        if self.is_postponed() {
            self.record = None;
        }
    }

    /// Whether its backfill waits for its time.
    pub fn is_postponed(&self) -> bool {
        matches!(self.record, Some(RequestRecord::Postponed { .. }))
    }
}

impl Job {
    /// What waits for its time has waited long enough.
    pub fn pass_time(&mut self) {
        match &mut self.record {
            Some(JobRecord::Restart { wait, .. }) => *wait = Duration::ZERO,
            Some(JobRecord::Kept { wait: Some(_), .. }) => self.record = None,
            _ => {}
        }
    }

    /// Whether it has ended, and the next waits for its time.
    pub fn is_held(&self) -> bool {
        let waits =
            matches!(&self.record, Some(JobRecord::Restart { wait, .. }) if !wait.is_zero());
        self.end.is_some() && waits
    }

    /// Whether it goes on though it was made from another spec than that of this generation.
    pub fn is_kept(&self, now: i64) -> bool {
        matches!(self.record, Some(JobRecord::Kept { generation, .. }) if generation == now)
    }
}
