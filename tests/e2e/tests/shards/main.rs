//! Streams split over replicas: who works on what, and who takes over, when replicas come and go and
//! when the number of shards changes.

mod classes;
mod handover;
mod layouts;
mod split;
mod support;
mod takeover;
