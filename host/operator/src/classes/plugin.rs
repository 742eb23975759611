//! What a class says of its plugin.

use arcane_contract::api::{PluginStatus, StreamClass};
use arcane_lifecycle::Severity;
use arcane_plugins::{Health, Plugin};
use serde_json::{Value, json};

use crate::plugins::{InService, Obstacle, State};

/// Type of the condition.
pub const PLUGIN_READY: &str = "PluginReady";
/// Reason while all is well.
const IN_SERVICE: &str = "PluginInService";
/// Reason while the plugin is left alone.
const FAILING: &str = "PluginFailing";

/// Condition and status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Whether what the class names is in service, and answers.
    pub ready: bool,
    /// PascalCase reason.
    pub reason: String,
    /// For people.
    pub message: String,
    /// What is in service.
    pub status: Option<PluginStatus>,
    /// Generation of the class that this was found out for.
    pub generation: Option<i64>,
}

impl Word {
    /// The plugin keeps failing, and is not called for a while.
    pub fn is_left_alone(&self) -> bool {
        self.reason == FAILING
    }
}

/// What is to be said of what this generation of the class names; none while nothing is known yet.
pub fn word(state: &State, generation: Option<i64>) -> Option<Word> {
    let State {
        in_service,
        obstacle,
        tried,
        ..
    } = state;
    if !tried {
        return None;
    }
    let plugin = in_service.as_ref().map(|InService { plugin, .. }| plugin);
    let status = plugin.map(status);
    let (ready, reason, message) = match (obstacle, plugin) {
        (Some(Obstacle { reason, message }), None) => (false, *reason, message.clone()),
        (Some(Obstacle { reason, message }), Some(plugin)) => (
            false,
            *reason,
            format!("{message}. Meanwhile {} stays in service", name(plugin)),
        ),
        (None, Some(plugin)) => match plugin.health() {
            Health::Open { last_error, .. } | Health::HalfOpen { last_error } => (
                false,
                FAILING,
                format!("{} keeps failing: {last_error}", name(plugin)),
            ),
            Health::Closed => (true, IN_SERVICE, in_service_as(plugin)),
        },
        (None, None) => return None,
    };
    Some(Word {
        ready,
        reason: reason.to_owned(),
        message,
        status,
        generation,
    })
}

/// What the status says.
pub fn known(class: &StreamClass) -> Option<Word> {
    let status = class.status.as_ref()?;
    let mut conditions = status.conditions.iter();
    let condition = conditions.find(|condition| condition.type_ == PLUGIN_READY)?;
    Some(Word {
        ready: condition.status == "True",
        reason: condition.reason.clone(),
        message: condition.message.clone(),
        status: status.plugin.clone(),
        generation: condition.observed_generation,
    })
}

/// The condition.
pub fn condition(word: &Word, since: &str) -> Value {
    json!({
        "type": PLUGIN_READY,
        "status": if word.ready { "True" } else { "False" },
        "reason": word.reason,
        "message": word.message,
        "observedGeneration": word.generation,
        "lastTransitionTime": since,
    })
}

/// The event that goes with a change.
pub fn event(before: Option<&Word>, now: Option<&Word>) -> Option<(Severity, &'static str)> {
    let now = now?;
    if !now.ready {
        // Other words for the same reason are no news.
        let is_news = before.is_none_or(|before| before.reason != now.reason);
        return is_news.then_some((Severity::Warning, "PluginRejected"));
    }
    let digest = |word: &Word| word.status.as_ref().map(|status| status.digest.clone());
    let is_news = before.is_none_or(|before| !before.ready || digest(before) != digest(now));
    is_news.then_some((Severity::Normal, "PluginLoaded"))
}

fn name(plugin: &Plugin) -> String {
    let description = plugin.description();
    format!(
        "plugin {} {} (sha256 {})",
        description.name,
        description.version,
        plugin.digest()
    )
}

fn in_service_as(plugin: &Plugin) -> String {
    let hooks: Vec<_> = plugin
        .description()
        .hooks
        .iter()
        .map(|hook| hook.as_str())
        .collect();
    let mut message = format!("{} is in service for {}", name(plugin), hooks.join(", "));
    let missing = missing_grants(plugin);
    if !missing.is_empty() {
        message = format!(
            "{message}. It asks for grants that the class does not give: {}; answers that need \
             them are refused. Give them in spec.plugin.grants if they are meant",
            missing.join(", ")
        );
    }
    message
}

fn missing_grants(plugin: &Plugin) -> Vec<String> {
    plugin
        .missing_grants()
        .iter()
        .map(|grant| grant.as_str().to_owned())
        .collect()
}

fn status(plugin: &Plugin) -> PluginStatus {
    let description = plugin.description();
    let missing_grants = missing_grants(plugin);
    let asked = description
        .grants
        .iter()
        .map(|grant| grant.as_str().to_owned());
    PluginStatus {
        digest: plugin.digest().to_owned(),
        name: description.name.clone(),
        version: description.version.clone(),
        hooks: description
            .hooks
            .iter()
            .map(|hook| hook.as_str().to_owned())
            .collect(),
        grants: asked
            .filter(|grant| !missing_grants.contains(grant))
            .collect(),
        missing_grants,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ready: bool, reason: &str, digest: Option<&str>) -> Word {
        Word {
            ready,
            reason: reason.into(),
            message: "m".into(),
            status: digest.map(|digest| PluginStatus {
                digest: digest.into(),
                ..PluginStatus::default()
            }),
            generation: Some(1),
        }
    }

    #[test]
    fn nothing_is_said_of_a_plugin_that_was_not_tried_yet() {
        assert_eq!(word(&State::default(), Some(1)), None);
    }

    #[test]
    fn an_obstacle_is_told_in_its_own_words() {
        let state = State {
            in_service: None,
            obstacle: Some(Obstacle {
                reason: "ConfigMapNotFound",
                message: "create it".into(),
            }),
            tried: true,
            left_alone: false,
        };
        let word = word(&state, Some(1)).unwrap();
        assert_eq!(
            (word.ready, word.reason.as_str()),
            (false, "ConfigMapNotFound")
        );
        assert_eq!(word.message, "create it");
        assert_eq!(word.status, None);
    }

    #[test]
    fn events_tell_another_plugin_and_another_obstacle_only() {
        let loaded = said(true, IN_SERVICE, Some("a"));
        let reason = |before, now| event(before, Some(now)).map(|(_, reason)| reason);
        assert_eq!(reason(None, &loaded), Some("PluginLoaded"));
        assert_eq!(reason(Some(&loaded), &loaded), None);
        let other = said(true, IN_SERVICE, Some("b"));
        assert_eq!(reason(Some(&loaded), &other), Some("PluginLoaded"));
        let bad = said(false, "PluginDigestMismatch", Some("a"));
        assert_eq!(reason(Some(&loaded), &bad), Some("PluginRejected"));
        assert_eq!(reason(Some(&bad), &bad), None);
        assert_eq!(reason(Some(&bad), &loaded), Some("PluginLoaded"));
    }
}
