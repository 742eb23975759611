//! Plugins for the class: built from the examples, shipped in ConfigMaps, named by the class.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcane_cluster::wait::within;
use arcane_contract::api::StreamClass;
use arcane_plugin_build::{Options, build_plugin};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};
use serde_json::{Value, json};

use crate::stage::SYSTEM;
use crate::streams::CLASS;

/// Key of the component in a ConfigMap.
const KEY: &str = "plugin.wasm";

/// Where plugins come from and go to.
pub struct Shop {
    config_maps: Api<ConfigMap>,
    classes: Api<StreamClass>,
    patience: Duration,
}

impl Shop {
    pub fn new(client: Client, patience: Duration) -> Self {
        Self {
            config_maps: Api::namespaced(client.clone(), SYSTEM),
            classes: Api::all(client),
            patience,
        }
    }

    /// The component of one of the example plugins.
    pub async fn build(name: &str) -> Result<Vec<u8>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let options = Options {
            target_dir: Some(root.join("target/plugins")),
            locked: true,
            quiet: true,
            ..Options::default()
        };
        let dir = root.join("example-plugins").join(name);
        let built = tokio::task::spawn_blocking(move || build_plugin(&dir, &options)).await?;
        let built = built.with_context(|| format!("failed to build the plugin {name}"))?;
        Ok(built.component)
    }

    /// Puts a component in the ConfigMap of this name.
    pub async fn ship(&self, name: &str, component: Vec<u8>) -> Result<()> {
        let map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            binary_data: Some([(KEY.to_owned(), ByteString(component))].into()),
            ..ConfigMap::default()
        };
        let params = PatchParams::apply("arcane-demo").force();
        self.config_maps
            .patch(name, &params, &Patch::Apply(&map))
            .await
            .with_context(|| format!("failed to ship the plugin {name}"))?;
        Ok(())
    }

    /// Has the class name the plugin in the ConfigMap `name`, and waits until it is in service.
    pub async fn name(&self, name: &str, config: Value, more: Value) -> Result<()> {
        let mut plugin = json!({"configMapRef": {"name": name}, "config": config});
        if let (Some(plugin), Value::Object(more)) = (plugin.as_object_mut(), more) {
            plugin.extend(more);
        }
        // As a whole: what an earlier plugin was told must not stay.
        let patch = json!([{"op": "add", "path": "/spec/plugin", "value": plugin}]);
        let patch: Patch<()> = Patch::Json(serde_json::from_value(patch)?);
        let params = PatchParams::default();
        let named = self.classes.patch(CLASS, &params, &patch).await?;
        let generation = named.metadata.generation;
        self.wait("in service", |class| {
            let condition = condition(class);
            let is_in_service = condition.as_ref().is_some_and(|it| it.0 == "True");
            is_in_service && observed(class) == generation
        })
        .await
        .map(drop)
    }

    /// Has the class name no plugin.
    pub async fn name_none(&self) -> Result<()> {
        let patch = json!([{"op": "remove", "path": "/spec/plugin"}]);
        let patch: Patch<()> = Patch::Json(serde_json::from_value(patch)?);
        let params = PatchParams::default();
        self.classes.patch(CLASS, &params, &patch).await?;
        self.wait("gone", |class| condition(class).is_none())
            .await
            .map(drop)
    }

    /// The digest of the plugin in service.
    pub async fn digest(&self) -> Result<String> {
        let class = self.classes.get(CLASS).await?;
        let plugin = class.status.and_then(|status| status.plugin);
        Ok(plugin.context("no plugin is in service")?.digest)
    }

    /// Waits until the class says of its plugin that it is not as it should be; what it says.
    pub async fn wait_rejected(&self) -> Result<String> {
        let class = self
            .wait("rejected", |class| {
                condition(class).is_some_and(|it| it.0 == "False")
            })
            .await?;
        Ok(condition(&class).unwrap_or_default().1)
    }

    /// Waits until another plugin than that with this digest is in service.
    pub async fn wait_replaced(&self, digest: &str) -> Result<()> {
        let is_other = |class: &StreamClass| {
            let status = class.status.as_ref();
            let plugin = status.and_then(|status| status.plugin.as_ref());
            plugin.is_some_and(|plugin| plugin.digest != digest)
                && condition(class).is_some_and(|it| it.0 == "True")
        };
        self.wait("replaced", is_other).await.map(drop)
    }

    async fn wait(&self, what: &str, holds: impl Fn(&StreamClass) -> bool) -> Result<StreamClass> {
        within(self.patience, async || {
            let class = self.classes.get(CLASS).await?;
            ensure!(
                holds(&class),
                "the plugin is not {what}: {:?}",
                class.status
            );
            Ok(class)
        })
        .await
    }
}

/// Status and message of the class's condition about its plugin.
fn condition(class: &StreamClass) -> Option<(String, String)> {
    let conditions = &class.status.as_ref()?.conditions;
    let found = conditions.iter().find(|it| it.type_ == "PluginReady")?;
    Some((found.status.clone(), found.message.clone()))
}

fn observed(class: &StreamClass) -> Option<i64> {
    let conditions = &class.status.as_ref()?.conditions;
    let found = conditions.iter().find(|it| it.type_ == "PluginReady")?;
    found.observed_generation
}

/// The same component with another digest: what a new version without a change in behaviour is.
pub fn another_version(mut component: Vec<u8>) -> Vec<u8> {
    // A custom section, which means nothing: its id, its size, and a name without content.
    component.extend([0, 4, 3, b'n', b'e', b'w']);
    component
}
