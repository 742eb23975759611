//! What a plugin is asked.
//!
//! Plain data, so that questions can be recorded, replayed and written by hand in test cases.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arcane_contract::canonical;
use arcane_contract::render::Job;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is known of the stream when a question is asked. The configuration that the class gives its
/// plugin belongs to the loaded plugin instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Context {
    /// Name of the stream's StreamClass.
    pub class: String,
    /// The stream.
    pub stream: StreamDefinition,
    /// What the run in question is for.
    pub mode: Mode,
    /// The BackfillRequest in question; only in mode `backfill`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// How many times in a row the run has been restarted after a failure; 0 for a first run.
    #[serde(default)]
    pub attempt: u32,
    /// The failure that the run is restarted after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
}

impl Context {
    /// The same, but for the stream's spec.
    pub(crate) fn without_spec(&self) -> Self {
        Self {
            stream: StreamDefinition {
                spec: Arc::default(),
                ..self.stream.clone()
            },
            ..self.clone()
        }
    }
}

/// A stream's definition, as far as a plugin may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamDefinition {
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
    /// `kind`
    pub kind: String,
    /// `v0`, `v1` or `v2`.
    pub layout: String,
    /// `metadata.labels`
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`, without what `kubectl apply` keeps there.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Canonical JSON text of `spec`.
    pub spec: Arc<str>,
}

/// What a run of a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// A Job that streams until told otherwise.
    Streaming,
    /// A Job that backfills for a BackfillRequest.
    Backfill,
    /// The Jobs of a CronJob, which backfill on a schedule.
    Scheduled,
}

/// The BackfillRequest that a backfill runs for, or is about to run for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// `metadata.name`
    pub name: String,
    /// JSON text of `spec.payload`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Arc<str>>,
}

/// How a Job failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failure {
    /// Reason of the Job's condition.
    pub reason: String,
    /// Message of the Job's condition.
    #[serde(default)]
    pub message: String,
    /// Exit code of the container that failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why that container ended, by the kubelet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_reason: Option<String>,
    /// What that container left as its termination message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_message: Option<String>,
}

/// What has happened that a plugin decides on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Trigger {
    /// The stream is new, and its first backfill is about to be requested.
    StreamCreated,
    /// A BackfillRequest is next in the stream's queue.
    BackfillRequested,
    /// The schema of the source has changed, and a backfill is about to be requested.
    SchemaChanged,
    /// The definition's spec has changed while a Job runs.
    SpecChanged {
        /// JSON text of the spec that the Job was made from, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<Arc<str>>,
    },
    /// The stream's Job has failed.
    JobFailed(Failure),
    /// The stream's streaming Job has ended with success.
    JobCompleted,
    /// The time has come that the plugin named.
    Tick,
}

impl Trigger {
    /// The hook that a plugin has to name to be asked about this.
    #[must_use]
    pub fn hook(&self) -> Hook {
        match self {
            Self::StreamCreated => Hook::StreamCreated,
            Self::BackfillRequested => Hook::BackfillRequested,
            Self::SchemaChanged => Hook::SchemaChanged,
            Self::SpecChanged { .. } => Hook::SpecChanged,
            Self::JobFailed(_) => Hook::JobFailed,
            Self::JobCompleted => Hook::JobCompleted,
            Self::Tick => Hook::Tick,
        }
    }
}

/// Something that a plugin can ask to be called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// A Job is about to be made.
    Render,
    /// See [`Trigger::StreamCreated`].
    StreamCreated,
    /// See [`Trigger::BackfillRequested`].
    BackfillRequested,
    /// See [`Trigger::SchemaChanged`].
    SchemaChanged,
    /// See [`Trigger::SpecChanged`].
    SpecChanged,
    /// See [`Trigger::JobFailed`].
    JobFailed,
    /// See [`Trigger::JobCompleted`].
    JobCompleted,
    /// See [`Trigger::Tick`]. The plugin says when.
    Tick,
}

impl Hook {
    /// Every hook.
    pub const ALL: [Self; 8] = [
        Self::Render,
        Self::StreamCreated,
        Self::BackfillRequested,
        Self::SchemaChanged,
        Self::SpecChanged,
        Self::JobFailed,
        Self::JobCompleted,
        Self::Tick,
    ];

    /// The name by which plugins know the hook.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Render => "render",
            Self::StreamCreated => "stream-created",
            Self::BackfillRequested => "backfill-requested",
            Self::SchemaChanged => "schema-changed",
            Self::SpecChanged => "spec-changed",
            Self::JobFailed => "job-failed",
            Self::JobCompleted => "job-completed",
            Self::Tick => "tick",
        }
    }

    /// The hook of this name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.as_str() == name)
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A Job that a plugin is asked about, with its canonical JSON text.
#[derive(Clone, Debug)]
pub struct GivenJob<'a> {
    pub(crate) value: &'a Value,
    pub(crate) text: Cow<'a, str>,
}

impl<'a> From<&'a Job> for GivenJob<'a> {
    fn from(Job { value, text }: &'a Job) -> Self {
        Self {
            value,
            text: Cow::Borrowed(text),
        }
    }
}

impl<'a> From<&'a Value> for GivenJob<'a> {
    fn from(value: &'a Value) -> Self {
        Self {
            value,
            text: Cow::Owned(canonical::to_string(value)),
        }
    }
}

/// A question without the time at which it is asked: with a plugin's identity, what its answer
/// depends on.
#[derive(Clone, Copy, Debug)]
pub enum Question<'a> {
    /// How is this Job to be shaped?
    Render {
        /// The stream, and what the Job is for.
        context: &'a Context,
        /// The Job as the host has rendered it.
        job: &'a Value,
    },
    /// What is to be done about this?
    Decide {
        /// What has happened.
        trigger: &'a Trigger,
        /// The stream that it has happened to.
        context: &'a Context,
    },
    /// When is the plugin to be asked again?
    NextTick {
        /// The stream that begins to run, or runs.
        context: &'a Context,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_is_found_by_its_name() {
        for hook in Hook::ALL {
            assert_eq!(Hook::parse(hook.as_str()), Some(hook));
            assert_eq!(
                serde_json::to_value(hook).unwrap(),
                serde_json::json!(hook.as_str())
            );
        }
        assert_eq!(Hook::parse("Render"), None);
    }

    #[test]
    fn questions_survive_being_written_and_read() {
        let context = Context {
            class: "orders".into(),
            stream: StreamDefinition {
                namespace: "data".into(),
                name: "orders-1".into(),
                kind: "ParquetStream".into(),
                layout: "v2".into(),
                labels: BTreeMap::from([("tenant".into(), "a".into())]),
                annotations: BTreeMap::new(),
                spec: "{}".into(),
            },
            mode: Mode::Backfill,
            request: Some(Request {
                name: "again".into(),
                payload: Some("{\"from\":1}".into()),
            }),
            attempt: 2,
            last_failure: Some(Failure {
                reason: "BackoffLimitExceeded".into(),
                exit_code: Some(137),
                ..Failure::default()
            }),
        };
        let text = serde_json::to_string(&context).unwrap();
        assert_eq!(serde_json::from_str::<Context>(&text).unwrap(), context);

        for trigger in [
            Trigger::StreamCreated,
            Trigger::SpecChanged {
                previous: Some("{}".into()),
            },
            Trigger::JobFailed(Failure::default()),
            Trigger::Tick,
        ] {
            let text = serde_json::to_string(&trigger).unwrap();
            assert_eq!(serde_json::from_str::<Trigger>(&text).unwrap(), trigger);
        }
    }
}
