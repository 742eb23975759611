//! The streams of one class: observed, decided on, carried out.

mod adopt;
mod backoff;
mod context;
mod controller;
mod definitions;
mod execute;
mod exits;
mod express;
mod failure;
mod halt;
mod inputs;
mod memory;
mod observe;
mod plugin;
mod reconcile;
mod render;
mod rolling;
mod status;
mod tell;
mod unanswered;
mod write_status;

pub use backoff::{Backoff, random_fraction};
pub use context::Host;
pub use controller::{Kind, Served, serve};
