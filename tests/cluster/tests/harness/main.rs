//! The harness does what tests of the operator rely on. All tests share one control plane, apart
//! from those that end or break theirs.

mod access;
mod audit;
mod lifetime;
mod operator;
mod pods;
mod proxy;
mod support;
