//! The streams of one class: observed, decided on, carried out.

mod adopt;
mod backoff;
mod context;
mod controller;
mod execute;
mod failure;
mod memory;
mod observe;
mod reconcile;
mod render;
mod rolling;
mod status;

pub use backoff::Backoff;
pub use context::Host;
pub use controller::{Kind, serve};
