//! Plugins in the form of components: they shape Jobs and decide on what happens to streams, by the
//! real operator on the real control plane.

#![expect(clippy::unwrap_used, reason = "what tests share is test code, too")]

mod decisions;
mod examples;
mod hostile;
mod job_schema;
mod policies;
mod quiet;
mod rails;
mod reload;
mod shaping;
mod sources;
mod support;
