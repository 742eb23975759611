//! `kubectl arcane`

fn main() {}
