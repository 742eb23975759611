//! Logs: text for people on a terminal, JSON elsewhere.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Installs the process-wide subscriber.
pub fn init(config: &Config) -> anyhow::Result<()> {
    // kube logs each failed watch itself; ours are reported once, by class, with what to do.
    let directives = format!("{},kube_runtime=off,kube_client=error", config.log_level);
    let filter = EnvFilter::try_new(&directives)
        .with_context(|| format!("--log-level: {:?} is not a filter", config.log_level))?;
    let json = match config.log_format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if json {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .init();
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).init();
    }
    Ok(())
}
