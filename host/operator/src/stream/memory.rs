//! What the operator remembers of each stream between two looks at it. All of it can be lost: a
//! fresh start reads everything that matters from the cluster.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arcane_contract::definition::Definition;
use arcane_lifecycle::{Fingerprint, Problem};
use arcane_plugins::Hook;
use tokio::time::Instant;

use super::{
    backoff::Backoff,
    plugin::{NextTick, Trouble},
};
use crate::cache::{Key, Progress};

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
    /// The definition as last understood, with its generation.
    pub understood: Option<Understood>,
    /// The fingerprint last computed, with the inputs that it was computed from.
    pub fingerprint: Option<(FingerprintInputs, Fingerprint)>,
    /// Writes that the caches may not reflect yet.
    pub fence: Fence,
    /// Failures in a row.
    pub attempts: Option<Attempts>,
    /// Streaming Jobs that ended soon after they had begun.
    pub exits: Exits,
    /// The problem that an event has told of.
    pub told: Option<Problem>,
    /// Requests that turned out to be completed already when they were about to be made.
    pub completed_requests: Vec<String>,
    /// When the class's plugin wants to be asked next.
    pub next_tick: Option<NextTick>,
    /// How the class's plugin has fared with this stream.
    plugin: PluginRecord,
}

/// How a plugin has fared with a stream.
#[derive(Default)]
struct PluginRecord {
    /// Times in a row that it gave no answer.
    failures: u32,
    /// Why it gave none last.
    trouble: Option<Trouble>,
    /// The trouble that an event has told of.
    told: Option<Trouble>,
    /// Render hash of a Job of the plugin's that the API server refused, and what it said.
    refused: Option<(String, String)>,
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

/// One write: what it returned, and when.
#[derive(Clone, Copy, Debug)]
struct Write {
    version: u64,
    at: Instant,
}

/// The last write to each kind. A stream is not worked on while a cache is behind them: the
/// operator never acts on a view older than its own writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fence {
    definition: Option<Write>,
    job: Option<Write>,
    cron_job: Option<Write>,
    request: Option<Write>,
}

/// Kinds that are fenced.
#[derive(Clone, Copy, Debug)]
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

impl Fence {
    /// Notes a write that was just answered with this resourceVersion.
    pub fn raise(&mut self, kind: Fenced, version: u64) {
        let write = Some(Write {
            version,
            at: Instant::now(),
        });
        *self.slot(kind) = write;
    }

    /// Whether the cache with this progress reflects what was written to the kind.
    pub fn passes(&mut self, kind: Fenced, progress: &Progress) -> bool {
        let slot = self.slot(kind);
        match slot {
            Some(write) if !progress.reflects(write.version, write.at) => false,
            _ => {
                *slot = None;
                true
            }
        }
    }

    fn slot(&mut self, kind: Fenced) -> &mut Option<Write> {
        match kind {
            Fenced::Definition => &mut self.definition,
            Fenced::Job => &mut self.job,
            Fenced::CronJob => &mut self.cron_job,
            Fenced::Request => &mut self.request,
        }
    }
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
    /// Notes that the class's plugin gave no answer, and tells when to ask again.
    pub fn plugin_failed(&mut self, trouble: &Trouble, backoff: &Backoff) -> Duration {
        if self.plugin_trouble(trouble.identity.as_deref()).is_none() {
            self.plugin.failures = 0;
        }
        self.plugin.failures = self.plugin.failures.saturating_add(1);
        self.plugin.trouble = Some(trouble.clone());
        backoff.delay(self.plugin.failures)
    }

    /// Notes that the class's plugin gave an answer that can be used.
    pub fn plugin_answered(&mut self) {
        self.plugin.failures = 0;
        self.plugin.trouble = None;
    }

    /// The fingerprint of what these inputs lead to, if it was computed already; then there is no
    /// trouble with rendering, either.
    pub fn known_fingerprint(&mut self, inputs: &FingerprintInputs) -> Option<Fingerprint> {
        let known = self.fingerprint.as_ref();
        let (_, fingerprint) = known.filter(|(known, _)| known == inputs)?;
        let fingerprint = fingerprint.clone();
        let is_over = |trouble: &Trouble| matches!(trouble.hook, None | Some(Hook::Render));
        if self.plugin.trouble.as_ref().is_some_and(is_over) {
            self.plugin_answered();
        }
        Some(fingerprint)
    }

    /// Why the plugin with this identity gave no answer when it was asked last; none stands for no
    /// plugin in service. What another one did is of no interest any more.
    pub fn plugin_trouble(&self, identity: Option<&str>) -> Option<&Trouble> {
        let trouble = self.plugin.trouble.as_ref();
        trouble.filter(|trouble| trouble.identity.as_deref() == identity)
    }

    /// Whether this trouble is to be told: it is until it changes or is gone.
    pub fn tells_trouble(&mut self, trouble: Option<&Trouble>) -> bool {
        let is_news = self.plugin.told.as_ref() != trouble;
        self.plugin.told = trouble.cloned();
        is_news
    }

    /// When to ask the class's plugin again after it gave no answer.
    pub fn plugin_retry(&self, backoff: &Backoff) -> Duration {
        backoff.delay(self.plugin.failures.max(1))
    }

    /// Notes that the API server refuses the Job with this render hash, which the plugin has
    /// shaped.
    pub fn refuse_shape(&mut self, render_hash: &str, message: &str) {
        self.plugin.refused = Some((render_hash.to_owned(), message.to_owned()));
        self.fingerprint = None;
    }

    /// What the API server said when it refused the Job with this render hash.
    pub fn refused_by_server(&self, render_hash: &str) -> Option<String> {
        let (refused, message) = self.plugin.refused.as_ref()?;
        (refused == render_hash).then(|| message.clone())
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

/// A streaming Job that lived this long before it succeeded is no sign of a stream that cannot run.
const LONG_LIFE: Duration = Duration::from_secs(60);

/// Streaming Jobs in a row that succeeded soon after they had begun. A stream whose program ends at
/// once would else be started over and over, as fast as its pods are scheduled.
#[derive(Clone, Debug, Default)]
pub struct Exits {
    last: Option<(String, i64)>,
    in_a_row: u32,
    not_before: Option<Instant>,
}

impl Exits {
    /// How long to wait before a Job takes the place of the one with this uid, which has succeeded
    /// after living so long, for a definition of this generation. The first is replaced at once.
    pub fn wait(
        &mut self,
        uid: &str,
        lived: Duration,
        generation: i64,
        backoff: &Backoff,
    ) -> Option<Duration> {
        let is_new = self.last.as_ref().is_none_or(|(last, _)| last != uid);
        if self
            .last
            .as_ref()
            .is_none_or(|(_, seen)| *seen != generation)
        {
            *self = Exits::default();
        }
        if is_new {
            self.in_a_row = if lived < LONG_LIFE {
                self.in_a_row.saturating_add(1)
            } else {
                0
            };
            self.not_before = match self.in_a_row {
                0 | 1 => None,
                more => Some(Instant::now() + backoff.delay(more - 1)),
            };
        }
        self.last = Some((uid.to_owned(), generation));
        let remaining = self.not_before?.saturating_duration_since(Instant::now());
        (!remaining.is_zero()).then_some(remaining)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const BACKOFF: Backoff = Backoff {
        initial: Duration::from_secs(2),
        maximum: Duration::from_secs(300),
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

    fn trouble(identity: &str, hook: Hook) -> Trouble {
        Trouble {
            problem: Problem {
                reason: "PluginFailed",
                message: "m".into(),
            },
            retry: true,
            identity: Some(identity.into()),
            hook: Some(hook),
        }
    }

    #[test]
    fn the_trouble_with_a_plugin_is_over_with_another_one() {
        let mut memory = Memory::default();
        for _ in 0..3 {
            memory.plugin_failed(&trouble("a", Hook::Render), &BACKOFF);
        }
        assert!(memory.plugin_trouble(Some("a")).is_some());
        assert_eq!(memory.plugin_trouble(Some("b")), None);
        assert_eq!(memory.plugin_trouble(None), None);
        let delay = memory.plugin_failed(&trouble("b", Hook::Render), &BACKOFF);
        assert!(delay < 2 * BACKOFF.initial, "{delay:?}");
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
        memory.plugin_failed(&trouble("a", Hook::JobFailed), &BACKOFF);
        assert_eq!(memory.known_fingerprint(&inputs), Some(fingerprint));
        assert!(memory.plugin_trouble(Some("a")).is_some());
        memory.plugin_failed(&trouble("a", Hook::Render), &BACKOFF);
        assert_eq!(memory.known_fingerprint(&another), None);
        assert!(memory.plugin_trouble(Some("a")).is_some());
        assert!(memory.known_fingerprint(&inputs).is_some());
        assert_eq!(memory.plugin_trouble(Some("a")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_succeeds_at_once_is_replaced_at_once_and_then_ever_later() {
        let mut exits = Exits::default();
        let short = Duration::from_secs(1);
        assert_eq!(exits.wait("a", short, 1, &BACKOFF), None);
        let first = exits.wait("b", short, 1, &BACKOFF).unwrap();
        assert_eq!(exits.wait("b", short, 1, &BACKOFF), Some(first));
        advance(first).await;
        assert_eq!(exits.wait("b", short, 1, &BACKOFF), None);
        assert!(exits.wait("c", short, 1, &BACKOFF).unwrap() >= Duration::from_secs(4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_life_or_a_new_spec_ends_the_wait() {
        let mut exits = Exits::default();
        let short = Duration::from_secs(1);
        exits.wait("a", short, 1, &BACKOFF);
        assert!(exits.wait("b", short, 1, &BACKOFF).is_some());
        assert_eq!(exits.wait("b", short, 2, &BACKOFF), None);
        exits.wait("c", short, 2, &BACKOFF);
        assert_eq!(exits.wait("d", LONG_LIFE, 2, &BACKOFF), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fence_falls_once_the_cache_has_the_write() {
        let progress = Progress::new();
        let mut fence = Fence::default();
        fence.raise(Fenced::Job, 7);
        assert!(fence.passes(Fenced::Request, &progress));
        assert!(!fence.passes(Fenced::Job, &progress));
        progress.advance(7);
        assert!(fence.passes(Fenced::Job, &progress));
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
