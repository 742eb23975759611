//! Puts a case's question to a plugin, and holds the answer against what is expected.

use std::time::Duration;

use arcane_plugins::{CallError, Hook, LogLine, Plugin, PluginHost, PluginSettings};
use serde_json::Value;

use super::Case;
use super::expectation::{Answer, Mismatch};
use super::question::Ask;
use crate::ask::ask;

/// How a case went.
#[derive(Debug)]
pub struct Outcome {
    /// What is not as expected; none if the case passed.
    pub mismatch: Option<Mismatch>,
    /// What the plugin logged.
    pub lines: Vec<LogLine>,
    /// How long the call took; zero if none was made.
    pub elapsed: Duration,
}

/// Runs a case with this component, loaded as the case's class would have it.
pub fn run(host: &PluginHost, component: &[u8], case: &Case) -> Outcome {
    let (answer, lines, elapsed) = answer(host, component, case);
    let given = match &case.question.ask {
        Ask::Render(job) => job,
        _ => &Value::Null,
    };
    Outcome {
        mismatch: case.expected.mismatch(given, &answer),
        lines,
        elapsed,
    }
}

fn answer(host: &PluginHost, component: &[u8], case: &Case) -> (Answer, Vec<LogLine>, Duration) {
    let unasked = |message: String, lines| (Answer::Error(message), lines, Duration::ZERO);
    let settings = match PluginSettings::from_spec(&case.plugin) {
        Ok(settings) => settings,
        Err(error) => return unasked(error.to_string(), Vec::new()),
    };
    let mut lines = Vec::new();
    let plugin = match host.load_logged(component, settings, &mut lines) {
        Ok(plugin) => plugin,
        Err(error) => return unasked(error.to_string(), lines),
    };
    if let Some(hook) = case.question.ask.hook()
        && !plugin.wants(hook)
    {
        return unasked(not_wanted(&plugin, hook), lines);
    }
    let reply = ask(&plugin, &case.question);
    let answer = match reply.result {
        Ok(answer) => answer,
        Err(error @ CallError::Refused(_)) => Answer::Refused(error.to_string()),
        Err(error) => Answer::Error(error.to_string()),
    };
    (answer, [lines, reply.lines].concat(), reply.elapsed)
}

/// That a plugin is never asked something.
pub fn not_wanted(plugin: &Plugin, hook: Hook) -> String {
    let hooks = plugin.description().hooks.iter();
    let hooks: Vec<_> = hooks.map(|hook| hook.as_str()).collect();
    format!(
        "the plugin is never asked at the hook {hook}: its description names {}; name that hook \
         too if it is to be asked",
        hooks.join(", ")
    )
}
