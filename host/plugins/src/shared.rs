//! What all plugins of a host share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use anyhow::Context as _;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::compile::{CompileStatistics, Compiler};
use crate::digest;
use crate::engine;
use crate::gate::Gate;
use crate::guest::Guest;
use crate::load_error::LoadError;
use crate::memo::Memo;
use crate::program::Program;
use crate::settings::HostSettings;
use crate::ticker::Ticker;

/// What is loaded, by digest. Each has a lock of its own, so that two that load the same component
/// at the same time compile it once.
type Programs = HashMap<String, Arc<Mutex<Weak<Program>>>>;

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
    programs: Mutex<Programs>,
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

impl Shared {
    pub(crate) fn new(settings: HostSettings) -> anyhow::Result<Self> {
        let calls = settings.concurrent_calls.max(1);
        let engine = engine::for_calls(calls)?;
        let compiler = Compiler::new(&engine, &settings)?;
        Ok(Self {
            ticker: Ticker::start(&engine)?,
            gate: Gate::new(calls),
            memo: Mutex::new(Memo::new(settings.memo_bytes)),
            linker: engine::linker(&engine).context("cannot set up the host of plugins")?,
            compiler,
            programs: Mutex::default(),
            engine,
            settings,
        })
    }

    pub(crate) fn memo(&self) -> MutexGuard<'_, Memo> {
        self.memo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when a call that comes now waits for its turn.
    pub(crate) fn patience(&self, now: Instant) -> Instant {
        now.checked_add(self.settings.call_wait).unwrap_or(now)
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let mut loaded: Vec<String> = self
            .programs()
            .iter()
            .filter(|(_, place)| is_loaded(place))
            .map(|(digest, _)| digest.clone())
            .collect();
        loaded.sort_unstable();
        let memo = self.memo();
        Statistics {
            loaded,
            compile: self.compiler.statistics(),
            memo_answers: memo.len(),
            memo_bytes: memo.bytes(),
        }
    }

    fn programs(&self) -> MutexGuard<'_, Programs> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The component `bytes`, compiled unless it is loaded already.
    pub(crate) fn program(&self, bytes: &[u8]) -> Result<Arc<Program>, LoadError> {
        let digest = digest::hex(&digest::of(bytes));
        let place = {
            let mut programs = self.programs();
            // What nobody has any more, and nobody is about to load.
            programs.retain(|_, place| Arc::strong_count(place) > 1 || is_loaded(place));
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

/// Whether somebody has the program. One whose lock is taken is still being loaded.
fn is_loaded(place: &Mutex<Weak<Program>>) -> bool {
    place
        .try_lock()
        .is_ok_and(|program| program.strong_count() > 0)
}
