//! What is known of the stream when a question is asked.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Json};

/// What is known of the stream when a question is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Context<C> {
    pub(crate) class: String,
    pub(crate) config: C,
    pub(crate) stream: Stream,
    pub(crate) mode: Mode,
    pub(crate) request: Option<Request>,
    pub(crate) attempt: u32,
    pub(crate) last_failure: Option<Failure>,
}

impl<C> Context<C> {
    /// Name of the StreamClass.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// The class's `spec.plugin.config`.
    pub fn config(&self) -> &C {
        &self.config
    }

    /// The stream.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// What the run in question is for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The BackfillRequest in question; only in mode [`Mode::Backfill`].
    pub fn request(&self) -> Option<&Request> {
        self.request.as_ref()
    }

    /// How many times in a row the run has been restarted after a failure, because a plugin said
    /// so. 0 for a first run.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The failure that the run is restarted after; none for a first run.
    pub fn last_failure(&self) -> Option<&Failure> {
        self.last_failure.as_ref()
    }
}

/// The stream: its definition, as far as a plugin may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) layout: String,
    pub(crate) labels: Pairs,
    pub(crate) annotations: Pairs,
    pub(crate) spec: Json,
}

impl Stream {
    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its name: the stream's id, and the name of its Job.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Kind of the definition, such as `ParquetStream`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// `spec.execution.layoutVersion`: `v0` where the definition gives none, else `v1` or `v2`.
    pub fn layout(&self) -> &str {
        &self.layout
    }

    /// A label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key)
    }

    /// All labels, sorted by key.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter()
    }

    /// An annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key)
    }

    /// All annotations, sorted by key, without what `kubectl apply` keeps there.
    pub fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        self.annotations.iter()
    }

    /// The definition's `spec`, as a type of the plugin's own.
    ///
    /// # Errors
    /// It is not of that type; the message names the field.
    pub fn spec<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.spec.parse().map_err(|error| error.context("spec"))
    }

    /// The definition's `spec`, as it is.
    pub fn raw_spec(&self) -> &Value {
        self.spec.value()
    }
}

/// Labels or annotations, sorted by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pairs(pub(crate) Vec<(String, String)>);

impl Pairs {
    fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name == key)?;
        Some(&found.1)
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Puts a pair in its place, or in that of another with the same key.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.0.retain(|(name, _)| name != key);
        let at = self.0.partition_point(|(name, _)| name.as_str() < key);
        self.0.insert(at, (key.to_owned(), value.to_owned()));
    }
}

/// What a run of a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A Job that streams until told otherwise.
    Streaming,
    /// A Job that backfills for a BackfillRequest.
    Backfill,
    /// The Jobs of a CronJob, which backfill on a schedule.
    Scheduled,
}

/// The BackfillRequest that a backfill runs for, or is about to run for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub(crate) name: String,
    pub(crate) payload: Option<Json>,
}

impl Request {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its payload, where it has one.
    pub fn payload(&self) -> Option<&Json> {
        self.payload.as_ref()
    }
}

/// How a Job of the stream failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// Reason of the Job's condition, such as `BackoffLimitExceeded`.
    pub reason: String,
    /// Message of the Job's condition.
    pub message: String,
    /// Exit code of the container that failed last, where a pod was left to tell.
    pub exit_code: Option<i32>,
    /// Why that container ended, by the kubelet: `Error`, `OOMKilled`, and so on.
    pub container_reason: Option<String>,
    /// What that container left as its termination message.
    pub termination_message: Option<String>,
}

impl Failure {
    /// Whether the container was killed for want of memory.
    pub fn is_out_of_memory(&self) -> bool {
        self.container_reason.as_deref() == Some("OOMKilled")
    }
}
