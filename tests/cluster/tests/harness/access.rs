//! Ways into the cluster: clients, kubeconfigs, kubectl, Helm.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use arcane_cluster::Cluster;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::api::{Api, ListParams, PostParams, WatchEvent, WatchParams};
use serde_json::json;

use crate::support::Place;

#[tokio::test]
async fn a_service_account_has_no_rights_but_its_own() -> Result<()> {
    let place = Place::new("access").await?;
    let accounts: Api<ServiceAccount> = place.api();
    let account = serde_json::from_value(json!({"metadata": {"name": "poor"}}))?;
    accounts.create(&PostParams::default(), &account).await?;
    let client = place
        .cluster
        .client_for_service_account(&place.namespace, "poor")
        .await?;
    let maps: Api<ConfigMap> = Api::namespaced(client, &place.namespace);
    let refused = maps
        .list(&ListParams::default())
        .await
        .expect_err("no rights");
    let poor = format!("system:serviceaccount:{}:poor", place.namespace);
    assert!(refused.to_string().contains(&poor), "{refused}");
    Ok(())
}

#[tokio::test]
async fn kubectl_works_with_the_kubeconfig() -> Result<()> {
    let place = Place::new("access").await?;
    let output = Command::new(place.cluster.kubectl())
        .arg("--kubeconfig")
        .arg(place.cluster.kubeconfig())
        .args(["get", "nodes", "--output", "name"])
        .output()?;
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "node/node-0\n",
        "{output:?}"
    );
    Ok(())
}

#[tokio::test]
async fn helm_installs_a_chart_and_tells_why_it_cannot() -> Result<()> {
    let place = Place::new("access").await?;
    let chart = place
        .cluster
        .dir()
        .join(format!("chart-{}", place.namespace));
    fs::create_dir_all(chart.join("templates"))?;
    fs::write(
        chart.join("Chart.yaml"),
        "{apiVersion: v2, name: trivial, version: 0.1.0}",
    )?;
    let map =
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: {{ .Release.Name }}}, data: {a: b}}";
    fs::write(chart.join("templates/map.yaml"), map)?;
    let chart = chart.to_str().context("a path that is not text")?;
    let install = ["install", "one", chart, "--namespace", &place.namespace];
    place.cluster.helm(&install).await?;
    let maps: Api<ConfigMap> = place.api();
    assert_eq!(maps.get("one").await?.data.unwrap_or_default()["a"], "b");
    let error = place
        .cluster
        .helm(&install)
        .await
        .expect_err("the name is taken");
    assert!(error.to_string().contains("cannot reuse a name"), "{error}");
    Ok(())
}

#[tokio::test]
async fn another_process_can_use_a_running_cluster_by_its_directory() -> Result<()> {
    let place = Place::new("access").await?;
    let attached = Cluster::attach(place.cluster.dir()).await?;
    let mark = attached.audit().mark().await?;
    place.job("j", json!({})).await?;
    let record = attached.audit().since(mark).await?;
    assert_eq!(
        record
            .in_namespace(&place.namespace)
            .by_user("admin")
            .count("create", "jobs"),
        1
    );
    Ok(())
}

#[tokio::test]
async fn a_watch_from_before_a_compaction_is_gone_after_a_restart_of_the_api_server() -> Result<()>
{
    use futures::StreamExt;

    let cluster = Cluster::start().await?;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client()?, "default");
    let old = maps
        .list(&ListParams::default())
        .await?
        .metadata
        .resource_version;
    let map = serde_json::from_value(json!({"metadata": {"name": "m"}}))?;
    maps.create(&PostParams::default(), &map).await?;
    cluster.compact_etcd().await?;
    cluster.restart_api_server().await?;
    let events = maps
        .watch(&WatchParams::default(), &old.unwrap_or_default())
        .await;
    let code = match events {
        Ok(events) => match std::pin::pin!(events).next().await {
            Some(Ok(WatchEvent::Error(status))) => status.code,
            other => anyhow::bail!("the watch goes on with {other:?}"),
        },
        Err(kube::Error::Api(status)) => status.code,
        Err(error) => return Err(error.into()),
    };
    assert_eq!(code, 410);
    Ok(())
}
