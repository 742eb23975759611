//! What is told about a stream: status, conditions, events.

use crate::Phase;

/// The definition's status as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// `status.phase`
    pub phase: Phase,
    /// `status.configurationHash`; `None` keeps what is there.
    pub configuration_hash: Option<String>,
    /// In this order; the first is the one that existing clients know.
    pub conditions: Vec<Condition>,
}

/// A condition without its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `type`
    pub kind: &'static str,
    /// `status`: True or False.
    pub status: bool,
    /// `reason`
    pub reason: &'static str,
    /// `message`
    pub message: String,
}

/// An event on the definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `type`
    pub severity: Severity,
    /// `reason`
    pub reason: &'static str,
    /// `note`
    pub message: String,
}

/// `type` of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Normal,
    /// Worth a look.
    Warning,
}
