//! What the commands of this repository share: their arguments, and how they speak to people.
//!
//! `cargo xtask` itself is small and compiles in seconds. What needs a Kubernetes client is in
//! programs of its own (`arcane-demo`, `arcane-load`), which `cargo xtask` builds with visible
//! progress and then runs; they take the same arguments.

pub mod cli;
pub mod terminal;
