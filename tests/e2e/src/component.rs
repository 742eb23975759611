//! Components of plugins, in ConfigMaps of the operator's namespace.

use std::sync::atomic::{AtomicUsize, Ordering};

use arcane_cluster::Cluster;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::act::act;
use crate::platform::NAMESPACE;

/// Numbers the ConfigMaps of this process.
static MADE: AtomicUsize = AtomicUsize::new(0);

/// A ConfigMap with a name of its own, for the component of a plugin.
#[derive(Debug)]
pub struct Component {
    name: String,
    namespace: String,
    maps: Api<ConfigMap>,
}

impl Component {
    /// One with these bytes.
    ///
    /// # Panics
    /// When the API server refuses.
    #[track_caller]
    pub fn create(cluster: &Cluster, bytes: &[u8]) -> impl Future<Output = Self> {
        let made = Self::absent(cluster, NAMESPACE);
        let content = binary(bytes);
        act("create a ConfigMap", async move {
            let made = made?;
            made.write(content).await?;
            Ok(made)
        })
    }

    /// One that does not exist yet.
    ///
    /// # Errors
    /// When the cluster has no client.
    pub fn absent(cluster: &Cluster, namespace: &str) -> anyhow::Result<Self> {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            name: format!("plugin-{}-{number}", std::process::id()),
            namespace: namespace.to_owned(),
            maps: Api::namespaced(cluster.client()?, namespace),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `spec.plugin` of a class that names it, with `more` fields.
    #[must_use]
    pub fn spec(&self, more: &Value) -> Value {
        let mut spec = json!({"configMapRef": {"name": self.name}});
        if self.namespace != NAMESPACE {
            spec["configMapRef"]["namespace"] = json!(self.namespace);
        }
        if let (Some(all), Some(more)) = (spec.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        spec
    }

    /// Puts another component in it.
    #[track_caller]
    pub fn put(&self, bytes: &[u8]) -> impl Future<Output = ()> {
        act(
            format!("change ConfigMap {}", self.name),
            self.write(binary(bytes)),
        )
    }

    /// Has it hold this `data` and `binaryData`, and nothing else.
    #[track_caller]
    pub fn hold(&self, content: Value) -> impl Future<Output = ()> {
        act(
            format!("change ConfigMap {}", self.name),
            self.write(content),
        )
    }

    /// Deletes it.
    #[track_caller]
    pub fn delete(&self) -> impl Future<Output = ()> {
        act(format!("delete ConfigMap {}", self.name), async {
            let params = DeleteParams::default();
            self.maps.delete(&self.name, &params).await?;
            Ok(())
        })
    }

    async fn write(&self, content: Value) -> anyhow::Result<()> {
        let mut map = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self.name},
        });
        if let (Some(map), Value::Object(content)) = (map.as_object_mut(), content) {
            map.extend(content);
        }
        // What is applied no more goes, which of a merge nothing does.
        let params = PatchParams::apply("e2e").force();
        let patch = Patch::Apply(map);
        self.maps.patch(&self.name, &params, &patch).await?;
        Ok(())
    }
}

/// The content of a ConfigMap that holds these bytes where they are looked for by default.
fn binary(bytes: &[u8]) -> Value {
    json!({"binaryData": {"plugin.wasm": encoded(bytes)}})
}

/// Bytes as Base64.
#[must_use]
pub fn encoded(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The digest by which a component is known: SHA-256 in hex.
#[must_use]
pub fn digest(component: &[u8]) -> String {
    Sha256::digest(component)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
