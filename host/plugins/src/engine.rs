//! The one engine: what WebAssembly may do here, and what is set aside for it.

use std::hash::{Hash, Hasher};

use anyhow::Context as _;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy,
};

use crate::bindings;
use crate::digest;
use crate::guest::{Guest, TABLE};
use crate::settings::LARGEST_MEMORY;

/// The most that a plugin may hand over at a time, in bytes: more than etcd stores as one object.
pub(crate) const OUTPUT: usize = 2 << 20;
/// The deepest that a plugin's calls may go, in bytes of stack. The threads that call have 2 MiB.
const STACK: usize = 512 << 10;
/// Core instances of one component. Our own plugins have 1 to 3; interpreters that link their
/// libraries at load have some thirty.
const INSTANCES: u32 = 64;
/// Memories of one component: its own, and one for an adapter.
const MEMORIES: u32 = 2;
/// Tables of one component: one for each module that is linked at load.
const TABLES: u32 = 8;
/// Memory of each place in the pool that stays resident between calls, so that small plugins start
/// without page faults: four fifths of what a call of a plugin with serde costs otherwise.
const KEEP_RESIDENT: usize = 256 << 10;

/// An engine for `calls` calls at a time.
pub(crate) fn for_calls(calls: usize) -> anyhow::Result<Engine> {
    let calls = u32::try_from(calls).context("too many calls at a time")?;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_core_instances(calls.saturating_mul(INSTANCES))
        .max_core_instances_per_component(INSTANCES)
        .total_memories(calls.saturating_mul(MEMORIES))
        .max_memories_per_component(MEMORIES)
        .max_memory_size(LARGEST_MEMORY)
        .total_tables(calls.saturating_mul(TABLES))
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .table_elements(TABLE)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
        .map_err(plain)
        .context("cannot set up the engine for WebAssembly")
}

/// An engine that only compiles, for the engines of [`for_calls`].
pub(crate) fn for_compiling() -> anyhow::Result<Engine> {
    Engine::new(&config())
        .map_err(plain)
        .context("cannot set up the compiler for WebAssembly")
}

/// A name for what an engine compiles to: two engines of the same name can run each other's.
pub(crate) fn compatibility(engine: &Engine) -> String {
    let mut bytes = Gathered(Vec::new());
    engine.precompile_compatibility_hash().hash(&mut bytes);
    digest::hex(&digest::of(&bytes.0))
}

/// All that plugins can import.
pub(crate) fn linker(engine: &Engine) -> anyhow::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    bindings::Plugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)
        .map_err(plain)
        .context("cannot provide what plugins import")?;
    Ok(linker)
}

/// wasmtime's error as others know errors.
pub(crate) fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow::Error::from_boxed(error.into_boxed_dyn_error())
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .epoch_interruption(true)
        .max_wasm_stack(STACK)
        .concurrency_support(false)
        // The same question gets the same answer on every machine.
        .cranelift_nan_canonicalization(true)
        // What no toolchain for plugins needs is so much less to attack.
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .shared_memory(false);
    config
}

/// Keeps what is hashed, so that it can be digested in a way that no release of Rust changes.
struct Gathered(Vec<u8>);

impl Hasher for Gathered {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_compiler_makes_the_engine_can_run() {
        let compiler = for_compiling().unwrap();
        let engine = for_calls(2).unwrap();
        assert_eq!(compatibility(&compiler), compatibility(&engine));
    }
}
