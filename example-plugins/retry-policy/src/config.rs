//! What a class may configure.

use arcane_plugin_sdk::Error;
use arcane_plugin_sdk::serde_json::{Map, Value};
use serde::Deserialize;

use crate::codes::Codes;

/// The longest delay before a restart that the host takes, in seconds.
const MAXIMUM_DELAY_SECONDS: u64 = 1_800;

/// `spec.plugin.config` of the class.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// What follows which failure; the first that matches counts, and where none does the stream
    /// fails as it would without a plugin. At least one.
    pub rules: Vec<Rule>,
}

/// What follows one kind of failure.
///
/// A rule matches a failure that has everything that the rule names; one that names nothing matches
/// all of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Name, for people: it stands in the reason of what was decided.
    pub name: String,
    /// Exit codes of the container: numbers, and ranges such as `10-19`. Default: any, and none.
    #[serde(default)]
    pub exit_codes: Vec<Codes>,
    /// Text that the container's termination message holds; `*` stands for anything. Default: any
    /// message, and none.
    #[serde(default)]
    pub message: Option<String>,
    /// Why the container ended, by the kubelet, such as `Error`. Default: any reason, and none.
    #[serde(default)]
    pub container_reason: Option<String>,
    /// The kinds of run that it is about. Default: all of them.
    #[serde(default)]
    pub modes: Vec<RunMode>,
    /// What follows.
    pub then: Action,
}

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunMode {
    /// It streams.
    Streaming,
    /// It backfills for a BackfillRequest.
    Backfill,
    /// It backfills on a schedule.
    Scheduled,
}

/// What follows a failure.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// The run is started again, after longer and longer delays.
    Restart(Restart),
    /// The stream is backfilled. Such a rule is about streaming runs alone: a backfill cannot be
    /// followed by another one.
    Backfill(Backfill),
    /// The stream fails, for this reason.
    Fail(Fail),
}

/// How a run is started again.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Restart {
    /// How often in a row; after that the stream fails. 1 or more, default 5.
    pub attempts: u32,
    /// Seconds before the first restart: 0 to 1800, default 10.
    pub delay_seconds: u64,
    /// How many times as long as the one before each delay is: 1 to 100, default 2.
    pub factor: u32,
    /// Seconds that no delay is longer than: `delaySeconds` to 1800, default 600.
    pub maximum_delay_seconds: u64,
    /// Up to how many seconds are added, each stream its own number, so that streams that failed
    /// together do not come back at one moment. 0 to 1800, default 0.
    pub spread_seconds: u64,
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            attempts: 5,
            delay_seconds: 10,
            factor: 2,
            maximum_delay_seconds: 600,
            spread_seconds: 0,
        }
    }
}

/// How the stream is backfilled.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Backfill {
    /// Payload of the BackfillRequest. Default: none.
    pub payload: Option<Map<String, Value>>,
    /// Name of a StreamingJobTemplate to backfill with. Default: the one that the definition names.
    pub template: Option<String>,
}

/// How the stream fails.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fail {
    /// Why, and best of all what to do.
    pub reason: String,
}

impl Config {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// There are no rules, or one of them could not do what it says.
    pub fn check(&self) -> Result<(), Error> {
        if self.rules.is_empty() {
            return Err(Error::field(
                "rules",
                "is empty, so that the plugin would do nothing: add a rule, or take `spec.plugin` out of the class",
            ));
        }
        for (index, rule) in self.rules.iter().enumerate() {
            rule.check(&format!("rules[{index}]"))?;
        }
        Ok(())
    }
}

impl Rule {
    fn check(&self, path: &str) -> Result<(), Error> {
        let at = |field: &str| format!("{path}.{field}");
        if self.name.is_empty() {
            return Err(Error::field(
                &at("name"),
                "is empty: say what the rule is about",
            ));
        }
        if self
            .message
            .as_deref()
            .is_some_and(|text| text.trim_matches('*').is_empty())
        {
            return Err(Error::field(
                &at("message"),
                "matches every message: give a text that the message holds, or leave it out",
            ));
        }
        match &self.then {
            Action::Restart(restart) => restart.check(&at("then.restart")),
            Action::Backfill(_) if self.never_streaming() => Err(Error::field(
                &at("modes"),
                "a rule that backfills is about streaming runs alone: name `streaming`, or leave it out",
            )),
            Action::Backfill(backfill) => backfill.check(&at("then.backfill")),
            Action::Fail(fail) if fail.reason.is_empty() => Err(Error::field(
                &at("then.fail.reason"),
                "is empty: say why the stream fails, and what to do",
            )),
            Action::Fail(_) => Ok(()),
        }
    }

    fn never_streaming(&self) -> bool {
        !self.modes.is_empty() && !self.modes.contains(&RunMode::Streaming)
    }
}

impl Backfill {
    fn check(&self, path: &str) -> Result<(), Error> {
        if self.template.as_deref() == Some("") {
            return Err(Error::field(
                &format!("{path}.template"),
                "is empty: name a StreamingJobTemplate, or leave it out",
            ));
        }
        Ok(())
    }
}

impl Restart {
    fn check(&self, path: &str) -> Result<(), Error> {
        let at = |field: &str| format!("{path}.{field}");
        if self.attempts == 0 {
            return Err(Error::field(
                &at("attempts"),
                "must be at least 1: a stream that is not to be restarted wants `fail`",
            ));
        }
        if !(1..=100).contains(&self.factor) {
            return Err(Error::field(
                &at("factor"),
                format_args!("must be from 1 to 100, and is {}", self.factor),
            ));
        }
        if self.maximum_delay_seconds < self.delay_seconds {
            return Err(Error::field(
                &at("maximumDelaySeconds"),
                format_args!(
                    "must not be less than delaySeconds, which is {}",
                    self.delay_seconds
                ),
            ));
        }
        let longest = self
            .maximum_delay_seconds
            .saturating_add(self.spread_seconds);
        if longest > MAXIMUM_DELAY_SECONDS {
            return Err(Error::field(
                &at("maximumDelaySeconds"),
                format_args!(
                    "with spreadSeconds must be at most {MAXIMUM_DELAY_SECONDS}, the longest that the host waits, and is {longest}"
                ),
            ));
        }
        Ok(())
    }
}
