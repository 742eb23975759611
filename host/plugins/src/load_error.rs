//! Why a component is not taken into service.

use std::fmt;

use crate::error::{Bytes, CallError};
use crate::question::Hook;

/// Why a component is not taken into service.
///
/// The text says what is wrong and what to do; words of the plugin are quoted with control
/// characters replaced.
#[derive(Clone, Debug)]
pub enum LoadError {
    /// It is larger than the host takes.
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most that the host takes.
        maximum: usize,
    },
    /// It is no component, but something else.
    NotAComponent {
        /// What it is.
        found: &'static str,
    },
    /// It is a component that cannot be compiled: truncated, invalid, or with features of
    /// WebAssembly that are not for plugins.
    Invalid {
        /// What is wrong with it.
        problem: String,
    },
    /// It imports what plugins are not given.
    ForbiddenImports {
        /// Each of them.
        imports: Vec<String>,
    },
    /// It was built against a version of the contract that this host does not serve.
    UnsupportedVersion {
        /// The interfaces concerned, with their versions.
        interfaces: Vec<String>,
    },
    /// It does not export `metadata`, which every plugin has to.
    NotAPlugin {
        /// What it exports.
        exports: Vec<String>,
    },
    /// An interface of the contract is there, but not as the contract has it.
    WrongInterface {
        /// Name of the interface.
        interface: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It could not be started.
    Start(CallError),
    /// It could not say what it is.
    Describe(CallError),
    /// What it says of itself breaks a rule of the contract.
    InvalidDescription {
        /// Field of the description.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// It names a hook whose interface it does not export.
    MissingInterface {
        /// The hook.
        hook: Hook,
        /// The interface that it needs.
        interface: &'static str,
    },
    /// It does not accept its configuration.
    ConfigRefused {
        /// Why, in its own words.
        problem: String,
    },
    /// It could not check its configuration.
    ConfigCheck(CallError),
    /// The process that was to compile it did not.
    Compiler {
        /// What became of it.
        problem: String,
    },
    /// Other calls took up all turns for too long.
    Busy,
}

impl LoadError {
    /// A name for conditions, in PascalCase.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "ComponentTooLarge",
            Self::NotAComponent { .. } => "NotAComponent",
            Self::Invalid { .. } => "InvalidComponent",
            Self::ForbiddenImports { .. } => "ForbiddenImports",
            Self::UnsupportedVersion { .. } => "UnsupportedVersion",
            Self::NotAPlugin { .. } => "NotAPlugin",
            Self::WrongInterface { .. } => "WrongInterface",
            Self::Start(_) => "StartFailed",
            Self::Describe(_) => "DescribeFailed",
            Self::InvalidDescription { .. } => "InvalidDescription",
            Self::MissingInterface { .. } => "MissingInterface",
            Self::ConfigRefused { .. } => "ConfigRefused",
            Self::ConfigCheck(_) => "ConfigCheckFailed",
            Self::Compiler { .. } => "CompilerFailed",
            Self::Busy => "Busy",
        }
    }

    /// Whether the same component may load at another time: what keeps it from it is the host's
    /// state, not the component.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Compiler { .. } | Self::Busy)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, maximum } => write!(
                f,
                "the component has {}, but this host takes at most {}; strip it of debugging \
                 information, or raise the host's limit",
                Bytes(*bytes),
                Bytes(*maximum)
            ),
            Self::NotAComponent { found } => write!(
                f,
                "this is {found}, not a WebAssembly component; build the plugin with `kubectl \
                 arcane plugin build`"
            ),
            Self::Invalid { problem } => write!(
                f,
                "the component cannot be compiled: {problem}; look whether it arrived whole, and \
                 build it without experimental features of WebAssembly"
            ),
            Self::ForbiddenImports { imports } => write!(
                f,
                "the component imports what plugins are not given: {}; a plugin can import nothing \
                 but arcane:stream-plugin/logging. Build it for a target without WASI, such as \
                 wasm32-unknown-unknown, or stub WASI out",
                imports.join(", ")
            ),
            Self::UnsupportedVersion { interfaces } => write!(
                f,
                "the component was built against a version of arcane:stream-plugin that this host \
                 does not serve: {}; this host serves {}. Build it against one of these, or upgrade \
                 the host",
                interfaces.join(", "),
                crate::bindings::SERVED
            ),
            Self::NotAPlugin { exports } => {
                f.write_str(
                    "the component does not export arcane:stream-plugin/metadata, as every plugin \
                     has to; it exports ",
                )?;
                match exports.as_slice() {
                    [] => f.write_str("nothing"),
                    exports => f.write_str(&exports.join(", ")),
                }
            }
            Self::WrongInterface { interface, problem } => write!(
                f,
                "the component's {interface} is not as the contract has it: {problem}; build it \
                 against the published WIT files"
            ),
            Self::Start(error) => write!(f, "the component cannot be started: {error}"),
            Self::Describe(error) => write!(f, "describe failed: {error}"),
            Self::InvalidDescription { field, problem } => write!(
                f,
                "what the plugin says of itself is not valid: {field}: {problem}"
            ),
            Self::MissingInterface { hook, interface } => write!(
                f,
                "the plugin names the hook {hook}, but does not export {interface}, which that \
                 needs; export it, or leave the hook out"
            ),
            Self::ConfigRefused { problem } => write!(
                f,
                "the plugin does not accept spec.plugin.config of the class: {problem}"
            ),
            Self::ConfigCheck(error) => {
                write!(f, "the check of spec.plugin.config failed: {error}")
            }
            Self::Compiler { problem } => {
                write!(f, "the process that was to compile the component {problem}")
            }
            Self::Busy => f.write_str(
                "other calls of plugins took up every turn for too long; it is tried again",
            ),
        }
    }
}

impl std::error::Error for LoadError {}
