//! What takes bytes from outside.

mod answer;
mod component;
mod job;
pub(crate) mod sample;
mod source;

pub use answer::Answer;
pub use component::Component;
pub use job::Job;
pub use source::Source;

use std::time::Duration;

use arcane_plugins::{BreakerSettings, HostSettings, PluginHost};

/// A host that never leaves a plugin alone, and remembers nothing.
pub(crate) fn host() -> anyhow::Result<PluginHost> {
    PluginHost::new(HostSettings {
        memo_bytes: 0,
        call_wait: Duration::from_secs(60),
        breaker: BreakerSettings {
            faults_in_a_row: u32::MAX,
            ..BreakerSettings::default()
        },
        ..HostSettings::default()
    })
}
