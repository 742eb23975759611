//! Installing, upgrading and uninstalling.

use std::time::Duration;

use anyhow::{Result, ensure};
use arcane_cluster::{Cluster, eventually};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::bed::{self, CRDS, CRDS_NAMESPACE, chart, cluster, install, sample_chart};

/// Time that the control plane may take to clear a namespace.
const CLEARING: Duration = Duration::from_secs(30);

async fn deployment(cluster: &Cluster, release: &str) -> Result<Deployment> {
    let deployments: Api<Deployment> = Api::namespaced(cluster.client()?, release);
    Ok(deployments.get(&format!("{release}-arcane-host")).await?)
}

/// A namespace in which the PodSecurity standard `restricted` is enforced.
async fn restricted_namespace(cluster: &Cluster) -> Result<String> {
    let name = cluster.namespace("restricted").await?;
    let namespaces: Api<Namespace> = Api::all(cluster.client()?);
    let labels = json!({"metadata": {"labels": {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
    }}});
    let params = PatchParams::default();
    namespaces
        .patch(&name, &params, &Patch::Merge(labels))
        .await?;
    Ok(name)
}

/// Asks the API server whether it would take the pod.
async fn try_pod(cluster: &Cluster, namespace: &str, template: &serde_json::Value) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(cluster.client()?, namespace);
    let mut pod = template.clone();
    pod["metadata"]["name"] = json!("trial");
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    pods.create(&dry_run, &serde_json::from_value(pod)?).await?;
    Ok(())
}

#[tokio::test]
async fn the_pods_are_accepted_where_the_restricted_standard_is_enforced() {
    let cluster = cluster().await.unwrap();
    let release = install(cluster, &[]).await.unwrap();
    let restricted = restricted_namespace(cluster).await.unwrap();
    let deployment = json!(deployment(cluster, &release).await.unwrap());
    let pod = &deployment["spec"]["template"];
    try_pod(cluster, &restricted, pod).await.unwrap();
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(pod["spec"]["securityContext"]["runAsUser"], 65532);

    // The standard is enforced indeed.
    let mut lax = pod.clone();
    lax["spec"]["securityContext"] = json!({});
    let refusal = try_pod(cluster, &restricted, &lax).await.unwrap_err();
    assert!(
        refusal.to_string().contains("violates PodSecurity"),
        "{refusal}"
    );
}

#[tokio::test]
async fn the_sample_streams_pods_are_accepted_there_too() {
    let cluster = cluster().await.unwrap();
    let restricted = restricted_namespace(cluster).await.unwrap();
    let chart = sample_chart();
    let names = "className=tidy,kind=TidyStream,plural=tidy-streams,singular=tidy-stream";
    let arguments = ["install", "tidy", &chart, "-n", &restricted, "--set", names];
    cluster
        .helm(&[&arguments[..], &["--set", "podAnnotations.seen=yes"]].concat())
        .await
        .unwrap();
    let probe = json!({
        "apiVersion": "streaming.sneaksanddata.com/v1",
        "kind": "StreamingJobTemplate",
    });
    let templates = bed::api(cluster, &restricted, &probe).unwrap();
    for name in ["sample-streaming", "sample-backfill"] {
        let template = templates.get(name).await.unwrap();
        let pod = &template.data["spec"]["spec"]["template"];
        assert_eq!(pod["metadata"]["annotations"]["seen"], "yes");
        try_pod(cluster, &restricted, pod).await.unwrap();
    }
}

#[tokio::test]
async fn an_upgrade_changes_what_it_is_told_and_keeps_who_the_pods_belong_to() {
    let cluster = cluster().await.unwrap();
    let release = install(cluster, &["--set", "image.tag=one"]).await.unwrap();
    let before = deployment(cluster, &release).await.unwrap();
    let chart = chart("arcane-host");
    let set = "image.tag=two,replicaCount=2,nodeSelector.pool=system";
    let arguments = ["upgrade", &release, &chart, "-n", &release, "--set", set];
    cluster.helm(&arguments).await.unwrap();
    let after = deployment(cluster, &release).await.unwrap();
    assert_eq!(before.uid(), after.uid());
    let (before, after) = (json!(before), json!(after));
    assert_eq!(before["spec"]["selector"], after["spec"]["selector"]);
    assert_eq!(after["spec"]["replicas"], 2);
    let pod = &after["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["image"], "arcane-host:two");
    assert_eq!(pod["nodeSelector"], json!({"pool": "system"}));
}

#[tokio::test]
async fn an_upgrade_keeps_the_rights_that_plugins_brought() {
    let cluster = cluster().await.unwrap();
    let release = install(cluster, &[]).await.unwrap();
    let client = cluster.client().unwrap();
    let roles: Api<ClusterRole> = Api::all(client);
    let brought: ClusterRole = serde_json::from_value(json!({
        "metadata": {
            "name": format!("{release}-brought"),
            "labels": {"arcane.sneaksanddata.com/aggregate-to-operator": "true"},
        },
        "rules": [{
            "apiGroups": ["streaming.sneaksanddata.com"],
            "resources": [format!("{release}-streams")],
            "verbs": ["get"],
        }],
    }))
    .unwrap();
    roles
        .create(&PostParams::default(), &brought)
        .await
        .unwrap();
    let name = format!("{release}-arcane-host-streams");
    let aggregated = async || {
        let rules = json!(roles.get(&name).await?.rules).to_string();
        ensure!(rules.contains(&format!("{release}-streams")), "{rules}");
        Ok(())
    };
    eventually("the rule to be aggregated", CLEARING, aggregated).await;
    let chart = chart("arcane-host");
    let arguments = [
        "upgrade",
        &release,
        &chart,
        "-n",
        &release,
        "--set",
        "image.tag=two",
    ];
    cluster.helm(&arguments).await.unwrap();
    aggregated().await.unwrap();
    roles
        .delete(&brought.name_any(), &DeleteParams::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn uninstalling_leaves_kinds_streams_and_running_jobs_alone_and_nothing_of_its_own() {
    let cluster = cluster().await.unwrap();
    let release = install(cluster, &[]).await.unwrap();
    let client = cluster.client().unwrap();
    let jobs: Api<Job> = Api::namespaced(client.clone(), &release);
    let job: Job = serde_json::from_value(json!({
        "metadata": {
            "name": "orders",
            "labels": {"arcane/stream-id": "orders", "arcane/stream-kind": "ParquetStream"},
        },
        "spec": {"template": {"spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "stream", "image": "stream:1"}],
        }}},
    }))
    .unwrap();
    let job = jobs.create(&PostParams::default(), &job).await.unwrap();
    eventually("the Job to run", CLEARING, async || {
        let status = jobs.get("orders").await?.status.unwrap_or_default();
        ensure!(status.active == Some(1), "{status:?}");
        Ok(())
    })
    .await;

    cluster
        .helm(&["uninstall", &release, "-n", &release])
        .await
        .unwrap();
    let after = jobs.get("orders").await.unwrap();
    assert_eq!(after.uid(), job.uid());
    assert_eq!(after.metadata.deletion_timestamp, None);
    assert_eq!(after.status.unwrap_or_default().active, Some(1));

    let instance = format!("app.kubernetes.io/instance={release}");
    let own = ListParams::default().labels(&instance);
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &release);
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &release);
    let roles: Api<ClusterRole> = Api::all(client.clone());
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    eventually("nothing of the release to be left", CLEARING, async || {
        let left = [
            deployments.list(&own).await?.items.len(),
            accounts.list(&own).await?.items.len(),
            roles.list(&own).await?.items.len(),
            bindings.list(&own).await?.items.len(),
        ];
        ensure!(left == [0; 4], "{left:?}");
        Ok(())
    })
    .await;

    let namespaces: Api<Namespace> = Api::all(client);
    namespaces
        .delete(&release, &DeleteParams::default())
        .await
        .unwrap();
    eventually("the namespace to go", CLEARING, async || {
        ensure!(namespaces.get_opt(&release).await?.is_none(), "still there");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn uninstalling_the_kinds_leaves_them_and_every_object_and_they_can_be_installed_again() {
    // A cluster of its own: others would lose the release under their feet.
    let cluster = Cluster::start().await.unwrap();
    bed::install_crds(&cluster).await.unwrap();
    let class = json!({
        "apiVersion": "streaming.sneaksanddata.com/v1",
        "kind": "StreamClass",
        "metadata": {"name": "stays"},
        "spec": {"apiVersion": "v1", "kindRef": "ParquetStream", "pluralName": "parquet-streams"},
    });
    let written = bed::apply(&cluster, "", &class).await.unwrap();
    cluster
        .helm(&["uninstall", CRDS, "-n", CRDS_NAMESPACE])
        .await
        .unwrap();
    let crds: Api<CustomResourceDefinition> = Api::all(cluster.client().unwrap());
    for plural in ["streamclasses", "streamingjobtemplates", "backfillrequests"] {
        let name = format!("{plural}.streaming.sneaksanddata.com");
        let crd = crds.get(&name).await.unwrap();
        assert_eq!(crd.metadata.deletion_timestamp, None, "{name}");
    }
    bed::install_crds(&cluster).await.unwrap();
    let read = bed::api(&cluster, "", &class)
        .unwrap()
        .get("stays")
        .await
        .unwrap();
    assert_eq!(read.uid(), written.uid());
}
