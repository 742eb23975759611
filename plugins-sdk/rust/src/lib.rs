//! Write plugins of Arcane Host in Rust: implement [`Plugin`], and name it to [`export_plugin!`].
//!
//! ```
//! use arcane_plugin_sdk::{Context, Error, Job, Mode, Plugin, export_plugin};
//!
//! #[derive(serde::Deserialize)]
//! #[serde(rename_all = "camelCase", deny_unknown_fields)]
//! struct Config {
//!     backfill_memory: arcane_plugin_sdk::Quantity,
//! }
//!
//! struct BigBackfills;
//!
//! impl Plugin for BigBackfills {
//!     type Config = Config;
//!     const SUMMARY: &'static str = "Gives backfills more memory than streaming Jobs.";
//!
//!     fn render(context: &Context<Config>, job: &mut Job) -> Result<(), Error> {
//!         if context.mode() == Mode::Backfill {
//!             job.main()?
//!                 .set_resource("memory", context.config().backfill_memory);
//!         }
//!         Ok(())
//!     }
//! }
//!
//! export_plugin!(BigBackfills, hooks: [render], grants: [resources]);
//! # fn main() {}
//! ```
//!
//! On `wasm32-unknown-unknown` the crate of a plugin (`crate-type = ["cdylib", "rlib"]`) becomes a
//! component of the world `arcane:stream-plugin/plugin`. On any other target the same code is plain
//! Rust, so `cargo test` tests a plugin; [`testing`] makes the questions.
//!
//! A plugin has no clock, no files, no network and no memory of earlier calls: each call runs in an
//! instance of its own, and the same question gets the same answer.

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod bindings;
#[cfg(target_arch = "wasm32")]
mod component;
mod context;
mod de;
mod decision;
mod error;
mod export;
mod job;
mod json;
mod log;
mod plugin;
mod quantity;
pub mod testing;
mod timestamp;

pub use context::{Context, Failure, Mode, Request, Stream};
pub use decision::{Backfill, Decision, Trigger};
pub use error::Error;
pub use job::{Answer, Container, Job, Metadata, Toleration};
pub use json::Json;
pub use log::{Level, log};
pub use plugin::{NoConfig, Plugin};
pub use quantity::{Quantity, QuantityError};
pub use timestamp::{Timestamp, Weekday};

/// JSON values, as [`Job::raw`] and payloads are made of.
pub use serde_json;

#[doc(hidden)]
pub mod __private {
    //! What [`export_plugin!`](crate::export_plugin) expands to.
    #[cfg(target_arch = "wasm32")]
    pub use crate::component::Component;
    pub use crate::export::{Exported, is_name};
}
