//! What these tests share: the cluster with the platform's kinds, charts, and objects as JSON.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use arcane_cluster::Cluster;
use arcane_cluster::wait::within;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, ValidationDirective};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// Release of the CRDs' chart; there is one for the whole cluster.
pub const CRDS: &str = "arcane-host-crds";
/// Namespace of that release.
pub const CRDS_NAMESPACE: &str = "default";
/// Time that the API server may take to serve a new kind.
const SERVING: Duration = Duration::from_secs(20);

/// The shared cluster, with the platform's kinds installed.
pub async fn cluster() -> Result<&'static Cluster> {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let cluster = Cluster::shared().await?;
    INSTALLED.get_or_try_init(|| install_crds(cluster)).await?;
    Ok(cluster)
}

/// Installs the platform's kinds and waits until they are served: a CRD is `Established` a moment
/// before its paths are there.
pub async fn install_crds(cluster: &Cluster) -> Result<()> {
    let chart = chart(CRDS);
    let arguments = ["upgrade", "--install", CRDS, &chart, "-n", CRDS_NAMESPACE];
    cluster
        .helm(&[&arguments[..], &["--take-ownership"]].concat())
        .await?;
    for (version, kind) in [
        ("v1", "StreamClass"),
        ("v1beta1", "StreamClass"),
        ("v1", "StreamingJobTemplate"),
        ("v1", "BackfillRequest"),
    ] {
        let api_version = format!("streaming.sneaksanddata.com/{version}");
        let kind = json!({"apiVersion": api_version, "kind": kind});
        let api = api(cluster, CRDS_NAMESPACE, &kind)?;
        let listed = async || Ok(api.list(&ListParams::default()).await?);
        within(SERVING, listed)
            .await
            .with_context(|| format!("not served: {kind}"))?;
    }
    Ok(())
}

/// Folder of one of the charts to be released.
pub fn chart(name: &str) -> String {
    path(&format!("../../charts/{name}"))
}

/// A file of this repository, relative to this crate.
pub fn path(relative: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(relative)
        .display()
        .to_string()
}

pub fn sample_chart() -> String {
    path("charts/sample-stream")
}

/// Installs the operator's chart in a namespace of its own, whose name is the release's too:
/// names of ClusterRoles derive from it.
pub async fn install(cluster: &Cluster, more: &[&str]) -> Result<String> {
    let release = cluster.namespace("charts").await?;
    let chart = chart("arcane-host");
    let arguments = ["install", &release, &chart, "-n", &release];
    cluster.helm(&[&arguments, more].concat()).await?;
    Ok(release)
}

/// Applies an object as Helm does: server-side, refusing fields that the schema does not know.
pub async fn apply(cluster: &Cluster, namespace: &str, object: &Value) -> Result<DynamicObject> {
    let name = object["metadata"]["name"].as_str().context("no name")?;
    let params = PatchParams {
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply("charts-test")
    };
    let api = api(cluster, namespace, object)?;
    let applied = api.patch(name, &params, &Patch::Apply(object)).await;
    applied.with_context(|| format!("{} {name}", object["kind"]))
}

/// The way to objects of the kind that `object` is of. StreamClasses are cluster-scoped.
pub fn api(cluster: &Cluster, namespace: &str, object: &Value) -> Result<Api<DynamicObject>> {
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let (group, version) = api_version.split_once('/').context("no group")?;
    let resource = ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        plural: plural(&kind).to_owned(),
        api_version: api_version.clone(),
        kind: kind.clone(),
    };
    let client = cluster.client()?;
    Ok(match kind.as_str() {
        "StreamClass" => Api::all_with(client, &resource),
        _ => Api::namespaced_with(client, namespace, &resource),
    })
}

fn plural(kind: &str) -> &'static str {
    match kind {
        "StreamClass" => "streamclasses",
        "StreamingJobTemplate" => "streamingjobtemplates",
        "BackfillRequest" => "backfillrequests",
        other => panic!("{other} is none of the platform's kinds"),
    }
}
