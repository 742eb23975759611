//! Loads plugins.

use std::sync::Arc;

use wasmtime::Engine;

use crate::answer::LogLine;
use crate::load_error::LoadError;
use crate::plugin::Plugin;
use crate::settings::{HostSettings, PluginSettings};
use crate::shared::{Shared, Statistics};

/// Loads plugins and calls them. Clones are the same host.
///
/// Everything here blocks: call it off an asynchronous runtime.
#[derive(Clone, Debug)]
pub struct PluginHost {
    shared: Arc<Shared>,
}

impl PluginHost {
    /// A host without any plugins.
    ///
    /// # Errors
    /// The engine cannot be set up, or the directory for compiled components is not for this user
    /// alone.
    pub fn new(settings: HostSettings) -> anyhow::Result<Self> {
        Ok(Self {
            shared: Arc::new(Shared::new(settings)?),
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
        self.shared.statistics()
    }
}
