//! From a Rust project to a component.
//!
//! ```no_run
//! use std::path::Path;
//! use arcane_plugin_build::{Options, build_plugin};
//!
//! let built = build_plugin(Path::new("my-plugin"), &Options::default())?;
//! println!("{}: {} bytes", built.path.display(), built.component.len());
//! # Ok::<(), arcane_plugin_build::BuildError>(())
//! ```

#[cfg(feature = "encode")]
mod build;
#[cfg(feature = "encode")]
mod component;
mod machine;
#[cfg(feature = "encode")]
mod names;
mod toolchain;

#[cfg(feature = "encode")]
pub use build::{BuildError, Built, Options, build_plugin};
#[cfg(feature = "encode")]
pub use component::{EncodeError, encode};
pub use toolchain::{Toolchain, ToolchainError};

/// What plugins are compiled to.
pub const TARGET: &str = "wasm32-unknown-unknown";
