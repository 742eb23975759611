//! Modules and components that are valid, and otherwise anything.

use arbitrary::{Arbitrary, Unstructured};
use fastrand::Rng;
use wasm_smith::{Component, Config, Module};

/// A core module. It has no imports, so that it can be instantiated anywhere, unless any features
/// of WebAssembly are to be used.
pub fn module(rng: &mut Rng) -> Option<Vec<u8>> {
    let any = rng.u8(..4) == 0;
    let bytes = seed(rng);
    let mut bytes = Unstructured::new(&bytes);
    let config = if any {
        Config::arbitrary(&mut bytes).ok()?
    } else {
        Config {
            max_imports: 0,
            ..served()
        }
    };
    Module::new(config, &mut bytes)
        .ok()
        .map(|module| module.to_bytes())
}

/// A component.
pub fn component(rng: &mut Rng) -> Option<Vec<u8>> {
    let bytes = seed(rng);
    let mut bytes = Unstructured::new(&bytes);
    Component::new(served(), &mut bytes)
        .ok()
        .map(|component| component.to_bytes())
}

/// What shapes the outcome: the more bytes, the larger.
fn seed(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = vec![0; rng.usize(100..3_000)];
    rng.fill(&mut bytes);
    bytes
}

/// Features that the host serves, and sizes that compile in no time.
fn served() -> Config {
    Config {
        max_funcs: 20,
        max_instructions: 200,
        max_memory32_bytes: 64 << 20,
        exceptions_enabled: false,
        gc_enabled: false,
        compact_imports_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_of_what_is_asked_for_can_be_made() {
        let mut rng = Rng::with_seed(7);
        let modules = (0..50).filter_map(|_| module(&mut rng));
        assert!(modules.count() > 25);
        let components = (0..50).filter_map(|_| component(&mut rng));
        assert!(components.count() > 25);
    }
}
