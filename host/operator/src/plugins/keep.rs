//! Keeps in service what a class names, as its ConfigMaps change.

use std::sync::Arc;

use arcane_contract::{
    api::{DEFAULT_PLUGIN_KEY, PluginSpec},
    names::is_object_name,
};
use arcane_plugins::{
    Plugin, PluginSettings,
    source::{Part, assemble, verify},
};
use futures::future::try_join_all;
use k8s_openapi::{ByteString, api::core::v1::ConfigMap};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Engine, Plugins,
    config_maps::Namespace,
    service::{Obstacle, Service},
};
use crate::retry::Attempts;

/// Keeps what `spec` names in service for a class until `stop`. `changed` is called whenever
/// another plugin is in service.
pub async fn keep(
    plugins: Arc<Plugins>,
    class: String,
    service: Arc<Service>,
    spec: PluginSpec,
    changed: impl Fn() + Send,
    stop: CancellationToken,
) {
    let namespace = spec.config_map_ref.namespace.as_deref();
    let namespace = namespace.unwrap_or(&plugins.namespace);
    if !is_object_name(namespace) {
        let message =
            format!("spec.plugin.configMapRef.namespace is {namespace:?}, which is no name");
        let Failure { obstacle, .. } = failure("PluginSpecInvalid", message);
        warn!(class, reason = obstacle.reason, "{}", obstacle.message);
        service.refuse(obstacle, &spec.grants);
        return changed();
    }
    let namespace = plugins.config_maps.namespace(namespace);
    let sources = sources(&spec);
    let work = async {
        wait_for_list(&namespace, &service, &spec).await;
        let mut changes = namespace.subscribe();
        let mut attempts = Attempts::new();
        loop {
            changes.mark_unchanged();
            let seen = versions(&namespace, &sources);
            let attempt = load(&plugins, &namespace, &sources, &spec).await;
            let is_final = match attempt {
                Ok((plugin, settings)) => {
                    info!(class, digest = plugin.digest(), "the plugin is in service");
                    service.enter(plugin, settings);
                    changed();
                    true
                }
                Err(Failure { obstacle, is_final }) => {
                    warn!(class, reason = obstacle.reason, "{}", obstacle.message);
                    service.refuse(obstacle, &spec.grants);
                    changed();
                    is_final
                }
            };
            if is_final {
                attempts = Attempts::new();
            }
            let another_version = async {
                while versions(&namespace, &sources) == seen {
                    // The sender lives as long as the namespace.
                    let _ = changes.changed().await;
                }
            };
            tokio::select! {
                () = another_version => {}
                () = attempts.wait(), if !is_final => {}
            }
        }
    };
    stop.run_until_cancelled(work).await;
}

/// A ConfigMap and the key in it.
type Source = (String, String);

fn sources(spec: &PluginSpec) -> Vec<Source> {
    let reference = &spec.config_map_ref;
    let first = (&reference.name, &reference.key);
    let parts = reference.parts.iter().map(|part| (&part.name, &part.key));
    [first]
        .into_iter()
        .chain(parts)
        .map(|(name, key)| {
            let key = key.as_deref().unwrap_or(DEFAULT_PLUGIN_KEY);
            (name.clone(), key.to_owned())
        })
        .collect()
}

fn versions(namespace: &Namespace, sources: &[Source]) -> Vec<Option<u64>> {
    let of = |(name, _): &Source| namespace.version(name);
    sources.iter().map(of).collect()
}

/// Waits until the namespace's ConfigMaps are known, telling why they are not.
async fn wait_for_list(namespace: &Namespace, service: &Service, spec: &PluginSpec) {
    let mut faults = namespace.faults.subscribe();
    loop {
        tokio::select! {
            () = namespace.ready() => return,
            // The sender lives as long as the namespace.
            Ok(()) = faults.changed() => {}
        }
        let current = namespace.faults.current();
        if !current.is_empty() {
            let obstacle = Obstacle {
                reason: "ConfigMapsNotWatched",
                message: format!(
                    "the plugin's ConfigMap in namespace {} cannot be read: {}",
                    namespace.name(),
                    current.join("; ")
                ),
            };
            service.refuse(obstacle, &spec.grants);
        }
    }
}

/// Why an attempt failed, and whether only a change of class or ConfigMaps can help.
struct Failure {
    obstacle: Obstacle,
    is_final: bool,
}

fn failure(reason: &'static str, message: String) -> Failure {
    Failure {
        obstacle: Obstacle { reason, message },
        is_final: true,
    }
}

/// A plugin and what it was loaded with.
type Taken = (Plugin, PluginSettings);

async fn load(
    plugins: &Arc<Plugins>,
    namespace: &Namespace,
    sources: &[Source],
    spec: &PluginSpec,
) -> Result<Taken, Failure> {
    let settings = PluginSettings::from_spec(spec)
        .map_err(|error| failure("PluginSpecInvalid", error.to_string()))?;
    let reads = sources.iter().map(|source| read(namespace, source));
    let contents = try_join_all(reads).await?;
    // Closed only when the process ends, and then nobody waits for the answer.
    let _permit = plugins.engine.loads.acquire().await;
    let (engine, pin) = (plugins.engine.clone(), spec.sha256.clone());
    let work = move || take(&engine, &contents, pin.as_deref(), settings);
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            Err(failure(
                "PluginNotLoaded",
                format!("loading the plugin failed: {error}"),
            ))
        })
}

fn take(
    engine: &Engine,
    contents: &[Content],
    pin: Option<&str>,
    settings: PluginSettings,
) -> Result<Taken, Failure> {
    let host = engine.host().map_err(|error| {
        failure(
            "PluginHostFailed",
            format!("plugins cannot be run on this node: {error}"),
        )
    })?;
    let parts: Vec<_> = contents
        .iter()
        .map(|content| match content {
            Content::Binary(bytes) => Part::Binary(&bytes.0),
            Content::Text(text) => Part::Text(text),
        })
        .collect();
    let bytes = assemble(&parts, engine.settings.maximum_component_bytes)
        .map_err(|error| failure("PluginUnreadable", error.to_string()))?;
    verify(&bytes, pin).map_err(|error| failure("PluginDigestMismatch", error.to_string()))?;
    host.load(&bytes, settings.clone())
        .map(|plugin| (plugin, settings))
        .map_err(|error| failure(error.reason(), error.to_string()))
}

/// What a key holds.
enum Content {
    Binary(ByteString),
    Text(String),
}

async fn read(namespace: &Namespace, (name, key): &Source) -> Result<Content, Failure> {
    let found = namespace.read(name).await;
    let map = found.map_err(|error| explain(namespace.name(), name, &error))?;
    let ConfigMap {
        data, binary_data, ..
    } = map;
    let (mut text, mut binary) = (data.unwrap_or_default(), binary_data.unwrap_or_default());
    if let Some(bytes) = binary.remove(key) {
        return Ok(Content::Binary(bytes));
    }
    if let Some(text) = text.remove(key) {
        return Ok(Content::Text(text));
    }
    let keys: Vec<_> = text.into_keys().chain(binary.into_keys()).collect();
    let keys = if keys.is_empty() {
        "none".to_owned()
    } else {
        keys.join(", ")
    };
    Err(failure(
        "ConfigMapKeyMissing",
        format!(
            "ConfigMap {}/{name} has no key {key:?} (its keys: {keys}): set the key in \
             spec.plugin.configMapRef, or put the component there",
            namespace.name()
        ),
    ))
}

fn explain(namespace: &str, name: &str, error: &kube::Error) -> Failure {
    let code = match error {
        kube::Error::Api(status) => status.code,
        _ => 0,
    };
    match code {
        404 => failure(
            "ConfigMapNotFound",
            format!(
                "ConfigMap {namespace}/{name} does not exist: create it with the manifest that \
                 `kubectl arcane plugin pack` writes, or correct spec.plugin.configMapRef"
            ),
        ),
        403 => Failure {
            is_final: false,
            ..failure(
                "ConfigMapForbidden",
                format!(
                    "the operator may not read ConfigMap {namespace}/{name}: grant its service \
                     account get, list and watch on configmaps in namespace {namespace} (chart \
                     value plugins.namespaces)"
                ),
            )
        },
        _ => Failure {
            is_final: false,
            ..failure(
                "ConfigMapUnavailable",
                format!("ConfigMap {namespace}/{name} cannot be read: {error}"),
            )
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_follow_the_first_and_every_key_has_a_default() {
        let spec: PluginSpec = serde_json::from_value(json!({
            "configMapRef": {"name": "a", "parts": [{"name": "b", "key": "more"}, {"name": "c"}]},
        }))
        .unwrap();
        let named = |name: &str, key: &str| (name.to_owned(), key.to_owned());
        assert_eq!(
            sources(&spec),
            [
                named("a", "plugin.wasm"),
                named("b", "more"),
                named("c", "plugin.wasm"),
            ]
        );
    }
}
