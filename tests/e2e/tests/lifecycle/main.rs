//! The life of a stream: every row of the state machine, by the real operator on the real control
//! plane.

#![expect(clippy::unwrap_used, reason = "what tests share is test code, too")]

mod backfill;
mod clients;
mod creation;
mod failure;
mod running;
mod schedule;
mod schema;
mod support;
mod suspension;
mod templates;
