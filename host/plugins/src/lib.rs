//! Wasm plugins: loaded, called within limits, and held to guard rails.
//!
//! A [`PluginHost`] loads components that are built against the WIT package `arcane:stream-plugin`.
//! A plugin sees its question and nothing else: no clock, no random numbers, no files, no network.
//! Each call has an instance of its own, and ends when it takes too much time, memory, stack or log.
//! What it answers is checked, and a Job that it shapes is held to the guard rails in [`rails`].
//!
//! ```no_run
//! use arcane_plugins::{HostSettings, PluginHost, PluginSettings};
//!
//! # fn example(context: arcane_plugins::Context, job: serde_json::Value) -> anyhow::Result<()> {
//! let host = PluginHost::new(HostSettings::default())?;
//! let plugin = host.load(&std::fs::read("plugin.wasm")?, PluginSettings::default())?;
//! let report = plugin.render(&context, &job);
//! for line in &report.lines {
//!     println!("{}: {}", line.level, line.message);
//! }
//! println!("{}", report.result?.job);
//! # Ok(())
//! # }
//! ```

mod answer;
mod bindings;
mod breaker;
mod call;
mod compile;
mod decision;
mod description;
mod digest;
mod engine;
mod error;
mod gate;
mod guest;
mod host;
mod load_error;
mod memo;
mod patch;
mod plugin;
mod program;
mod question;
pub mod rails;
mod settings;
mod shared;
pub mod source;
mod text;
mod ticker;

pub use answer::{Decision, Level, LogLine, Rendered, Report};
pub use breaker::{BreakerSettings, Health};
pub use compile::{CompileStatistics, compile_child_main};
pub use description::Description;
pub use error::CallError;
pub use host::PluginHost;
pub use load_error::LoadError;
pub use plugin::Plugin;
pub use question::{
    Context, Failure, GivenJob, Hook, Mode, Question, Request, StreamDefinition, Trigger,
};
pub use settings::{CompileChild, HostSettings, PluginSettings, SettingsError};
pub use shared::Statistics;
