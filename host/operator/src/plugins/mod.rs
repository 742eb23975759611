//! The classes' plugins: found in ConfigMaps, taken into service, and called off the runtime.
//!
//! An operator whose classes name no plugin sets up none of this.

mod call;
mod config_maps;
mod keep;
mod log_budget;
mod service;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use arcane_plugins::{HostSettings, PluginHost};
use kube::Client;
use tokio::sync::Semaphore;

pub use call::call;
pub use keep::keep;
pub use service::{InService, Obstacle, Service, State};

use config_maps::ConfigMaps;

/// Components that are compiled at one time: each keeps a core busy.
const LOADS_AT_ONCE: usize = 2;

/// What runs components, and what they are compiled with: one for the whole process.
pub struct Engine {
    settings: HostSettings,
    host: OnceLock<Result<PluginHost, String>>,
    loads: Semaphore,
}

impl Engine {
    /// Not set up yet.
    pub fn new(settings: HostSettings) -> Self {
        Engine {
            settings,
            host: OnceLock::new(),
            loads: Semaphore::new(LOADS_AT_ONCE),
        }
    }

    /// What runs components; set up when the first one is needed.
    fn host(&self) -> Result<&PluginHost, &str> {
        self.host
            .get_or_init(|| {
                PluginHost::new(self.settings.clone()).map_err(|error| format!("{error:#}"))
            })
            .as_ref()
            .map_err(String::as_str)
    }
}

/// What all classes' plugins have in common.
pub struct Plugins {
    /// Namespace of ConfigMaps for which none is named: the operator's own.
    namespace: String,
    engine: Arc<Engine>,
    config_maps: ConfigMaps,
    /// By the class's uid: a class that is started again keeps what is in service.
    services: Mutex<HashMap<String, Arc<Service>>>,
}

impl Plugins {
    /// None in service.
    pub fn new(client: Client, namespace: String, engine: Arc<Engine>) -> Self {
        Plugins {
            namespace,
            engine,
            config_maps: ConfigMaps::new(client),
            services: Mutex::default(),
        }
    }

    /// What is in service for the class with this uid.
    pub fn service(&self, uid: &str) -> Arc<Service> {
        self.services().entry(uid.to_owned()).or_default().clone()
    }

    /// Takes out of service what is none of these classes'.
    pub fn retain(&self, uids: &HashSet<String>) {
        self.services().retain(|uid, _| uids.contains(uid));
    }

    fn services(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Service>>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
