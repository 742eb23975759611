//! Why work on a stream stops.

use arcane_lifecycle::Problem;

use crate::writer::Error as WriteError;

/// Why a step was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The user must put something right.
    #[error("{}", .0.message)]
    Problem(Problem),
    /// A request that was about to be made is completed already.
    #[error("backfill request {0} is completed already")]
    AlreadyCompleted(String),
    /// The definition has changed since it was observed: a fresh look is all it takes.
    #[error("the definition has changed meanwhile")]
    Outdated,
    /// A fresh look is needed, or another attempt later.
    #[error("failed to {action}: {source}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: WriteError,
    },
}

/// A write that did not succeed.
pub fn failed(action: &'static str) -> impl Fn(WriteError) -> Halt {
    move |source| Halt::Failed { action, source }
}
