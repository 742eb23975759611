//! Write plugins of Arcane Host in Rust.
