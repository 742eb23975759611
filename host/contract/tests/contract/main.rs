//! The wire contract, tested from outside.

#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers fail the test when they fail"
)]

mod canonical;
mod definition;
mod golden;
mod hash;
mod hostile;
mod render;
mod schema;
mod stream;
mod support;
mod template;
