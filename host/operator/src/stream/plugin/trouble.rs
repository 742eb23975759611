//! Plugins that give no answer.

use arcane_contract::api::FailurePolicy;
use arcane_lifecycle::{Condition, Plan, Problem, Step};
use arcane_plugins::{CallError, Hook, Plugin};

use super::super::context::{Class, ClassPlugin};
use crate::plugins::Obstacle;

/// Condition type: whether the stream's plugin answers.
pub const PLUGIN_HEALTHY: &str = "PluginHealthy";

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// For people.
    pub problem: Problem,
    /// Asking again may help. Otherwise the stream is looked at again when the plugin changes.
    pub retry: bool,
    /// Identity of the plugin that gave no answer; none where none is in service.
    pub identity: Option<String>,
    /// What it was asked; none where none is in service.
    pub hook: Option<Hook>,
}

impl Trouble {
    /// Of the plugin with this identity, for tests.
    #[cfg(test)]
    pub fn sample(identity: &str, hook: Hook) -> Self {
        Trouble {
            problem: Problem {
                reason: "PluginFailed",
                message: "m".into(),
            },
            retry: true,
            identity: Some(identity.into()),
            hook: Some(hook),
        }
    }

    /// No plugin is in service.
    pub fn absent(class: &Class, obstacle: Option<Obstacle>) -> Self {
        let cause = obstacle.map_or_else(String::new, |it| format!(": {}", it.message));
        Trouble {
            problem: Problem {
                reason: "PluginNotReady",
                message: format!(
                    "the plugin of StreamClass {} is not in service{cause}",
                    class.name
                ),
            },
            retry: false,
            identity: None,
            hook: None,
        }
    }

    /// A call failed.
    pub fn call(class: &Class, plugin: &Plugin, hook: Hook, error: &CallError) -> Self {
        let reason = match error {
            CallError::Refused(refusals) => {
                for refusal in refusals {
                    let grant = refusal.grant.map(|grant| grant.as_str());
                    class.host.metrics.plugins.refused(&class.name, grant);
                }
                "PluginAnswerRefused"
            }
            CallError::BreakerOpen { .. } | CallError::Busy { .. } => "PluginUnavailable",
            _ => "PluginFailed",
        };
        // Without what differs each time: it would make news of what is none.
        let error = match error {
            CallError::BreakerOpen { last_error, .. } => format!(
                "the plugin failed too often in a row and is left alone for a while; last it was: \
                 {last_error}"
            ),
            CallError::Busy { .. } => "other calls of plugins take up every turn; look for the \
                                       plugin that is slow, or allow more calls at a time"
                .to_owned(),
            error => error.to_string(),
        };
        let description = plugin.description();
        Trouble {
            problem: Problem {
                reason,
                message: format!(
                    "plugin {} {} of StreamClass {}, asked at {hook}: {error}",
                    description.name, description.version, class.name
                ),
            },
            retry: true,
            identity: Some(plugin.identity().to_owned()),
            hook: Some(hook),
        }
    }

    /// The API server refuses the Job that the plugin has shaped.
    pub fn refused_by_server(plugin: &Plugin, problem: Problem) -> Self {
        Trouble {
            problem,
            retry: false,
            identity: Some(plugin.identity().to_owned()),
            hook: Some(Hook::Render),
        }
    }
}

/// The API server refuses the Job that the plugin of this name has shaped.
pub fn refused_by_server(plugin: &str, message: &str) -> Problem {
    Problem {
        reason: "PluginAnswerRefused",
        message: format!("plugin {plugin} has shaped a Job that cannot be made: {message}"),
    }
}

impl ClassPlugin {
    /// Whether the template's defaults take the place of an answer.
    pub fn falls_back(&self) -> bool {
        self.policy == FailurePolicy::UseTemplate
    }
}

/// Adds to the plan how the plugin fares with this stream.
pub fn tell_health(plugin: &ClassPlugin, trouble: Option<&Trouble>, plan: &mut Plan) {
    let condition = match trouble {
        None => Condition {
            kind: PLUGIN_HEALTHY,
            status: true,
            reason: "PluginAnswers",
            message: "The class's plugin answers for this stream.".into(),
        },
        Some(Trouble { problem, .. }) => Condition {
            kind: PLUGIN_HEALTHY,
            status: false,
            reason: problem.reason,
            message: if plugin.falls_back() {
                format!(
                    "{}. The template's defaults apply meanwhile",
                    problem.message
                )
            } else {
                problem.message.clone()
            },
        },
    };
    for step in &mut plan.steps {
        if let Step::SetStatus(status) = step {
            status.conditions.push(condition.clone());
        }
    }
}
