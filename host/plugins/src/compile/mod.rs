//! From the bytes of a component to machine code: out of the cache, in a process of its own, or here.

mod cache;
mod child;
mod precompiled;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine;
use crate::load_error::LoadError;
use crate::settings::{CompileChild, HostSettings};
use crate::text;
use cache::{Cache, Found};
pub use child::compile_child_main;

/// How much of a compiler's complaint is kept, in bytes.
const PROBLEM: usize = 1_000;

/// Compiles components, one at a time, so that the memory which that takes stays bounded.
#[derive(Debug)]
pub(crate) struct Compiler {
    compatibility: String,
    cache: Option<Cache>,
    child: Option<CompileChild>,
    turn: Mutex<()>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    here: AtomicU64,
    in_child: AtomicU64,
    from_cache: AtomicU64,
    refused: AtomicU64,
}

/// What a compiler has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompileStatistics {
    /// Components that were compiled in this process.
    pub compiled_here: u64,
    /// Components that were compiled in a process of their own.
    pub compiled_in_child: u64,
    /// Components that had been compiled before.
    pub from_cache: u64,
    /// Files in the cache that were not as this host leaves them, and were not loaded.
    pub cache_files_refused: u64,
}

impl Compiler {
    pub(crate) fn new(engine: &Engine, settings: &HostSettings) -> anyhow::Result<Self> {
        let cache = match (&settings.cache_dir, &settings.compile_child) {
            (Some(directory), _) => Some(Cache::open(directory, settings.cache_bytes)?),
            // What the child makes has to lie somewhere.
            (None, Some(_)) => Some(Cache::temporary(settings.cache_bytes)?),
            (None, None) => None,
        };
        Ok(Self {
            compatibility: engine::compatibility(engine),
            cache,
            child: settings.compile_child.clone(),
            turn: Mutex::new(()),
            counts: Counts::default(),
        })
    }

    /// The component `bytes`, whose SHA-256 digest is `digest`, ready to be instantiated.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        digest: &str,
        bytes: &[u8],
    ) -> Result<Component, LoadError> {
        recognise(bytes)?;
        let key = format!("{digest}-{}", &self.compatibility);
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(component) = self.cached(engine, &key) {
            self.counts.from_cache.fetch_add(1, Ordering::Relaxed);
            return Ok(component);
        }
        if let Some(cache) = &self.cache
            && let Some(child) = &self.child
            && bytes.len() >= child.from_bytes
        {
            let aside = cache.aside(&key).map_err(|error| LoadError::Compiler {
                problem: format!("has nowhere to write to: {error:#}"),
            })?;
            child::compile(child, bytes, aside.path())?;
            self.counts.in_child.fetch_add(1, Ordering::Relaxed);
            return cache
                .keep(&key, aside)
                .and_then(|file| precompiled::load_file(engine, &file))
                .map_err(|error| LoadError::Compiler {
                    problem: format!("left what cannot be loaded: {error:#}"),
                });
        }
        let code = engine
            .precompile_component(bytes)
            .map_err(|error| LoadError::Invalid {
                problem: text::one_line(&format!("{error:#}"), PROBLEM),
            })?;
        self.counts.here.fetch_add(1, Ordering::Relaxed);
        if let Some(cache) = &self.cache {
            match cache
                .store(&key, &code)
                .and_then(|file| precompiled::load_file(engine, &file))
            {
                // Mapped from the file, it takes memory only as far as it runs.
                Ok(component) => return Ok(component),
                Err(error) => tracing::warn!(
                    error = format!("{error:#}"),
                    "a compiled plugin cannot be kept, and will be compiled again at the next start"
                ),
            }
        }
        precompiled::load_bytes(engine, &code).map_err(|error| LoadError::Invalid {
            problem: text::one_line(&format!("{error:#}"), PROBLEM),
        })
    }

    pub(crate) fn statistics(&self) -> CompileStatistics {
        let Counts {
            here,
            in_child,
            from_cache,
            refused,
        } = &self.counts;
        CompileStatistics {
            compiled_here: here.load(Ordering::Relaxed),
            compiled_in_child: in_child.load(Ordering::Relaxed),
            from_cache: from_cache.load(Ordering::Relaxed),
            cache_files_refused: refused.load(Ordering::Relaxed),
        }
    }

    fn cached(&self, engine: &Engine, key: &str) -> Option<Component> {
        let problem = match self.cache.as_ref()?.find(key) {
            Found::Nothing => return None,
            Found::File(file) => match precompiled::load_file(engine, &file) {
                Ok(component) => return Some(component),
                Err(error) => format!("{error:#}"),
            },
            Found::Suspicious(problem) => problem,
        };
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            problem,
            "a compiled plugin in the cache is not as this host left it; it is compiled again"
        );
        None
    }
}

/// Tells what is plainly no component, so that it can be named.
fn recognise(bytes: &[u8]) -> Result<(), LoadError> {
    const COMPONENT: [u8; 8] = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];
    const MODULE: [u8; 8] = [0, b'a', b's', b'm', 1, 0, 0, 0];
    let found = if bytes.starts_with(&COMPONENT) {
        return Ok(());
    } else if bytes.starts_with(&MODULE) {
        "a core WebAssembly module"
    } else if bytes.starts_with(&COMPONENT[..4]) {
        "WebAssembly of an unknown kind"
    } else if bytes.starts_with(b"\x7fELF") {
        "a program or compiled code for one machine"
    } else if bytes
        .iter()
        .take(100)
        .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
    {
        "text"
    } else {
        "something else"
    };
    Err(LoadError::NotAComponent { found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_called_what_it_is() {
        let found = |bytes: &[u8]| recognise(bytes).unwrap_err().to_string();
        assert!(found(b"\0asm\x01\0\0\0").contains("a core WebAssembly module"));
        assert!(found(b"\x7fELF\x02").contains("for one machine"));
        assert!(found(b"(component)").contains("this is text"));
        assert!(found(b"\0asm\x09\0\0\0").contains("unknown kind"));
        assert!(found(&[0xff; 9]).contains("something else"));
        assert!(recognise(b"\0asm\x0d\0\x01\0").is_ok());
    }
}
