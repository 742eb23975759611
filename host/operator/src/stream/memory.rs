//! What the operator remembers of each stream between two looks at it. All of it can be lost: a
//! fresh start reads everything that matters from the cluster.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arcane_contract::definition::Definition;
use arcane_lifecycle::{Fence, Fenced, Fingerprint, Gone, OpenWrites, Problem, Write};
use tokio::time::Instant;

use super::{
    backoff::Backoff,
    exits::Exits,
    plugin::{Left, NextTick, Standing},
};
use crate::cache::Key;

/// The memories of one class.
#[derive(Default)]
pub struct Memories {
    streams: Mutex<HashMap<Key, Arc<Mutex<Memory>>>>,
}

impl Memories {
    /// The memory of a stream; empty if the definition is not the one that is remembered.
    pub fn of(&self, key: &Key, uid: &str) -> Arc<Mutex<Memory>> {
        let mut streams = self.lock();
        let entry = streams.entry(key.clone()).or_default().clone();
        let known = lock(&entry).uid == uid.into();
        if known {
            return entry;
        }
        let fresh = Arc::new(Mutex::new(Memory {
            uid: uid.into(),
            ..Memory::default()
        }));
        streams.insert(key.clone(), fresh.clone());
        fresh
    }

    /// All streams that are remembered.
    pub fn keys(&self) -> Vec<Key> {
        self.lock().keys().cloned().collect()
    }

    /// Drops the memory of a stream that is gone.
    pub fn remove(&self, key: &Key) {
        self.lock().remove(key);
    }

    /// Streams whose definition names this template.
    pub fn users_of(&self, template: &Key) -> Vec<Key> {
        let streams = self.lock();
        streams
            .iter()
            .filter(|(_, memory)| lock(memory).uses(template))
            .map(|(key, _)| key.clone())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Mutex<Memory>>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is remembered of one stream.
#[derive(Default)]
pub struct Memory {
    uid: Box<str>,
    /// Held by the one who works on the stream.
    pub turn: Arc<tokio::sync::Mutex<()>>,
    /// The definition as last understood, with its generation.
    pub understood: Option<Understood>,
    /// The fingerprint last computed, with the inputs that it was computed from.
    pub fingerprint: Option<(FingerprintInputs, Fingerprint)>,
    /// Writes that the caches may not reflect yet.
    pub fence: Fence<Instant>,
    /// Writes that may have been made.
    pub unanswered: OpenWrites,
    /// Requests that the cache may not know yet to be gone.
    pub gone_requests: Gone,
    /// Failures in a row.
    pub attempts: Option<Attempts>,
    /// Streaming Jobs that ended soon after they had begun.
    pub exits: Exits,
    /// The problem that an event has told of.
    pub told: Option<Problem>,
    /// Requests that turned out to be completed already when they were about to be made.
    pub completed_requests: Vec<String>,
    /// When the class's plugin wants to be asked next.
    pub next_tick: Option<Box<NextTick>>,
    /// How the class's plugin has fared with this stream.
    pub plugin: Standing,
    /// What the class's plugin has left to the operator.
    pub left: Left,
}

impl Memory {
    fn uses(&self, template: &Key) -> bool {
        let Some(Understood {
            definition: Ok(definition),
            ..
        }) = &self.understood
        else {
            return false;
        };
        let backend = definition
            .backend
            .as_ref()
            .map(|backend| backend.template());
        backend
            .into_iter()
            .chain(&definition.backfill)
            .any(|used| *used.name == *template.name && *used.namespace == *template.namespace)
    }
}

/// The memory of a stream; a panic while it was held spoils nothing that matters.
pub fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A definition as understood at one generation.
pub struct Understood {
    /// `metadata.generation`
    pub generation: i64,
    /// What it says, or why it cannot be understood.
    pub definition: Result<Arc<Definition>, Problem>,
}

/// What a fingerprint depends on, beside the class, which has a memory of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FingerprintInputs {
    /// `metadata.generation` of the definition.
    pub generation: i64,
    /// The restart annotation.
    pub restart: Option<String>,
    /// uid of the request that is served, if it is a backfill.
    pub request: Option<String>,
    /// resourceVersion of the template.
    pub template: u64,
    /// How many failures in a row the run follows.
    pub attempt: u32,
    /// What the answer of the class's plugin depends on besides; 0 without a plugin.
    pub plugin: u64,
}

/// Failures in a row with the same inputs.
#[derive(Clone, Debug)]
pub struct Attempts {
    failures: u32,
    not_before: Instant,
    /// What was tried; something else may be tried at once.
    inputs: u64,
}

impl Memory {
    /// Notes a write that was just answered with this resourceVersion: the stream is not looked at
    /// before the cache of its kind has it.
    pub fn wrote(&mut self, kind: Fenced, version: u64) {
        let at = Instant::now();
        self.fence.raise(kind, Write { version, at });
    }

    /// Notes that the definition turned out to be gone: the stream is not looked at until its cache
    /// says so, or has been filled anew.
    pub fn definition_is_gone(&mut self) {
        self.wrote(Fenced::Definition, u64::MAX);
    }

    /// The fingerprint of what these inputs lead to, if it was computed already; then there is no
    /// trouble with rendering, either.
    pub fn known_fingerprint(&mut self, inputs: &FingerprintInputs) -> Option<Fingerprint> {
        let known = self.fingerprint.as_ref();
        let (_, fingerprint) = known.filter(|(known, _)| known == inputs)?;
        self.plugin.renders();
        Some(fingerprint.clone())
    }

    /// Notes that the API server refuses the Job with this render hash, which the plugin has
    /// shaped.
    pub fn refuse_shape(&mut self, render_hash: &str, message: &str) {
        self.plugin.refuse(render_hash, message);
        self.fingerprint = None;
    }

    /// How long to wait before trying these inputs again.
    pub fn wait(&self, inputs: u64) -> Option<Duration> {
        let attempts = self.attempts.as_ref()?;
        let remaining = attempts
            .not_before
            .saturating_duration_since(Instant::now());
        (attempts.inputs == inputs && !remaining.is_zero()).then_some(remaining)
    }

    /// Notes a failure and tells when to try again.
    pub fn failed(&mut self, inputs: u64, backoff: &Backoff) -> Duration {
        let failures = match &self.attempts {
            Some(attempts) if attempts.inputs == inputs => attempts.failures.saturating_add(1),
            _ => 1,
        };
        let delay = backoff.delay(failures);
        self.attempts = Some(Attempts {
            failures,
            not_before: Instant::now() + delay,
            inputs,
        });
        delay
    }
}

#[cfg(test)]
mod tests {
    use arcane_plugins::Hook;
    use tokio::time::advance;

    use super::{
        super::{backoff::BACKOFF, plugin::Trouble},
        *,
    };

    #[tokio::test(start_paused = true)]
    async fn the_same_attempt_waits_and_another_does_not() {
        let mut memory = Memory::default();
        let delay = memory.failed(1, &BACKOFF);
        assert_eq!(memory.wait(1), Some(delay));
        assert_eq!(memory.wait(2), None);
        advance(delay).await;
        assert_eq!(memory.wait(1), None);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_wait_longer_until_the_inputs_change() {
        let mut memory = Memory::default();
        memory.failed(1, &BACKOFF);
        assert!(memory.failed(1, &BACKOFF) >= Duration::from_secs(4));
        assert!(memory.failed(2, &BACKOFF) < Duration::from_secs(4));
    }

    #[test]
    fn a_job_that_is_known_ends_the_trouble_with_rendering_it_and_no_other() {
        let inputs = FingerprintInputs {
            generation: 1,
            restart: None,
            request: None,
            template: 1,
            attempt: 0,
            plugin: 1,
        };
        let fingerprint = Fingerprint {
            configuration_hash: "c".into(),
            equivalent_hashes: Vec::new(),
            render_hash: "r".into(),
        };
        let mut memory = Memory {
            fingerprint: Some((inputs.clone(), fingerprint.clone())),
            ..Memory::default()
        };
        let another = FingerprintInputs {
            plugin: 2,
            ..inputs.clone()
        };
        memory
            .plugin
            .failed(&Trouble::sample("a", Hook::JobFailed), &BACKOFF);
        assert_eq!(memory.known_fingerprint(&inputs), Some(fingerprint));
        assert!(memory.plugin.trouble(Some("a")).is_some());
        memory
            .plugin
            .failed(&Trouble::sample("a", Hook::Render), &BACKOFF);
        assert_eq!(memory.known_fingerprint(&another), None);
        assert!(memory.plugin.trouble(Some("a")).is_some());
        assert!(memory.known_fingerprint(&inputs).is_some());
        assert_eq!(memory.plugin.trouble(Some("a")), None);
    }

    #[test]
    fn a_definition_of_the_same_name_with_another_uid_is_a_stranger() {
        let memories = Memories::default();
        let key = Key::new("ns", "s");
        memories
            .of(&key, "first")
            .lock()
            .unwrap()
            .completed_requests
            .push("r".into());
        let again = memories.of(&key, "first");
        assert_eq!(again.lock().unwrap().completed_requests, ["r"]);
        let stranger = memories.of(&key, "second");
        assert!(stranger.lock().unwrap().completed_requests.is_empty());
    }
}
