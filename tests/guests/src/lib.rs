//! Components for tests: well-behaved and hostile ones, made from WebAssembly text.
//!
//! [`all`] has a table of named guests, each with what is expected of it; [`Builder`] makes others;
//! [`ATTEMPTS`] are patches that try to leave the guard rails; a [`parrot`] answers whatever bytes it
//! is told to.
//!
//! ```
//! # fn main() -> anyhow::Result<()> {
//! use arcane_guests::{Builder, Render};
//!
//! let looping = arcane_guests::guest("endless-loop")?.bytes;
//! let patching = Builder::new("tag")
//!     .render(Render::Patch(br#"[{"op":"remove","path":"/spec/backoffLimit"}]"#.to_vec()))
//!     .build()?;
//! # assert!(looping.starts_with(b"\0asm") && patching.starts_with(b"\0asm"));
//! # Ok(())
//! # }
//! ```

mod attempts;
mod builder;
mod encode;
mod layout;
mod module;
mod packed;
mod parrot;
mod table;

pub use attempts::{ATTEMPTS, Attempt};
pub use builder::{Builder, Check, Decide, Deed, Described, Render, Tick};
pub use encode::VERSION;
pub use packed::{gzip, gzip_bomb, zstd, zstd_bomb};
pub use parrot::{PARROT_BASE, PARROT_ROOM, parrot};
pub use table::{Expect, Guest, all, guest};
