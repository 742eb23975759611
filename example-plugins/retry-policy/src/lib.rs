//! What follows a failed Job, by the exit code and the termination message of its container.

mod codes;
pub mod config;
mod delay;
mod pattern;

use std::time::Duration;

use arcane_plugin_sdk::serde_json::Value;
use arcane_plugin_sdk::{
    Backfill, Context, Decision, Error, Failure, Mode, Plugin, Timestamp, Trigger, export_plugin,
};

use config::{Action, Config, Restart, Rule, RunMode};

/// The plugin.
pub struct RetryPolicy;

impl Plugin for RetryPolicy {
    type Config = Config;
    const SUMMARY: &'static str = "Restarts, backfills or fails a stream whose Job has failed, by \
                                   exit code and termination message.";

    fn check(config: &Config) -> Result<(), Error> {
        config.check()
    }

    fn decide(
        trigger: &Trigger,
        context: &Context<Config>,
        _now: Timestamp,
    ) -> Result<Decision, Error> {
        let Trigger::JobFailed(failure) = trigger else {
            return Ok(Decision::Default);
        };
        let rule = context
            .config()
            .rules
            .iter()
            .find(|rule| matches(rule, context.mode(), failure));
        Ok(rule.map_or(Decision::Default, |rule| follow(rule, context, failure)))
    }
}

/// Whether the failure has everything that the rule names.
fn matches(rule: &Rule, mode: Mode, failure: &Failure) -> bool {
    let modes = match rule.then {
        // Nothing else may follow a failed backfill than a restart or a failure of the stream.
        Action::Backfill(_) => mode == Mode::Streaming,
        _ => rule.modes.is_empty() || rule.modes.contains(&mode.into()),
    };
    let exit_codes = rule.exit_codes.is_empty()
        || failure
            .exit_code
            .is_some_and(|code| rule.exit_codes.iter().any(|codes| codes.contains(code)));
    let message = rule.message.as_deref().is_none_or(|pattern| {
        let message = failure.termination_message.as_deref();
        message.is_some_and(|message| pattern::is_in(pattern, message))
    });
    let reason =
        rule.container_reason.is_none() || rule.container_reason == failure.container_reason;
    modes && exit_codes && message && reason
}

impl From<Mode> for RunMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Streaming => Self::Streaming,
            Mode::Backfill => Self::Backfill,
            Mode::Scheduled => Self::Scheduled,
        }
    }
}

fn follow(rule: &Rule, context: &Context<Config>, failure: &Failure) -> Decision {
    let why = format!("{} ({})", rule.name, describe(failure));
    match &rule.then {
        Action::Restart(restart) => restart_or_give_up(restart, context, &why),
        Action::Backfill(backfill) => Backfill {
            payload: backfill.payload.clone().map(Value::Object),
            template: backfill.template.clone(),
            reason: why,
        }
        .into(),
        Action::Fail(fail) => Decision::fail(format!("{}: {why}", fail.reason)),
    }
}

fn restart_or_give_up(restart: &Restart, context: &Context<Config>, why: &str) -> Decision {
    let attempt = context.attempt();
    if attempt >= restart.attempts {
        return Decision::fail(format!("gave up after {attempt} restarts in a row: {why}"));
    }
    let stream = context.stream();
    let name = format!("{}/{}", stream.namespace(), stream.name());
    let seconds = delay::before_restart(restart, attempt, &name);
    Decision::restart(
        Duration::from_secs(seconds),
        format!("restart {} of {}: {why}", attempt + 1, restart.attempts),
    )
}

/// Longest part of a termination message that a reason quotes, in characters: a message may have
/// 4096 bytes, a reason is cut after 1,000 characters.
const QUOTED_CHARACTERS: usize = 300;

fn describe(failure: &Failure) -> String {
    let code = match failure.exit_code {
        Some(code) => format!("exit code {code}"),
        None => "exit code unknown".to_owned(),
    };
    let message = failure
        .termination_message
        .as_deref()
        .unwrap_or_default()
        .trim();
    if message.is_empty() {
        return code;
    }
    let quoted: String = message.chars().take(QUOTED_CHARACTERS).collect();
    let rest = if quoted.len() < message.len() {
        "…"
    } else {
        ""
    };
    format!("{code}, `{quoted}{rest}`")
}

export_plugin!(RetryPolicy, hooks: [job_failed]);
