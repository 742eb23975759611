//! Operators with one thing wrong, which the model check has to find.

use arcane_lifecycle::{
    JobState, JobView, Observed, Outcome, Ownership, Phase, Propagation, Run, Step,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It acts on views older than its own writes.
    IgnoresFences,
    /// It does not wait for the pods of a Job that it gives up.
    WaitsForNoPods,
    /// It lets Jobs of suspended streams run.
    IgnoresSuspension,
    /// A backfill whose Job is not there is over.
    TakesAbsenceForSuccess,
    /// It deletes a Job before what the Job tells is on record.
    RecordsTooLate,
    /// It does not start a Job again that has ended.
    StartsOnce,
    /// It replaces what is as it should be.
    NeverRests,
    /// It makes again what is gone without a look at the definition.
    TakesDefinitionForGranted,
    /// It leaves it to the garbage collector to delete what an earlier definition has left.
    MindsNoLeftovers,
    /// It puts nothing on record that a plugin says.
    KeepsNoRecords,
    /// It does not heed what is on record of what a plugin has said.
    ForgetsThePlugin,
    /// Its first lists may be older than what an operator before it has written.
    ListsFromStaleCaches,
}

impl Flaw {
    /// What it takes for what is there.
    pub fn mar_view(self, observed: &mut Observed) {
        if self == Flaw::ForgetsThePlugin {
            for request in &mut observed.requests {
                request.record = None;
            }
        }
        if self != Flaw::TakesAbsenceForSuccess || observed.job.is_some() {
            return;
        }
        if let (Phase::Backfilling, Some(request)) =
            (observed.stream.phase, observed.requests.first())
        {
            observed.job = Some(JobView {
                uid: "imagined".into(),
                ownership: Ownership::Ours,
                run: Run::Backfill(Some(request.name.clone())),
                configuration_hash: None,
                render_hash: None,
                restart: None,
                schema_mismatch: false,
                attempt: 0,
                record: None,
                terminating: false,
                state: JobState::Finished(Outcome::Succeeded),
            });
        }
    }

    /// What it makes of a plan.
    pub fn mar_steps(self, steps: &mut Vec<Step>, observed: &Observed) {
        let is_deletion = |step: &Step| matches!(step, Step::DeleteJob { .. });
        match self {
            Flaw::WaitsForNoPods => {
                for step in steps {
                    if let Step::DeleteJob { propagation, .. } = step {
                        *propagation = Propagation::Background;
                    }
                }
            }
            Flaw::IgnoresSuspension if observed.stream.suspended => {
                steps.retain(|step| !is_deletion(step));
            }
            Flaw::StartsOnce if observed.stream.phase == Phase::Running => {
                steps.retain(|step| *step != Step::CreateJob);
            }
            Flaw::TakesDefinitionForGranted => {
                steps.retain(|step| *step != Step::CheckDefinition);
            }
            Flaw::MindsNoLeftovers => {
                let job = observed.job.as_ref();
                if job.is_some_and(|job| job.ownership == Ownership::Predecessors) {
                    steps.retain(|step| !is_deletion(step));
                }
            }
            Flaw::KeepsNoRecords => {
                steps.retain(|step| !matches!(step, Step::RecordJobDecision { .. }));
            }
            Flaw::RecordsTooLate => steps.sort_by_key(|step| !is_deletion(step)),
            Flaw::NeverRests => {
                let job = observed.job.as_ref();
                let job = job.filter(|job| job.run == Run::Streaming && !job.terminating);
                if let Some(job) = job.filter(|_| !steps.iter().any(is_deletion)) {
                    steps.push(Step::DeleteJob {
                        uid: job.uid.clone(),
                        propagation: Propagation::Foreground,
                    });
                }
            }
            _ => {}
        }
    }
}
