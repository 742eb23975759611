//! What a plugin answers, once the host has accepted it.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::error::CallError;

/// How a call went.
#[derive(Debug)]
pub struct Report<T> {
    /// The answer, or why there is none.
    pub result: Result<T, CallError>,
    /// What the plugin logged, in order.
    pub lines: Vec<LogLine>,
    /// How long it took, without the time spent waiting for a turn.
    pub elapsed: Duration,
    /// The most linear memory that the plugin had at one time, in bytes. 0 where it was not called.
    pub memory_peak: usize,
    /// The answer is one that was given before to the same question.
    pub from_memo: bool,
}

impl<T> Report<T> {
    /// The report with another answer.
    pub(crate) fn map<U>(self, answer: impl FnOnce(T) -> U) -> Report<U> {
        Report {
            result: self.result.map(answer),
            lines: self.lines,
            elapsed: self.elapsed,
            memory_peak: self.memory_peak,
            from_memo: self.from_memo,
        }
    }
}

/// A Job that a plugin has shaped, and that is within the guard rails.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// The Job to use: the given one where the plugin changed nothing.
    pub job: Value,
    /// Whether it differs from the given one.
    pub changed: bool,
}

/// What is to be done about a [`crate::Trigger`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// What the host does without a plugin.
    Default,
    /// Not this one.
    Skip {
        /// Why, for people.
        reason: String,
    },
    /// Run the backfill in this way, or make one and run it.
    Backfill {
        /// The payload in place of the request's; none leaves that as it is.
        payload: Option<Value>,
        /// Name of the StreamingJobTemplate in place of the one that the definition names.
        template: Option<String>,
        /// Why, for people.
        reason: String,
    },
    /// Ask again later.
    Postpone {
        /// How long to wait: 1 second to a week.
        delay: Duration,
        /// Why, for people.
        reason: String,
    },
    /// The stream fails.
    Fail {
        /// Why, for people.
        reason: String,
    },
    /// Start the run again.
    Restart {
        /// How long to wait: up to 30 minutes.
        delay: Duration,
        /// Why, for people.
        reason: String,
    },
}

impl Decision {
    /// The name by which plugins know the decision.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Skip { .. } => "skip",
            Self::Backfill { .. } => "backfill",
            Self::Postpone { .. } => "postpone",
            Self::Fail { .. } => "fail",
            Self::Restart { .. } => "restart",
        }
    }

    /// Why, for people; none for [`Decision::Default`].
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Default => None,
            Self::Skip { reason }
            | Self::Backfill { reason, .. }
            | Self::Postpone { reason, .. }
            | Self::Fail { reason }
            | Self::Restart { reason, .. } => Some(reason),
        }
    }
}

/// One line that a plugin logged. Control characters have been replaced, and what was too long was
/// cut; even so it is the plugin's word, and must be shown as such.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// How important the plugin holds it to be.
    pub level: Level,
    /// The text, without line breaks; at most 4 KiB.
    pub message: String,
}

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// For those who look for a fault.
    Debug,
    /// As it should be.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    /// Lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
