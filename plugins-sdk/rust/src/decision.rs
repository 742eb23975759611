//! What has happened, and what is to be done.

use std::time::Duration;

use serde_json::Value;

use crate::{Failure, Json};

/// What has happened. In brackets: the decisions that fit besides [`Decision::Default`], which
/// always does. Any other decision counts as a failure of the plugin.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Trigger {
    /// The stream is new and not suspended, and its first backfill is about to be requested
    /// (`Skip`, `Backfill`, `Postpone`, `Fail`). Hook `stream_created`.
    StreamCreated,
    /// A BackfillRequest is next in the stream's queue (`Skip`, `Backfill`, `Postpone`, `Fail`).
    /// Hook `backfill_requested`.
    BackfillRequested,
    /// The stream has said that its source's schema has changed, and a backfill is about to be
    /// requested (`Skip`, `Backfill`, `Postpone`, `Fail`). Hook `schema_changed`.
    SchemaChanged,
    /// The definition's spec has changed while a Job runs, which is about to be replaced (`Skip`,
    /// `Backfill`, `Postpone`, `Fail`). Hook `spec_changed`.
    SpecChanged {
        /// The spec that the Job was made from, where that is known.
        previous: Option<Json>,
    },
    /// The stream's Job has failed, and the stream is about to fail (`Restart`, `Fail`, and
    /// `Backfill` where the Job was streaming). Hook `job_failed`.
    JobFailed(Failure),
    /// The stream's streaming Job has ended with success, and the next is about to be started
    /// (`Restart`, `Backfill`, `Fail`). Hook `job_completed`.
    JobCompleted,
    /// The time has come that [`next_tick`](crate::Plugin::next_tick) named, while the stream runs
    /// (`Restart`, `Backfill`, `Fail`). Hook `tick`.
    Tick,
}

/// What is to be done. Reasons are for people: they stand in the stream's events and status, cut
/// after 1,000 characters.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// What the host does without a plugin.
    Default,
    /// Not this one. A backfill is not run, and its request ends as Stopped. A changed spec is left
    /// for the next run.
    Skip {
        /// Why.
        reason: String,
    },
    /// About a backfill: run it, in this way. Otherwise: make a BackfillRequest and run it.
    Backfill(Backfill),
    /// Not yet: ask again then. Until then the stream does what it would do without the event.
    Postpone {
        /// How long to wait; a second to a week. Parts of seconds are rounded up.
        delay: Duration,
        /// Why.
        reason: String,
    },
    /// The stream fails, until its user suspends and resumes it.
    Fail {
        /// Why.
        reason: String,
    },
    /// Start the run again.
    Restart {
        /// How long to wait; at most half an hour. Parts of seconds are rounded up.
        delay: Duration,
        /// Why.
        reason: String,
    },
}

/// A backfill that is to be run.
///
/// ```
/// use arcane_plugin_sdk::{Backfill, Decision};
///
/// let decision: Decision = Backfill::new("offsets are lost")
///     .with_payload(serde_json::json!({"from": "beginning"}))
///     .with_template("big")
///     .into();
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Backfill {
    /// The payload for it in place of the request's; none leaves that as it is. The
    /// BackfillRequest itself is not changed.
    pub payload: Option<Value>,
    /// Name of a StreamingJobTemplate to make the Job from in place of the one that the definition
    /// names, in the same namespace as that one.
    pub template: Option<String>,
    /// Why.
    pub reason: String,
}

impl Backfill {
    /// With the request's own payload and the definition's own template.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            payload: None,
            template: None,
            reason: reason.into(),
        }
    }

    /// With another payload.
    #[must_use]
    pub fn with_payload(mut self, payload: Value) -> Self {
        self.payload = Some(payload);
        self
    }

    /// From another template.
    #[must_use]
    pub fn with_template(mut self, template: impl Into<String>) -> Self {
        self.template = Some(template.into());
        self
    }
}

impl From<Backfill> for Decision {
    fn from(backfill: Backfill) -> Self {
        Self::Backfill(backfill)
    }
}

impl Decision {
    /// [`Decision::Skip`]
    pub fn skip(reason: impl Into<String>) -> Self {
        Self::Skip {
            reason: reason.into(),
        }
    }

    /// [`Decision::Backfill`], with nothing changed.
    pub fn backfill(reason: impl Into<String>) -> Self {
        Backfill::new(reason).into()
    }

    /// [`Decision::Postpone`]
    pub fn postpone(delay: Duration, reason: impl Into<String>) -> Self {
        Self::Postpone {
            delay,
            reason: reason.into(),
        }
    }

    /// [`Decision::Fail`]
    pub fn fail(reason: impl Into<String>) -> Self {
        Self::Fail {
            reason: reason.into(),
        }
    }

    /// [`Decision::Restart`]
    pub fn restart(delay: Duration, reason: impl Into<String>) -> Self {
        Self::Restart {
            delay,
            reason: reason.into(),
        }
    }
}

/// Whole seconds, rounded up.
#[cfg(any(target_arch = "wasm32", test))]
pub(crate) fn seconds(delay: Duration) -> u64 {
    let part = u64::from(delay.subsec_nanos() > 0);
    delay.as_secs().saturating_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_seconds_are_rounded_up() {
        assert_eq!(seconds(Duration::from_secs(2)), 2);
        assert_eq!(seconds(Duration::from_millis(2_001)), 3);
        assert_eq!(seconds(Duration::ZERO), 0);
        assert_eq!(seconds(Duration::MAX), u64::MAX);
    }
}
