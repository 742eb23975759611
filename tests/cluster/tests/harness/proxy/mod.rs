//! The proxy does to a client what its rules say, and tells how often.

mod outages;
mod requests;
mod watches;

use anyhow::{Context, Result};
use arcane_cluster::{Proxy, eventually};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, ResourceExt};
use serde_json::json;

use crate::support::{Place, SOON};

/// A namespace, and two ways to it: around the proxy and through it.
struct Bed {
    place: Place,
    proxy: Proxy,
    through: Api<ConfigMap>,
}

impl Bed {
    async fn new() -> Result<Self> {
        let place = Place::new("proxy").await?;
        let accounts: Api<ServiceAccount> = place.api();
        let account = serde_json::from_value(json!({"metadata": {"name": "client"}}))?;
        accounts.create(&PostParams::default(), &account).await?;
        let bindings: Api<ClusterRoleBinding> = Api::all(place.client.clone());
        let binding = serde_json::from_value(json!({
            "metadata": {"name": place.namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "client", "namespace": place.namespace}],
        }))?;
        bindings.create(&PostParams::default(), &binding).await?;
        let proxy = Proxy::start(place.cluster, &place.namespace, "client").await?;
        let through = Api::namespaced(client(&proxy).await?, &place.namespace);
        let bed = Self {
            place,
            proxy,
            through,
        };
        // The API server's authorizer learns of the binding by a watch.
        eventually("the account to have its rights", SOON, async || {
            bed.through.list(&ListParams::default()).await?;
            Ok(())
        })
        .await;
        Ok(bed)
    }

    fn around(&self) -> Api<ConfigMap> {
        self.place.api()
    }

    async fn create(&self, api: &Api<ConfigMap>, name: &str) -> kube::Result<ConfigMap> {
        let map = serde_json::from_value(json!({"metadata": {"name": name}}));
        api.create(
            &PostParams::default(),
            &map.map_err(kube::Error::SerdeError)?,
        )
        .await
    }

    async fn label(&self, name: &str, value: &str) -> Result<()> {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"a": value}}}));
        self.around()
            .patch(name, &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    async fn names(&self, api: &Api<ConfigMap>) -> Result<Vec<String>> {
        let listed = api.list(&ListParams::default()).await?;
        let names = listed.items.iter().map(ResourceExt::name_any);
        // Every namespace is given this one by a controller.
        Ok(names.filter(|name| name != "kube-root-ca.crt").collect())
    }

    /// Types and names of events of a watch through the proxy, from now on.
    async fn watch(&self) -> Result<impl StreamExt<Item = Result<String>> + Unpin> {
        let version = self.around().list(&ListParams::default()).await?.metadata;
        let version = version.resource_version.context("a list has a version")?;
        let events = self
            .through
            .watch(&WatchParams::default(), &version)
            .await?;
        Ok(Box::pin(events.map(|event| {
            Ok(match event? {
                WatchEvent::Added(map) => format!("ADDED {}", map.name_any()),
                WatchEvent::Modified(map) => format!("MODIFIED {}", map.name_any()),
                WatchEvent::Deleted(map) => format!("DELETED {}", map.name_any()),
                WatchEvent::Bookmark(_) => "BOOKMARK".into(),
                WatchEvent::Error(status) => format!("ERROR {}", status.code),
            })
        })))
    }
}

/// Through the proxy, and every failure shows at once.
async fn client(proxy: &Proxy) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(proxy.kubeconfig())?;
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn next(events: &mut (impl StreamExt<Item = Result<String>> + Unpin)) -> Result<String> {
    let next = tokio::time::timeout(SOON, events.next()).await?;
    next.context("the watch has ended")?
}

fn code(result: kube::Result<ConfigMap>) -> Option<u16> {
    match result {
        Err(kube::Error::Api(status)) => Some(status.code),
        _ => None,
    }
}
