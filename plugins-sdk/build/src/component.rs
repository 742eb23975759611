//! From a core module to a component.

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::names;

/// Why a module cannot become a component.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The module is none.
    #[error("this is no WebAssembly module: {0}")]
    NoModule(String),
    /// The module does not say which world it is for.
    #[error(
        "the module says nothing of the world that it is for: does the crate depend on \
         arcane-plugin-sdk, and call `export_plugin!` at its root?"
    )]
    NoWorld,
    /// The module does not fit the world that it says it is for.
    #[error("the module does not make a component: {0}")]
    Misfit(String),
}

/// Wraps a core module, as `cargo` builds it of a plugin, into a component, and checks that. Functions keep
/// their names, in a short form.
///
/// # Errors
/// The bytes are no module, or no module of a plugin.
pub fn encode(module: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let mut says_world = false;
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(|error| EncodeError::NoModule(error.to_string()))? {
            Payload::CustomSection(section) => {
                says_world |= section.name().starts_with("component-type");
            }
            Payload::Version { encoding, .. } if encoding != wasmparser::Encoding::Module => {
                let message = "it is a component already".to_owned();
                return Err(EncodeError::NoModule(message));
            }
            _ => {}
        }
    }
    if !says_world {
        return Err(EncodeError::NoWorld);
    }
    let shortened = names::shortened(module);
    let module = shortened.as_deref().unwrap_or(module);
    let misfit = |error| EncodeError::Misfit(format!("{error:#}"));
    ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(misfit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with nothing in it.
    const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn a_module_that_is_no_plugin_is_told_what_it_lacks() {
        let message = encode(EMPTY).unwrap_err().to_string();
        assert!(message.contains("export_plugin!"), "{message}");
    }

    #[test]
    fn other_bytes_are_no_module() {
        let component = b"\0asm\x0d\0\x01\0";
        let truncated = [EMPTY, &[1, 200]].concat();
        for bytes in [&b""[..], b"text", component, &truncated] {
            let error = encode(bytes).unwrap_err();
            assert!(matches!(error, EncodeError::NoModule(_)), "{error}");
        }
    }
}
