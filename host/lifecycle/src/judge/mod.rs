//! What an observation and a plugin's decisions come to.

mod verdict;

pub(crate) use verdict::{
    BackfillRuling, BackfillVerdict, JobVerdict, Ruling, is_completed_streaming,
};

use crate::{
    Backend, BackfillRun, Goal, Idle, JobView, Observed, Phase, Question, RequestOrigin, Run,
    Trigger, requests,
};
use verdict::{Word, word_after_end, word_on_backfill, word_on_job};

/// What should be done, and which decisions led to it.
pub(crate) struct Judgement<'a> {
    /// What the stream should be doing.
    pub(crate) goal: Goal,
    /// Requests that are to be made.
    pub(crate) due: Vec<BackfillRun>,
    /// The decision about the own Job, unless that is what happens without a plugin.
    pub(crate) job: Option<JobVerdict<'a>>,
    /// The decision about the next backfill, unless that is what happens without a plugin.
    pub(crate) backfill: Option<BackfillVerdict<'a>>,
    /// What nobody has decided on yet.
    pub(crate) question: Option<Question>,
}

/// Weighs an observation with the decisions that it holds.
pub(crate) fn judge(observed: &Observed) -> Judgement<'_> {
    let stream = &observed.stream;
    let mut judgement = Judgement {
        goal: Goal::Nothing(Idle::Suspended),
        due: requests::due(observed),
        job: None,
        backfill: None,
        question: None,
    };
    if stream.suspended {
        return judgement;
    }
    if stream.phase == Phase::Failed {
        return judgement.nothing(Idle::Failed);
    }
    if observed.decisions.unanswered.is_some() {
        return judgement.nothing(Idle::Waiting);
    }
    if let Some(job) = observed.failed_job() {
        match word_after_end(observed, job, Trigger::JobFailed) {
            Word::Given(verdict) => judgement.heed(observed, verdict),
            Word::Undecided => {
                judgement.question = Some(Question::JobFailed);
                return judgement.fails_with_job();
            }
            Word::Default => return judgement.fails_with_job(),
        }
        match judgement.job_ruling() {
            Some(Ruling::Wait(_)) => return judgement.nothing(Idle::Waiting),
            Some(Ruling::Fail) => return judgement.fails_with_job(),
            _ => {}
        }
    }
    match stream.backend {
        None => judgement.nothing(Idle::NoBackend),
        Some(Backend::ChangeCapture) => judgement.with_next_backfill(observed, Goal::Stream),
        Some(Backend::Batch) => judgement.with_next_backfill(observed, Goal::Schedule),
    }
}

impl<'a> Judgement<'a> {
    /// What is to become of the own Job, if a plugin has it its own way.
    pub(crate) fn job_ruling(&self) -> Option<&Ruling> {
        self.job.as_ref().map(|verdict| &verdict.ruling)
    }

    fn nothing(mut self, idle: Idle) -> Self {
        self.goal = Goal::Nothing(idle);
        self
    }

    /// A stream whose Job fails before the stream was ever seen has no first backfill: once
    /// resumed, it is not new any more.
    fn fails_with_job(mut self) -> Self {
        self.due.retain(|run| run.origin != RequestOrigin::Initial);
        self.nothing(Idle::Failed)
    }

    /// Takes in a decision about the own Job.
    fn heed(&mut self, observed: &Observed, verdict: JobVerdict<'a>) {
        if let Ruling::Backfill(request) = &verdict.ruling
            && !requests::is_made(observed, request)
        {
            self.due.push(BackfillRun {
                request: request.clone(),
                origin: RequestOrigin::Decided(verdict.trigger),
            });
        }
        self.job = Some(verdict);
    }

    /// The goal is the next backfill, if the plugin lets it run, else the regular one.
    fn with_next_backfill(mut self, observed: &'a Observed, regular: Goal) -> Self {
        let again = self.backfill_again(observed);
        let candidates = requests::candidates(observed, again.as_deref(), &self.due);
        let Some(next) = candidates.first() else {
            return self.with_job(observed, regular);
        };
        let goal = Goal::Backfill(next.clone());
        let under_way = requests::under_way(observed);
        if again.is_some() || under_way.is_some_and(|request| request.name == next.request) {
            return self.with_job(observed, goal);
        }
        match word_on_backfill(observed, next) {
            Word::Default => self.with_job(observed, goal),
            Word::Undecided => {
                self.question = Some(Question::Backfill {
                    trigger: requests::trigger_of(&observed.stream, next),
                    request: next.request.clone(),
                });
                self.goal = goal;
                self
            }
            Word::Given(verdict) => {
                let other = candidates.iter().find(|other| *other != next);
                let goal = match verdict.ruling {
                    BackfillRuling::Run => goal,
                    BackfillRuling::Skip | BackfillRuling::Postpone(_) => {
                        other.cloned().map_or(regular, Goal::Backfill)
                    }
                    BackfillRuling::Fail => Goal::Nothing(Idle::Failed),
                };
                self.backfill = Some(verdict);
                self.with_job(observed, goal)
            }
        }
    }

    /// The request of the backfill that failed and is to be run again. It comes before all others.
    fn backfill_again(&self, observed: &Observed) -> Option<String> {
        let job = observed.failed_job()?;
        let request = requests::served(observed, job).filter(|request| requests::counts(request));
        (self.job_ruling() == Some(&Ruling::Restart))
            .then(|| request.map(|request| request.name.clone()))
            .flatten()
    }

    /// The goal is this one, unless the plugin has another in mind for a Job that has not failed.
    fn with_job(mut self, observed: &'a Observed, goal: Goal) -> Self {
        let word = match observed.own_job() {
            Some(job) if self.job.is_none() => word_on_job(observed, job, &goal),
            _ => Word::Default,
        };
        self.goal = goal;
        match word {
            Word::Default => {}
            Word::Undecided => self.question = Some(Question::JobCompleted),
            Word::Given(verdict) => {
                let due_before = self.due.len();
                self.heed(observed, verdict);
                match (self.job_ruling(), self.due.get(due_before)) {
                    (Some(Ruling::Wait(_)), _) => self.goal = Goal::Nothing(Idle::Waiting),
                    (Some(Ruling::Fail), _) => self.goal = Goal::Nothing(Idle::Failed),
                    // A backfill that is under way is not given up for another.
                    (_, Some(run)) if self.goal == Goal::Stream => {
                        self.goal = Goal::Backfill(run.clone());
                    }
                    _ => {}
                }
            }
        }
        self
    }
}

/// Whether the Job is of the kind that the goal asks for. One that does not tell its request runs
/// for the oldest, which is the goal's.
pub(crate) fn runs(job: &JobView, goal: &Goal) -> bool {
    match (&job.run, goal) {
        (Run::Streaming, Goal::Stream) | (Run::Backfill(None), Goal::Backfill(_)) => true,
        (Run::Backfill(Some(served)), Goal::Backfill(run)) => *served == run.request,
        _ => false,
    }
}
