//! Loads plugins, and has what all of them share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use anyhow::Context as _;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::answer::LogLine;
use crate::compile::{CompileStatistics, Compiler};
use crate::digest;
use crate::engine;
use crate::gate::Gate;
use crate::guest::Guest;
use crate::load_error::LoadError;
use crate::memo::Memo;
use crate::plugin::Plugin;
use crate::program::Program;
use crate::settings::{HostSettings, PluginSettings};
use crate::ticker::Ticker;

/// Loads plugins and calls them. Clones are the same host.
///
/// Everything here blocks: call it off an asynchronous runtime.
#[derive(Clone, Debug)]
pub struct PluginHost {
    shared: Arc<Shared>,
}

/// What all plugins of a host share.
pub(crate) struct Shared {
    pub(crate) settings: HostSettings,
    pub(crate) engine: Engine,
    pub(crate) ticker: Ticker,
    /// Bounds the calls of all plugins together.
    pub(crate) gate: Gate,
    memo: Mutex<Memo>,
    linker: Linker<Guest>,
    compiler: Compiler,
    /// What is loaded, by digest. Each has a lock of its own, so that two that load the same
    /// component at the same time compile it once.
    programs: Mutex<HashMap<String, Arc<Mutex<Weak<Program>>>>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// What a host has at the moment, and has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Digests of the components that are loaded, sorted.
    pub loaded: Vec<String>,
    /// How components came to be compiled.
    pub compile: CompileStatistics,
    /// How many answers are remembered.
    pub memo_answers: usize,
    /// How many bytes these take.
    pub memo_bytes: usize,
}

impl PluginHost {
    /// A host without any plugins.
    ///
    /// # Errors
    /// The engine cannot be set up, or the directory for compiled components is not for this user
    /// alone.
    pub fn new(settings: HostSettings) -> anyhow::Result<Self> {
        let calls = settings.concurrent_calls.max(1);
        let engine = engine::for_calls(calls)?;
        let compiler = Compiler::new(&engine, &settings)?;
        Ok(Self {
            shared: Arc::new(Shared {
                ticker: Ticker::start(&engine)?,
                gate: Gate::new(calls),
                memo: Mutex::new(Memo::new(settings.memo_bytes)),
                linker: engine::linker(&engine).context("cannot set up the host of plugins")?,
                compiler,
                programs: Mutex::default(),
                engine,
                settings,
            }),
        })
    }

    /// Takes the component `bytes`, decompressed, into service: compiles it unless that was done
    /// before, checks that it imports and exports what the contract says, starts it once, has it
    /// describe itself and check its configuration.
    ///
    /// # Errors
    /// Something about it is not as it should be.
    pub fn load(&self, bytes: &[u8], settings: PluginSettings) -> Result<Plugin, LoadError> {
        self.load_logged(bytes, settings, &mut Vec::new())
    }

    /// As [`PluginHost::load`], and adds to `lines` what the plugin logs meanwhile.
    ///
    /// # Errors
    /// As [`PluginHost::load`].
    pub fn load_logged(
        &self,
        bytes: &[u8],
        settings: PluginSettings,
        lines: &mut Vec<LogLine>,
    ) -> Result<Plugin, LoadError> {
        let maximum = self.shared.settings.maximum_component_bytes;
        if bytes.len() > maximum {
            return Err(LoadError::TooLarge {
                bytes: bytes.len(),
                maximum,
            });
        }
        let program = self.shared.program(bytes)?;
        Plugin::start(Arc::clone(&self.shared), program, settings, lines)
    }

    /// The engine that plugins run in: for measuring what a call takes without this host.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// What there is at the moment, and what was done so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let mut loaded: Vec<String> = self
            .shared
            .programs()
            .iter()
            // One whose lock is taken is being loaded.
            .filter(|(_, program)| {
                program
                    .try_lock()
                    .is_ok_and(|program| program.strong_count() > 0)
            })
            .map(|(digest, _)| digest.clone())
            .collect();
        loaded.sort_unstable();
        let memo = self.shared.memo();
        Statistics {
            loaded,
            compile: self.shared.compiler.statistics(),
            memo_answers: memo.len(),
            memo_bytes: memo.bytes(),
        }
    }
}

impl Shared {
    pub(crate) fn memo(&self) -> MutexGuard<'_, Memo> {
        self.memo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when a call that comes now waits for its turn.
    pub(crate) fn patience(&self, now: Instant) -> Instant {
        now.checked_add(self.settings.call_wait).unwrap_or(now)
    }

    fn programs(&self) -> MutexGuard<'_, HashMap<String, Arc<Mutex<Weak<Program>>>>> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn program(&self, bytes: &[u8]) -> Result<Arc<Program>, LoadError> {
        let digest = digest::hex(&digest::of(bytes));
        let place = {
            let mut programs = self.programs();
            // What nobody has any more, and nobody is about to load.
            programs.retain(|_, place| {
                Arc::strong_count(place) > 1
                    || place
                        .try_lock()
                        .is_ok_and(|program| program.strong_count() > 0)
            });
            Arc::clone(programs.entry(digest.clone()).or_default())
        };
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = place.upgrade() {
            return Ok(program);
        }
        let component = self.compiler.component(&self.engine, &digest, bytes)?;
        let program = Arc::new(Program::new(
            &self.engine,
            &self.linker,
            &digest,
            &component,
        )?);
        *place = Arc::downgrade(&program);
        Ok(program)
    }
}
