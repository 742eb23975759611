//! ConfigMaps that hold components. Of all ConfigMaps of a namespace only the versions are watched;
//! their content is read when it is needed, and not kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use arcane_contract::names::is_object_name;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client, api::PartialObjectMeta, core::Status};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    cache::{Change, Key, Observer, Store, config, follow, resource_version},
    faults::Faults,
};

/// Namespaces whose ConfigMaps are watched, since a class named one of them.
pub struct ConfigMaps {
    client: Client,
    namespaces: Mutex<HashMap<String, Arc<Namespace>>>,
}

impl ConfigMaps {
    /// Watches none yet.
    pub fn new(client: Client) -> Self {
        ConfigMaps {
            client,
            namespaces: Mutex::default(),
        }
    }

    /// The namespace, watched from now on.
    pub fn namespace(&self, name: &str) -> Arc<Namespace> {
        let mut namespaces = self
            .namespaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        namespaces
            .entry(name.to_owned())
            .or_insert_with(|| Namespace::watch(&self.client, name))
            .clone()
    }
}

/// One namespace.
pub struct Namespace {
    name: String,
    api: Api<ConfigMap>,
    followed: Arc<Followed>,
    /// Why its ConfigMaps cannot be watched.
    pub faults: Faults,
    _stop: DropGuard,
}

/// What the watch keeps.
struct Followed {
    /// Versions by name.
    versions: Store<u64>,
    changed: watch::Sender<u64>,
}

impl Namespace {
    fn watch(client: &Client, name: &str) -> Arc<Self> {
        let followed = Arc::new(Followed {
            versions: Store::new(),
            changed: watch::Sender::new(0),
        });
        let (faults, stop) = (Faults::new(), CancellationToken::new());
        tokio::spawn({
            let api = Api::<PartialObjectMeta<ConfigMap>>::namespaced(client.clone(), name);
            let (followed, faults, stop) = (followed.clone(), faults.clone(), stop.clone());
            async move {
                let (config, store) = (config(), &followed.versions);
                follow(api, config, store, &*followed, &faults, &stop).await;
            }
        });
        Arc::new(Namespace {
            name: name.to_owned(),
            api: Api::namespaced(client.clone(), name),
            followed,
            faults,
            _stop: stop.drop_guard(),
        })
    }

    /// Name of the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns once its ConfigMaps have been listed.
    pub async fn ready(&self) {
        self.followed.versions.progress.ready().await;
    }

    /// Changes whenever a ConfigMap does.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.followed.changed.subscribe()
    }

    /// The version of a ConfigMap as last seen; none if there is no such ConfigMap.
    pub fn version(&self, name: &str) -> Option<u64> {
        let version = self.followed.versions.get(&Key::new(&self.name, name))?;
        Some(*version)
    }

    /// A ConfigMap as it is now.
    pub async fn read(&self, name: &str) -> Result<ConfigMap, kube::Error> {
        if !is_object_name(name) {
            let status = Status::failure("this is no name of an object", "NotFound");
            return Err(kube::Error::Api(status.with_code(404).boxed()));
        }
        self.api.get(name).await
    }
}

impl Observer<PartialObjectMeta<ConfigMap>> for Followed {
    type View = u64;

    fn resource(&self) -> &'static str {
        "configmaps"
    }

    fn concerns(&self, _: &PartialObjectMeta<ConfigMap>) -> bool {
        true
    }

    fn project(&self, object: PartialObjectMeta<ConfigMap>) -> u64 {
        resource_version(&object)
    }

    fn changed(&self, _: &Key, _: Change<'_, u64>) {
        self.changed.send_modify(|count| *count += 1);
    }
}
