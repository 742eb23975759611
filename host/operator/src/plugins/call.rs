//! Calls a plugin: off the runtime, counted, and with its log lines shown as what they are.

use std::panic::resume_unwind;

use arcane_plugins::{CallError, Hook, Level, Plugin, Report};
use tracing::{debug, error, info, warn};

use super::service::Service;
use crate::metrics::{PluginCall, PluginMetrics};

/// Asks the plugin in service for a class. What it logs is shown within the current span.
pub async fn call<T: Send + 'static>(
    metrics: &PluginMetrics,
    class: &str,
    service: &Service,
    plugin: &Plugin,
    hook: Hook,
    question: impl FnOnce(&Plugin) -> Report<T> + Send + 'static,
) -> Result<T, CallError> {
    let asked = plugin.clone();
    let answered = tokio::task::spawn_blocking(move || question(&asked)).await;
    // A panic is the host's own, and ends the work on this stream only.
    let report = answered.unwrap_or_else(|error| resume_unwind(error.into_panic()));
    service.tell_health(plugin);
    let Report {
        result,
        lines,
        elapsed,
        memory_peak,
        from_memo,
    } = report;
    for line in lines {
        let (may, omitted) = service.may_log();
        if let Some(omitted) = omitted {
            warn!("{omitted} log lines of the plugin were left out");
        }
        if may {
            show(plugin, hook, line.level, &line.message);
        }
    }
    metrics.called(&PluginCall {
        class,
        digest: plugin.digest(),
        hook: hook.as_str(),
        result: match &result {
            Ok(_) if from_memo => "remembered",
            Ok(_) => "answered",
            Err(error) => error.kind(),
        },
        elapsed,
        memory_peak,
    });
    result
}

fn show(plugin: &Plugin, hook: Hook, level: Level, message: &str) {
    let (plugin, hook) = (&plugin.description().name, hook.as_str());
    match level {
        Level::Debug => debug!(plugin, hook, "plugin: {message}"),
        Level::Info => info!(plugin, hook, "plugin: {message}"),
        Level::Warn => warn!(plugin, hook, "plugin: {message}"),
        Level::Error => error!(plugin, hook, "plugin: {message}"),
    }
}
