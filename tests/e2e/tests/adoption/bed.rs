//! A cluster as the existing operator leaves it: the platform's published kinds, and streams of a
//! kind that no operator serves until the test says so.

use anyhow::{Context, Result, ensure};
use arcane_cluster::{Cluster, Operator};
use arcane_contract::api::{StreamClass, StreamClassSpec};
use arcane_e2e::{NAMESPACE, Plugin, READY_WITHIN, act, until};
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::GroupVersionKind;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// The published kinds; the last one is a kind of streams.
const PUBLISHED: &str = include_str!("published-crds.yaml");

/// The cluster and the one operator of this target.
pub struct Bed {
    pub cluster: Cluster,
    pub operator: Operator,
}

/// The bed that the tests share.
pub async fn bed() -> Result<&'static Bed> {
    static BED: OnceCell<Bed> = OnceCell::const_new();
    BED.get_or_try_init(async || {
        // Its kinds differ from those of our charts: it cannot be a cluster that others use.
        let cluster = Cluster::start().await?;
        let kinds: Api<CustomResourceDefinition> = Api::all(cluster.client()?);
        for kind in &published()?[..3] {
            let kind = serde_json::from_value(kind.clone())?;
            kinds.create(&PostParams::default(), &kind).await?;
        }
        let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/arcane-host");
        let arguments = ["install", "arcane-host", chart, "-n", NAMESPACE];
        cluster
            .helm(&[&arguments[..], &["--create-namespace"]].concat())
            .await?;
        let mut operator = Operator::builder(&cluster)
            .service_account(NAMESPACE, "arcane-host")
            .start()
            .await?;
        operator.wait_ready(READY_WITHIN).await?;
        Ok(Bed { cluster, operator })
    })
    .await
}

fn published() -> Result<Vec<Value>> {
    serde_yaml_ng::Deserializer::from_str(PUBLISHED)
        .map(|document| Value::deserialize(document).context("not YAML"))
        .collect()
}

/// Streams of a kind of the test's own, with the published schema, which nobody serves yet.
pub async fn streams() -> Result<Plugin<'static>> {
    let cluster = &bed().await?.cluster;
    // A unique name for cluster-wide objects.
    let suffix = cluster.namespace("kind").await?.replace("kind-", "");
    let (kind, plural) = (format!("Parquet{suffix}"), format!("parquet-{suffix}"));
    let plugin = Plugin::bare(cluster, &plural, &kind, &plural).await?;
    install_kind(&plugin).await?;
    grant(&plugin).await?;
    for (name, component) in [
        ("sample-streaming", "stream"),
        ("sample-backfill", "backfill"),
    ] {
        create_template(&plugin, name, component).await?;
    }
    Ok(plugin)
}

async fn install_kind(plugin: &Plugin<'_>) -> Result<()> {
    let kind = plugin.kind();
    let mut definition = published()?.pop().context("no kind of streams")?;
    definition["metadata"]["name"] = json!(format!("{}.{}", kind.plural, kind.group));
    definition["spec"]["names"] = json!({
        "kind": kind.kind, "plural": kind.plural, "singular": kind.kind.to_lowercase(),
    });
    let definition = serde_json::from_value(definition)?;
    let kinds: Api<CustomResourceDefinition> = Api::all(plugin.cluster().client()?);
    kinds.create(&PostParams::default(), &definition).await?;
    until(format!("{} to be served", kind.plural), async || {
        plugin.definitions().list(&ListParams::default()).await?;
        Ok(())
    })
    .await;
    Ok(())
}

async fn grant(plugin: &Plugin<'_>) -> Result<()> {
    let kind = plugin.kind();
    let role: ClusterRole = serde_json::from_value(json!({
        "metadata": {
            "name": kind.plural,
            "labels": {"arcane.sneaksanddata.com/aggregate-to-operator": "true"},
        },
        "rules": [
            {"apiGroups": [kind.group], "resources": [kind.plural], "verbs": ["get", "list", "watch"]},
            {"apiGroups": [kind.group], "resources": [format!("{}/status", kind.plural)], "verbs": ["patch"]},
        ],
    }))?;
    let roles: Api<ClusterRole> = Api::all(plugin.cluster().client()?);
    roles.create(&PostParams::default(), &role).await?;
    Ok(())
}

/// A template as published charts have it. What it says in its metadata, the kind drops.
async fn create_template(plugin: &Plugin<'_>, name: &str, component: &str) -> Result<()> {
    let group = &plugin.kind().group;
    let kind = GroupVersionKind::gvk(group, "v1", "StreamingJobTemplate");
    let resource = kube::api::ApiResource::from_gvk_with_plural(&kind, "streamingjobtemplates");
    let mut template = DynamicObject::new(name, &resource);
    template.data = json!({"spec": {
        "metadata": {"labels": {"app.kubernetes.io/component": component}},
        "spec": super::peer::job_spec(json!([])),
    }});
    let client = plugin.cluster().client()?;
    Api::namespaced_with(client, plugin.namespace(), &resource)
        .create(&PostParams::default(), &template)
        .await?;
    Ok(())
}

/// Lets the operator serve the streams from now on, and waits until it does.
pub async fn take_over(plugin: &Plugin<'_>) {
    act("create the class", async {
        let kind = plugin.kind();
        let spec = StreamClassSpec {
            api_group_ref: Some(kind.group.clone()),
            api_version: kind.version.clone(),
            kind_ref: kind.kind.clone(),
            plural_name: kind.plural.clone(),
            ..StreamClassSpec::default()
        };
        let class = StreamClass::new(plugin.class(), spec);
        plugin
            .classes()
            .create(&PostParams::default(), &class)
            .await?;
        Ok(())
    })
    .await;
    plugin.wait_ready().await;
}

/// Lets the operator serve the streams no more.
pub async fn leave(plugin: &Plugin<'_>) {
    act("delete the class", async {
        let classes = plugin.classes();
        classes
            .delete(plugin.class(), &DeleteParams::default())
            .await?;
        Ok(())
    })
    .await;
}

/// Waits until the operator has looked at a stream and all is as it should be.
pub async fn settled(stream: &arcane_e2e::Stream<'_>, phase: &str) {
    until(format!("{} to be settled", stream.name()), async || {
        let status = stream.status().await;
        let conditions = status["conditions"].as_array();
        let is_reconciled = conditions
            .into_iter()
            .flatten()
            .any(|condition| condition["type"] == "Reconciled" && condition["status"] == "True");
        ensure!(status["phase"] == phase && is_reconciled, "{status}");
        Ok(())
    })
    .await;
}
