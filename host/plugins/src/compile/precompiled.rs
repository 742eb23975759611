//! Loads machine code that was compiled before. The one place with unsafe code.
//!
//! wasmtime checks that such code is for this release, these settings and this processor, but not
//! what it does: code from elsewhere could do anything. So it is loaded only when this process has
//! just compiled it, or when it comes out of a [`cache::File`](super::cache::File), which there is
//! only for files that this host wrote.
#![expect(
    unsafe_code,
    reason = "loading machine code cannot be safe; the callers vouch for where it comes from"
)]

use wasmtime::Engine;
use wasmtime::component::Component;

use super::cache;
use crate::engine;

/// Maps a file of the cache into memory.
pub(super) fn load_file(engine: &Engine, file: &cache::File) -> anyhow::Result<Component> {
    // SAFETY: that the file holds what a compiler of this host wrote, and stays as it is, is what
    // `cache::File` stands for: it lies in a directory that only this user can enter or change, is
    // owned by this user, nobody else can write to it, its content has the digest that it was
    // stored with, and this host replaces files only by renaming others over them.
    let component = unsafe { Component::deserialize_file(engine, file.path()) };
    component.map_err(engine::plain)
}

/// Loads what this process has just compiled: `code` has to come from
/// [`Engine::precompile_component`].
pub(super) fn load_bytes(engine: &Engine, code: &[u8]) -> anyhow::Result<Component> {
    // SAFETY: the only caller passes what the compiler returned, which nobody has touched since.
    let component = unsafe { Component::deserialize(engine, code) };
    component.map_err(engine::plain)
}
