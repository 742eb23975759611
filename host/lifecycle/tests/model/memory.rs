//! What the operator remembers.

use std::sync::Arc;

use arcane_lifecycle::{Deleted, Fence, Fenced, Gone, OpenWrites, Reach, Write};

use crate::{objects::Job, world::HERE};

/// What is lost with a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    /// The last write to each kind, unless its cache reflects it. Versions are counted from what
    /// the cache has, so that worlds that differ in nothing else are one; times tell no more than
    /// which write came before the last list began.
    writes: [Option<Write<u8>>; Fenced::ALL.len()],
    pub deleted: Deleted,
    /// A Job that is gone, but whose outcome waits to be recorded, in the place of one in the cache.
    pub tombstone: Option<Arc<Job>>,
    pub completed_requests: Vec<String>,
    pub gone_requests: Gone,
    pub unanswered: OpenWrites,
}

/// Before and after the beginning of the last list.
const BEFORE: u8 = 0;
const BEGIN: u8 = 1;
const AFTER: u8 = 2;
/// The version of a write that no watch will deliver any more.
const MISSED: u64 = u64::MAX;

impl Memory {
    /// `version`: none if no watch will deliver it, as a list that is coming in was read after it.
    pub fn wrote(&mut self, kind: Fenced, version: Option<u64>) {
        let version = version.unwrap_or(MISSED);
        self.writes[kind as usize] = Some(Write { version, at: AFTER });
        self.lower(kind, &HERE);
    }

    fn lower(&mut self, kind: Fenced, reach: &Reach<u8>) {
        self.writes[kind as usize].take_if(|write| reach.reflects(write));
    }

    /// The cache has one change more.
    pub fn one_delivered(&mut self, kind: Fenced) {
        if let Some(write) = &mut self.writes[kind as usize]
            && write.version != MISSED
        {
            write.version -= 1;
        }
        self.lower(kind, &HERE);
    }

    pub fn list_begun(&mut self, kind: Fenced) {
        if let Some(write) = &mut self.writes[kind as usize] {
            *write = Write {
                version: MISSED,
                at: BEFORE,
            };
        }
    }

    pub fn list_ended(&mut self, kind: Fenced) {
        let listed = Some(BEGIN);
        self.lower(kind, &Reach { listed, ..HERE });
    }

    /// The deletion of a Job is seen.
    pub fn bury(&mut self, last: Arc<Job>) {
        let is_open = self.deleted.is_outcome_open(&last.view());
        self.deleted.seen(&last.uid);
        self.tombstone = is_open.then_some(last);
    }

    pub fn jobs_replaced(&mut self, before: Option<&Job>, now: Option<&Job>) {
        self.tombstone = None;
        if let (Some(before), None) = (before, now) {
            self.deleted.seen(&before.uid);
        }
    }

    /// Whether a write to the kind is not reflected yet.
    pub fn waits_for(&self, kind: Fenced) -> bool {
        self.writes[kind as usize].is_some()
    }

    /// Whether the caches reflect all that was written.
    pub fn is_current(&self) -> bool {
        let mut fence = Fence::default();
        for (kind, write) in Fenced::ALL.into_iter().zip(self.writes) {
            if let Some(write) = write {
                fence.raise(kind, write);
            }
        }
        fence.passes(|_| HERE)
    }
}
