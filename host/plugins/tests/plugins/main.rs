//! Plugins as they run: each guest in its sandbox.

#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers fail the test when they fail"
)]

mod answers;
mod busy;
mod compile;
mod guests;
mod limits;
mod loading;
mod memory;
mod published;
mod support;
