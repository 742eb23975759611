//! What keeps the operator from acting on a view that is older than its own writes.
//!
//! The caches that an observation is made from follow their kinds by watches, and each lags behind
//! by a time of its own. A [`Fence`] holds, for each kind, the last write that the operator made for
//! a stream; as long as a cache has not come so far, the stream is not looked at. What the deletion
//! of a Job leaves behind is told by [`Deleted`]: where the Job goes at once, the answer holds no
//! version.
//!
//! What others delete may be told of in any order: the garbage collector takes Job and requests of a
//! definition that is gone, and their watches may say so before that of definitions does. So what a
//! stream has lost is made again only after [`crate::Step::CheckDefinition`].
//!
//! `T` is a point in time, whose ever it is.

use std::collections::{BTreeMap, BTreeSet};

use crate::{JobState, JobView, Ownership, Propagation};

/// Kinds that are fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fenced {
    /// The definition's status.
    Definition,
    /// The stream's Job.
    Job,
    /// The stream's CronJob.
    CronJob,
    /// Its BackfillRequests.
    Request,
}

impl Fenced {
    /// Every kind.
    pub const ALL: [Fenced; 4] = [
        Fenced::Definition,
        Fenced::Job,
        Fenced::CronJob,
        Fenced::Request,
    ];
}

/// A write that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Write<T> {
    /// The resourceVersion that it returned. Versions of one kind can be compared.
    pub version: u64,
    /// When the answer came.
    pub at: T,
}

/// How far a cache has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reach<T> {
    /// The greatest resourceVersion that it has been given.
    pub version: u64,
    /// When the last complete list was begun. It holds all that was written before.
    pub listed: Option<T>,
}

impl<T: Ord> Reach<T> {
    /// Whether the cache reflects the write: its watch has delivered it, or the kind has been
    /// listed again since.
    pub fn reflects(&self, write: &Write<T>) -> bool {
        self.version >= write.version || self.listed.as_ref() > Some(&write.at)
    }
}

/// The last write to each kind.
#[derive(Clone, Debug)]
pub struct Fence<T> {
    writes: [Option<Write<T>>; Fenced::ALL.len()],
}

impl<T: Ord> Fence<T> {
    /// Notes a write.
    pub fn raise(&mut self, kind: Fenced, write: Write<T>) {
        let slot = &mut self.writes[kind as usize];
        // A write that changes nothing returns the version of an earlier one.
        let version = slot.as_ref().map_or(0, |known| known.version);
        *slot = Some(Write {
            version: write.version.max(version),
            at: write.at,
        });
    }

    /// Whether all caches reflect what was written; `reach` tells how far that of a kind has come.
    pub fn passes(&mut self, reach: impl Fn(Fenced) -> Reach<T>) -> bool {
        for (kind, slot) in Fenced::ALL.into_iter().zip(&mut self.writes) {
            slot.take_if(|write| reach(kind).reflects(write));
        }
        self.writes.iter().all(Option::is_none)
    }

    /// Kinds whose caches have not come to have what was written before this time. A list that was
    /// read after the write but begun before its answer may lack what the watch after it never
    /// tells: an object that was deleted, or is not selected any more. Listing once more helps.
    pub fn overdue(&self, before: &T) -> impl Iterator<Item = Fenced> {
        let writes = Fenced::ALL.into_iter().zip(&self.writes);
        writes
            .filter(move |(_, write)| write.as_ref().is_some_and(|write| write.at < *before))
            .map(|(kind, _)| kind)
    }
}

impl<T> Default for Fence<T> {
    fn default() -> Self {
        Fence {
            writes: [const { None }; Fenced::ALL.len()],
        }
    }
}

/// Jobs that the operator has deleted, until their deletion is seen: whatever a cache still says of
/// them, they are going.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Deleted {
    /// By uid, whether the Job's outcome is on record. One that was thought to be at work may have
    /// ended before it was deleted, and that counts.
    is_recorded: BTreeMap<Box<str>, bool>,
}

impl Deleted {
    /// The operator has deleted the Job with this uid. In the background go those that have ended:
    /// their outcome is recorded before.
    pub fn add(&mut self, uid: &str, propagation: Propagation) {
        let is_recorded = propagation == Propagation::Background;
        self.is_recorded.insert(uid.into(), is_recorded);
    }

    /// The deletion has been seen.
    pub fn seen(&mut self, uid: &str) {
        self.is_recorded.remove(uid);
    }

    /// A Job as it is to be observed.
    pub fn veil(&self, mut job: JobView) -> JobView {
        if let Some(is_recorded) = self.is_recorded.get(job.uid.as_str()) {
            job.terminating = true;
            if *is_recorded {
                job.state = JobState::Active;
            }
        }
        job
    }

    /// Whether the outcome of a Job that is gone still waits to be recorded.
    pub fn is_outcome_open(&self, last: &JobView) -> bool {
        let is_recorded = self.is_recorded.get(last.uid.as_str()) == Some(&true);
        matches!(last.state, JobState::Finished(_)) && !is_recorded
    }
}

/// A Job that is gone, but whose outcome still waits to be recorded, as it is to be observed: as one
/// that is going, so that nothing more is put on record on it. To any other definition than its own
/// it is nothing: nobody would ever tell that one that it is gone.
pub fn as_going(mut job: JobView) -> Option<JobView> {
    job.terminating = true;
    (job.ownership == Ownership::Ours).then_some(job)
}

/// Writes that were sent and not answered yet, by the kind and name of their object. They may have
/// been made: each object is looked up before the stream is worked on again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OpenWrites {
    objects: BTreeSet<(Fenced, Box<str>)>,
}

impl OpenWrites {
    /// A write is being sent.
    pub fn add(&mut self, kind: Fenced, name: &str) {
        self.objects.insert((kind, name.into()));
    }

    /// It is answered, or the object has been looked up.
    pub fn remove(&mut self, kind: Fenced, name: &str) {
        self.objects.remove(&(kind, name.into()));
    }

    /// What is to be looked up.
    pub fn objects(&self) -> impl Iterator<Item = (Fenced, &str)> {
        self.objects.iter().map(|(kind, name)| (*kind, &**name))
    }
}

/// Requests that turned out to be gone when they were written to, until their deletion is seen:
/// whatever a cache still says of them, nobody wants their backfill any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Gone {
    uids: BTreeSet<Box<str>>,
}

impl Gone {
    /// The request with this uid is gone.
    pub fn add(&mut self, uid: &str) {
        self.uids.insert(uid.into());
    }

    /// Takes those that are gone from what a cache has, and forgets those that it has no more.
    pub fn sift<R>(&mut self, cached: &mut Vec<R>, uid: impl Fn(&R) -> &str) {
        self.uids
            .retain(|gone| cached.iter().any(|it| *uid(it) == **gone));
        cached.retain(|it| !self.uids.contains(uid(it)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, Run};

    fn write(version: u64, at: u32) -> Write<u32> {
        Write { version, at }
    }

    fn finished() -> JobView {
        JobView {
            uid: "u".into(),
            ownership: Ownership::Ours,
            run: Run::Streaming,
            configuration_hash: None,
            render_hash: None,
            restart: None,
            schema_mismatch: false,
            attempt: 0,
            record: None,
            terminating: false,
            state: JobState::Finished(Outcome::Succeeded),
        }
    }

    #[test]
    fn an_outcome_that_is_on_record_counts_no_more() {
        let mut deleted = Deleted::default();
        deleted.add("u", Propagation::Background);
        let view = deleted.veil(finished());
        assert!(view.terminating && view.state == JobState::Active);
        assert!(!deleted.is_outcome_open(&finished()));
        deleted.seen("u");
        assert_eq!(deleted.veil(finished()), finished());
        assert!(deleted.is_outcome_open(&finished()));
    }

    #[test]
    fn a_job_that_had_ended_before_it_was_given_up_has_an_outcome() {
        let mut deleted = Deleted::default();
        deleted.add("u", Propagation::Foreground);
        let view = deleted.veil(finished());
        assert!(view.terminating && view.state == finished().state);
        assert!(deleted.is_outcome_open(&finished()));
    }

    fn reach(version: u64, listed: Option<u32>) -> Reach<u32> {
        Reach { version, listed }
    }

    #[test]
    fn a_write_is_reflected_once_the_watch_has_delivered_its_version() {
        assert!(!reach(6, None).reflects(&write(7, 0)));
        assert!(reach(7, None).reflects(&write(7, 0)));
    }

    #[test]
    fn a_write_is_reflected_by_a_list_that_began_after_it() {
        assert!(!reach(0, Some(4)).reflects(&write(7, 5)));
        assert!(!reach(0, Some(5)).reflects(&write(7, 5)));
        assert!(reach(0, Some(6)).reflects(&write(7, 5)));
    }

    #[test]
    fn a_fence_falls_once_every_cache_has_what_was_written() {
        let mut fence = Fence::default();
        fence.raise(Fenced::Job, write(7, 0));
        fence.raise(Fenced::Request, write(9, 0));
        let jobs_only = |kind| match kind {
            Fenced::Job => reach(8, None),
            _ => reach(0, None),
        };
        assert!(!fence.passes(jobs_only));
        // What has fallen stays so.
        assert!(fence.passes(|_| reach(9, None)));
        assert!(fence.passes(|_| reach(0, None)));
    }

    #[test]
    fn a_cache_that_does_not_come_to_have_a_write_is_overdue() {
        let mut fence = Fence::default();
        fence.raise(Fenced::Request, write(9, 5));
        assert_eq!(fence.overdue(&5).collect::<Vec<_>>(), []);
        assert_eq!(fence.overdue(&6).collect::<Vec<_>>(), [Fenced::Request]);
        assert!(fence.passes(|_| reach(9, None)));
        assert_eq!(fence.overdue(&6).collect::<Vec<_>>(), []);
    }

    #[test]
    fn what_was_not_answered_is_known_until_it_is_looked_up() {
        let mut unanswered = OpenWrites::default();
        unanswered.add(Fenced::Job, "s");
        unanswered.add(Fenced::Request, "r");
        unanswered.remove(Fenced::Job, "s");
        let objects: Vec<_> = unanswered.objects().collect();
        assert_eq!(objects, [(Fenced::Request, "r")]);
    }

    #[test]
    fn what_is_gone_is_out_of_sight_until_the_cache_knows() {
        let sight = |gone: &mut Gone, cached: &[&'static str]| {
            let mut cached = cached.to_vec();
            gone.sift(&mut cached, |uid| uid);
            cached
        };
        let mut gone = Gone::default();
        gone.add("a");
        assert_eq!(sight(&mut gone, &["a", "b"]), ["b"]);
        assert_eq!(sight(&mut gone, &["a", "b"]), ["b"]);
        assert_eq!(sight(&mut gone, &["b"]), ["b"]);
        assert_eq!(gone, Gone::default());
    }

    #[test]
    fn a_write_that_changed_nothing_does_not_lower_a_fence() {
        let mut fence = Fence::default();
        fence.raise(Fenced::Request, write(9, 0));
        fence.raise(Fenced::Request, write(4, 1));
        assert!(!fence.passes(|_| reach(8, None)));
        assert!(fence.passes(|_| reach(9, None)));
    }
}
