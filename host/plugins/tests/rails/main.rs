//! The guard rails, tested from outside.

#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers fail the test when they fail"
)]

mod classification;
mod fixed;
mod free;
mod grants;
mod invariants;
mod messages;
mod properties;
mod support;
