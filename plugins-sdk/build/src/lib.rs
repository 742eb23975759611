//! From a Rust project to a component.
