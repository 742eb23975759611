//! A component that has been compiled and found to be a plugin.

use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Engine, Store};

use crate::bindings::exports::arcane::stream_plugin::{
    configuration, decider, metadata, renderer, ticker,
};
use crate::bindings::{self, PACKAGE};
use crate::description::Description;
use crate::guest::Guest;
use crate::load_error::LoadError;
use crate::question::Hook;
use crate::text;

/// How many names are told where there are too many.
const NAMES: usize = 50;
/// How much of a name, or of a complaint, is told, in bytes.
const TOLD: usize = 500;

/// The code of a plugin, and where its functions are.
pub(crate) struct Program {
    /// SHA-256 of the component, in hex.
    pub(crate) digest: String,
    /// What instances are made from.
    pub(crate) instances: InstancePre<Guest>,
    pub(crate) metadata: metadata::GuestIndices,
    pub(crate) configuration: Option<configuration::GuestIndices>,
    pub(crate) renderer: Option<renderer::GuestIndices>,
    pub(crate) decider: Option<decider::GuestIndices>,
    pub(crate) ticker: Option<ticker::GuestIndices>,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program")
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Program {
    /// Finds the contract's interfaces in `component`.
    pub(crate) fn new(
        engine: &Engine,
        linker: &Linker<Guest>,
        digest: &str,
        component: &Component,
    ) -> Result<Self, LoadError> {
        let ty = component.component_type();
        check_imports(ty.imports(engine).map(|(name, _)| name))?;
        let exports: Vec<&str> = ty.exports(engine).map(|(name, _)| name).collect();
        check_exports(&exports)?;
        let instances = linker
            .instantiate_pre(component)
            .map_err(|error| wrong("imports", &error))?;
        let has = |interface: &str| {
            exports
                .iter()
                .filter_map(|name| bindings::interface(name))
                .any(|(name, _)| name == interface)
        };
        macro_rules! optional {
            ($interface:ident) => {
                has(stringify!($interface))
                    .then(|| $interface::GuestIndices::new(&instances))
                    .transpose()
                    .map_err(|error| wrong(stringify!($interface), &error))?
            };
        }
        Ok(Self {
            digest: digest.to_owned(),
            metadata: metadata::GuestIndices::new(&instances)
                .map_err(|error| wrong("metadata", &error))?,
            configuration: optional!(configuration),
            renderer: optional!(renderer),
            decider: optional!(decider),
            ticker: optional!(ticker),
            instances,
        })
    }

    /// Checks that the functions of all interfaces in `instance` have the contract's types.
    pub(crate) fn check_types(
        &self,
        store: &mut Store<Guest>,
        instance: &wasmtime::component::Instance,
    ) -> Result<(), LoadError> {
        // Destructured so that a new interface has to be thought of here.
        let Self {
            digest: _,
            instances: _,
            metadata,
            configuration,
            renderer,
            decider,
            ticker,
        } = self;
        metadata
            .load(&mut *store, instance)
            .map_err(|error| wrong("metadata", &error))?;
        macro_rules! check {
            ($interface:ident) => {
                if let Some(indices) = $interface {
                    indices
                        .load(&mut *store, instance)
                        .map_err(|error| wrong(stringify!($interface), &error))?;
                }
            };
        }
        check!(configuration);
        check!(renderer);
        check!(decider);
        check!(ticker);
        Ok(())
    }

    /// Checks that there is an interface for every hook of the description.
    pub(crate) fn check_hooks(&self, description: &Description) -> Result<(), LoadError> {
        for &hook in &description.hooks {
            let missing = match hook {
                Hook::Render if self.renderer.is_none() => "renderer",
                Hook::Tick if self.ticker.is_none() => "ticker",
                Hook::Render => continue,
                _ if self.decider.is_none() => "decider",
                _ => continue,
            };
            return Err(LoadError::MissingInterface {
                hook,
                interface: missing,
            });
        }
        Ok(())
    }
}

fn check_imports<'a>(imports: impl Iterator<Item = &'a str>) -> Result<(), LoadError> {
    let mut forbidden = Vec::new();
    let mut unserved = Vec::new();
    for name in imports {
        match bindings::interface(name) {
            Some(("logging" | "types", version)) if bindings::serves(version) => {}
            Some(("logging" | "types", _)) => unserved.push(name),
            _ => forbidden.push(name),
        }
    }
    if !forbidden.is_empty() {
        return Err(LoadError::ForbiddenImports {
            imports: told(&forbidden),
        });
    }
    if !unserved.is_empty() {
        return Err(LoadError::UnsupportedVersion {
            interfaces: told(&unserved),
        });
    }
    Ok(())
}

fn check_exports(exports: &[&str]) -> Result<(), LoadError> {
    let unserved: Vec<&str> = exports
        .iter()
        .copied()
        .filter(|name| {
            bindings::interface(name).is_some_and(|(_, version)| !bindings::serves(version))
        })
        .collect();
    if !unserved.is_empty() {
        return Err(LoadError::UnsupportedVersion {
            interfaces: told(&unserved),
        });
    }
    let is_metadata =
        |name: &&str| bindings::interface(name).is_some_and(|(name, _)| name == "metadata");
    if !exports.iter().any(is_metadata) {
        return Err(LoadError::NotAPlugin {
            exports: told(exports),
        });
    }
    Ok(())
}

fn told(names: &[&str]) -> Vec<String> {
    let mut told: Vec<String> = names
        .iter()
        .take(NAMES)
        .map(|name| text::one_line(name, TOLD))
        .collect();
    if names.len() > NAMES {
        told.push(format!("and {} more", names.len() - NAMES));
    }
    told
}

fn wrong(interface: &str, error: &wasmtime::Error) -> LoadError {
    LoadError::WrongInterface {
        interface: format!("{PACKAGE}{interface}"),
        problem: text::one_line(&format!("{error:#}"), TOLD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forbidden_imports_are_told() {
        let names = [
            "arcane:stream-plugin/logging@0.1.0",
            "wasi:cli/stdout@0.2.0",
            "arcane:stream-plugin/clock@0.1.0",
            "env",
        ];
        let error = check_imports(names.into_iter()).unwrap_err();
        let text = error.to_string();
        for name in &names[1..] {
            assert!(text.contains(name), "{text}");
        }
        assert!(!text.contains("logging@"), "{text}");
    }

    #[test]
    fn very_many_names_are_not_all_told() {
        let names: Vec<String> = (0..1_000)
            .map(|number| format!("import-{number}"))
            .collect();
        let error = check_imports(names.iter().map(String::as_str)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("and 950 more"), "{text}");
    }

    #[test]
    fn another_version_of_the_contract_is_told_apart_from_none() {
        let other = check_exports(&["arcane:stream-plugin/metadata@1.0.0"]).unwrap_err();
        assert_eq!(other.reason(), "UnsupportedVersion");
        assert!(other.to_string().contains("this host serves 0.1.0"));
        let none = check_exports(&["wasi:cli/run@0.2.0"]).unwrap_err();
        assert_eq!(none.reason(), "NotAPlugin");
        assert!(none.to_string().contains("wasi:cli/run@0.2.0"));
    }
}
