//! What can be set: for the host as a whole, and for each plugin by its class.

use std::fmt;
use std::io;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use arcane_contract::api::{PluginGrants, PluginSpec};
use arcane_contract::quantity::Amount;
use serde_json::Value;

use crate::breaker::BreakerSettings;

/// The most memory that any plugin can be allowed: what the places in the pool have room for.
pub(crate) const LARGEST_MEMORY: usize = 1 << 30;

/// What holds for all plugins of a host.
#[derive(Clone, Debug)]
pub struct HostSettings {
    /// Where compiled components are kept, to be loaded rather than compiled when the program
    /// starts again. Created if need be, for this user alone; a directory that others can enter is
    /// refused. By default nothing is kept.
    pub cache_dir: Option<PathBuf>,
    /// The most bytes that are kept there: 1 GiB by default. What was not used longest goes first.
    pub cache_bytes: u64,
    /// How large components are compiled in a process of their own. By default none are.
    pub compile_child: Option<CompileChild>,
    /// The largest component that is taken, decompressed: 32 MiB by default.
    pub maximum_component_bytes: usize,
    /// The most bytes that answers are remembered in: 32 MiB by default. 0 remembers none.
    pub memo_bytes: usize,
    /// How many calls are made at one time, all plugins together. By default twice as many as
    /// there are processors, but from 8 to 64.
    pub concurrent_calls: usize,
    /// How many of these one loaded plugin may take up: a quarter by default, so that a slow one
    /// leaves room for the others.
    pub concurrent_calls_per_plugin: usize,
    /// How long a call waits for its turn: 10 s by default.
    pub call_wait: Duration,
    /// When a plugin that keeps breaking is left alone.
    pub breaker: BreakerSettings,
}

impl Default for HostSettings {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let concurrent_calls = (2 * processors).clamp(8, 64);
        Self {
            cache_dir: None,
            cache_bytes: 1 << 30,
            compile_child: None,
            maximum_component_bytes: 32 << 20,
            memo_bytes: 32 << 20,
            concurrent_calls,
            concurrent_calls_per_plugin: concurrent_calls / 4,
            call_wait: Duration::from_secs(10),
            breaker: BreakerSettings::default(),
        }
    }
}

/// How large components are compiled in a process of their own, whose memory is gone when it ends.
///
/// The program has to call [`crate::compile_child_main`] first thing in its `main`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileChild {
    /// The program to start.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// The most memory that it may use, in bytes.
    pub memory_limit: u64,
    /// The longest that it may compute, in seconds of processor time.
    pub cpu_seconds: u64,
    /// Components of at least so many bytes are compiled there, smaller ones in this process.
    pub from_bytes: usize,
}

impl CompileChild {
    /// This very program, for components from 1 MiB, with 1 GiB of memory and 120 s.
    ///
    /// # Errors
    /// The system does not tell which program this is.
    pub fn this_program() -> io::Result<Self> {
        Ok(Self {
            program: std::env::current_exe()?,
            args: Vec::new(),
            memory_limit: 1 << 30,
            cpu_seconds: 120,
            from_bytes: 1 << 20,
        })
    }
}

/// What a class says about its plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginSettings {
    /// The longest that a call may take.
    pub timeout: Duration,
    /// The most linear memory that a call may have, in bytes; at most 1 GiB.
    pub memory_limit: usize,
    /// The configuration that is given to it: an object.
    pub config: Value,
    /// What it may do beyond what every plugin may, if it asks for it too.
    pub grants: PluginGrants,
}

impl Default for PluginSettings {
    /// 1 second, 64 MiB, no configuration, no grants.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(1),
            memory_limit: 64 << 20,
            config: Value::Object(serde_json::Map::new()),
            grants: PluginGrants::default(),
        }
    }
}

impl PluginSettings {
    /// The settings in `spec.plugin` of a StreamClass.
    ///
    /// # Errors
    /// A value is out of its bounds, which the API server refuses as well.
    pub fn from_spec(spec: &PluginSpec) -> Result<Self, SettingsError> {
        if !(1..=10_000).contains(&spec.timeout_milliseconds) {
            return Err(SettingsError {
                field: "spec.plugin.timeoutMilliseconds",
                found: spec.timeout_milliseconds.to_string(),
                expected: "1 to 10000",
            });
        }
        let memory_limit = Amount::parse(&spec.memory_limit.0)
            .ok()
            .and_then(|amount| usize::try_from(amount.units()).ok())
            .filter(|bytes| (1 << 20..=LARGEST_MEMORY).contains(bytes))
            .ok_or_else(|| SettingsError {
                field: "spec.plugin.memoryLimit",
                found: crate::text::one_line(&spec.memory_limit.0, 60),
                expected: "1Mi to 1Gi",
            })?;
        Ok(Self {
            timeout: spec.timeout(),
            memory_limit,
            config: Value::Object(spec.config.clone()),
            grants: spec.grants.clone(),
        })
    }
}

/// A field of `spec.plugin` that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// Path of the field in the StreamClass.
    pub field: &'static str,
    /// What is there.
    pub found: String,
    /// What belongs there.
    pub expected: &'static str,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            found,
            expected,
        } = self;
        write!(f, "{field} is {found:?}, but has to be {expected}")
    }
}

impl std::error::Error for SettingsError {}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

    use super::*;

    fn limit(text: &str) -> Result<usize, SettingsError> {
        let mut spec = PluginSpec::new("p");
        spec.memory_limit = Quantity(text.into());
        PluginSettings::from_spec(&spec).map(|settings| settings.memory_limit)
    }

    #[test]
    fn memory_limits_are_read_as_kubernetes_reads_them() {
        assert_eq!(limit("64Mi"), Ok(64 << 20));
        assert_eq!(limit("64M"), Ok(64_000_000));
        assert_eq!(limit("0.5Gi"), Ok(512 << 20));
        assert_eq!(limit("1.5Mi"), Ok(1_572_864));
        assert_eq!(limit("67108864"), Ok(64 << 20));
    }

    #[test]
    fn a_value_out_of_bounds_is_named_with_its_field() {
        for text in [
            "",
            "Mi",
            "-1Mi",
            "2Gi",
            "0",
            "64 MB",
            "99999999999999999999Gi",
        ] {
            let error = limit(text).unwrap_err().to_string();
            assert!(error.contains("spec.plugin.memoryLimit"), "{error}");
            assert!(error.contains("1Mi to 1Gi"), "{error}");
        }
        let mut spec = PluginSpec::new("p");
        spec.timeout_milliseconds = 0;
        let error = PluginSettings::from_spec(&spec).unwrap_err();
        assert_eq!(error.field, "spec.plugin.timeoutMilliseconds");
    }

    #[test]
    fn a_class_that_sets_nothing_has_the_defaults() {
        let settings = PluginSettings::from_spec(&PluginSpec::new("p")).unwrap();
        assert_eq!(settings, PluginSettings::default());
    }
}
