//! Why a call got no answer.

use std::fmt;
use std::time::Duration;

use crate::rails::Refusal;
use crate::text;

/// How much is kept of what is wrong with an answer, in bytes.
const PROBLEM: usize = 1_000;

/// Why a call got no answer that could be used.
///
/// The text says what happened and what to do, for those who run the plugin; it holds words of the
/// plugin only where quoted, with control characters replaced.
#[derive(Clone, Debug)]
pub enum CallError {
    /// The plugin trapped: a panic, memory out of bounds, stack exhausted, and so on.
    Trap {
        /// What kind of trap.
        what: String,
        /// Names of the functions that it happened in, innermost first, where they are known.
        functions: Vec<String>,
    },
    /// It took longer than the class allows.
    Timeout {
        /// What the class allows.
        limit: Duration,
    },
    /// It wanted more memory than the class allows.
    MemoryLimit {
        /// What the class allows, in bytes.
        limit: usize,
        /// What it would have had, in bytes.
        wanted: usize,
    },
    /// It wanted a larger table of functions than any plugin may have.
    TableLimit {
        /// What is allowed, in elements.
        limit: usize,
    },
    /// It answered or logged more than any plugin may in one go.
    OutputLimit {
        /// What is allowed, in bytes.
        limit: usize,
    },
    /// It logged more than any plugin may in one call.
    LogLimit {
        /// What is allowed, in bytes.
        limit: usize,
    },
    /// It said itself that it has no answer.
    Plugin(String),
    /// Its answer is not of the form that it should have.
    InvalidAnswer {
        /// Which part of the answer.
        part: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Its answer leaves the guard rails.
    Refused(Vec<Refusal>),
    /// It failed too often of late, and is left alone for a while.
    BreakerOpen {
        /// How long until it is tried again.
        retry_in: Duration,
        /// How it failed last.
        last_error: String,
    },
    /// Other calls took up all turns for too long.
    Busy {
        /// How long it was waited for.
        waited: Duration,
    },
}

impl CallError {
    /// A name for metrics, in snake_case.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Trap { .. } => "trap",
            Self::Timeout { .. } => "timeout",
            Self::MemoryLimit { .. } => "memory_limit",
            Self::TableLimit { .. } => "table_limit",
            Self::OutputLimit { .. } => "output_limit",
            Self::LogLimit { .. } => "log_limit",
            Self::Plugin(_) => "plugin_error",
            Self::InvalidAnswer { .. } => "invalid_answer",
            Self::Refused(_) => "refused",
            Self::BreakerOpen { .. } => "breaker_open",
            Self::Busy { .. } => "busy",
        }
    }

    /// Whether the plugin was called and failed: false where it was not called at all.
    #[must_use]
    pub fn is_plugins_fault(&self) -> bool {
        !matches!(self, Self::BreakerOpen { .. } | Self::Busy { .. })
    }

    /// An answer whose `part` has this problem.
    pub(crate) fn invalid(part: &str, problem: &str) -> Self {
        Self::InvalidAnswer {
            part: part.to_owned(),
            problem: text::one_line(problem, PROBLEM),
        }
    }

    /// Whether it counts towards leaving the plugin alone.
    ///
    /// Its own errors and refused answers do not: they cost little, and they concern one stream,
    /// for which the others of the class are not to be held up.
    pub(crate) fn counts_as_break(&self) -> bool {
        self.is_plugins_fault() && !matches!(self, Self::Plugin(_) | Self::Refused(_))
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap { what, functions } => {
                write!(f, "the plugin crashed: {what}")?;
                if !functions.is_empty() {
                    write!(f, ", in {}", functions.join(" < "))?;
                }
                f.write_str(
                    "; its log lines may tell why. Try the same question with `kubectl arcane plugin run`",
                )
            }
            Self::Timeout { limit } => write!(
                f,
                "the plugin took longer than {} ms and was stopped; look for a loop that does not \
                 end, or raise spec.plugin.timeoutMilliseconds of the class",
                limit.as_millis()
            ),
            Self::MemoryLimit { limit, wanted } => write!(
                f,
                "the plugin wanted {} of memory where {} are allowed; look for what it gathers, or \
                 raise spec.plugin.memoryLimit of the class",
                Bytes(*wanted),
                Bytes(*limit)
            ),
            Self::TableLimit { limit } => write!(
                f,
                "the plugin wanted a table of more than {limit} elements; no setting raises this"
            ),
            Self::OutputLimit { limit } => write!(
                f,
                "the plugin answered or logged more than {} at once; no setting raises this, and \
                 no Job of that size could be stored",
                Bytes(*limit)
            ),
            Self::LogLimit { limit } => write!(
                f,
                "the plugin logged more than {} in one call; let it log less",
                Bytes(*limit)
            ),
            Self::Plugin(message) => write!(f, "the plugin gave up: {message}"),
            Self::InvalidAnswer { part, problem } => write!(
                f,
                "the plugin's answer cannot be used: {part}: {problem}; this has to be corrected \
                 in the plugin"
            ),
            Self::Refused(refusals) => {
                f.write_str("the plugin's answer leaves the guard rails: ")?;
                for (index, refusal) in refusals.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{refusal}")?;
                }
                Ok(())
            }
            Self::BreakerOpen {
                retry_in,
                last_error,
            } => write!(
                f,
                "the plugin failed too often in a row and is left alone for another {} s; last it \
                 was: {last_error}",
                retry_in.as_secs_f64().ceil()
            ),
            Self::Busy { waited } => write!(
                f,
                "other calls of plugins took up every turn for {} ms; it is tried again, and if \
                 this stays so, look for the plugin that is slow, or allow more calls at a time",
                waited.as_millis()
            ),
        }
    }
}

impl std::error::Error for CallError {}

/// A number of bytes, for people.
pub(crate) struct Bytes(pub(crate) usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        for (name, size) in UNITS {
            if self.0 >= size {
                return match self.0 % size {
                    0 => write!(f, "{} {name}", self.0 / size),
                    _ => write!(
                        f,
                        "{}.{} {name}",
                        self.0 / size,
                        (self.0 % size) * 10 / size
                    ),
                };
            }
        }
        write!(f, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_the_largest_unit_that_they_fill() {
        let told = |bytes| Bytes(bytes).to_string();
        assert_eq!(told(0), "0 bytes");
        assert_eq!(told(1_023), "1023 bytes");
        assert_eq!(told(64 << 20), "64 MiB");
        assert_eq!(told((3 << 30) / 2), "1.5 GiB");
        assert_eq!(told(1_100), "1.0 KiB");
    }

    #[test]
    fn what_a_plugin_made_of_an_answer_stays_on_one_line() {
        let error = CallError::invalid("job", "a\nb\u{1b}");
        assert!(error.to_string().contains("job: a b\u{FFFD};"), "{error}");
    }
}
