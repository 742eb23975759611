//! The binary, run as people run it.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod bench;
mod check;
mod completion;
mod examples;
mod new;
mod pack;
mod room;
mod run;
mod test;
