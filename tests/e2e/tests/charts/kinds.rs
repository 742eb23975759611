//! The platform's kinds: what the published CRDs accept is accepted, and kept.

use anyhow::{Result, ensure};
use arcane_cluster::Cluster;
use kube::api::ListParams;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bed::{api, apply, cluster};

/// Whether all of `wanted` is in `found`: the server may only add.
fn holds(found: &Value, wanted: &Value) -> Result<()> {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            wanted.iter().try_for_each(|(field, value)| {
                let kept = found.get(field).unwrap_or(&Value::Null);
                holds(kept, value).map_err(|error| error.context(field.clone()))
            })
        }
        _ => {
            ensure!(found == wanted, "wrote {wanted}, found {found}");
            Ok(())
        }
    }
}

fn published() -> Vec<Value> {
    serde_yaml_ng::Deserializer::from_str(include_str!("published.yaml"))
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

async fn refusal(cluster: &Cluster, namespace: &str, object: &Value) -> String {
    match apply(cluster, namespace, object).await {
        Ok(_) => String::new(),
        Err(error) => format!("{error:#}"),
    }
}

#[tokio::test]
async fn what_published_charts_and_clients_write_is_accepted_and_kept_whole() {
    let cluster = cluster().await.unwrap();
    let namespace = cluster.namespace("published").await.unwrap();
    let objects = published();
    assert_eq!(objects.len(), 9);
    for object in objects {
        apply(cluster, &namespace, &object).await.unwrap();
        let name = object["metadata"]["name"].as_str().unwrap();
        let stored = api(cluster, &namespace, &object).unwrap();
        let stored = json!(stored.get(name).await.unwrap());
        if let Err(error) = holds(&stored, &object) {
            panic!("{name}: {error:#}");
        }
    }
}

#[tokio::test]
async fn a_class_written_as_v1beta1_is_read_as_v1() {
    let cluster = cluster().await.unwrap();
    let spec = json!({"apiVersion": "v1", "kindRef": "OldStream", "pluralName": "old-streams"});
    let old = json!({
        "apiVersion": "streaming.sneaksanddata.com/v1beta1",
        "kind": "StreamClass",
        "metadata": {"name": "written-as-v1beta1"},
        "spec": spec,
    });
    apply(cluster, "", &old).await.unwrap();
    let mut new = old;
    new["apiVersion"] = json!("streaming.sneaksanddata.com/v1");
    let found = api(cluster, "", &new).unwrap();
    let found = json!(found.get("written-as-v1beta1").await.unwrap());
    holds(&found["spec"], &spec).unwrap();
    assert_eq!(found["spec"]["apiGroupRef"], "streaming.sneaksanddata.com");
}

#[tokio::test]
async fn open_requests_of_a_stream_are_found_by_field_selector() {
    let cluster = cluster().await.unwrap();
    let namespace = cluster.namespace("selectable").await.unwrap();
    let request = |name: &str, stream: &str, completed: Value| {
        json!({
            "apiVersion": "streaming.sneaksanddata.com/v1",
            "kind": "BackfillRequest",
            "metadata": {"name": name},
            "spec": {"streamClass": "parquet", "streamId": stream, "completed": completed},
        })
    };
    for (name, stream, completed) in [
        ("open", "orders", json!(false)),
        ("open-by-default", "orders", Value::Null),
        ("done", "orders", json!(true)),
        ("another", "customers", json!(false)),
    ] {
        let request = request(name, stream, completed);
        apply(cluster, &namespace, &request).await.unwrap();
    }
    let selector = ListParams::default().fields("spec.completed=false,spec.streamId=orders");
    let requests = api(cluster, &namespace, &request("", "", Value::Null)).unwrap();
    let found = requests.list(&selector).await.unwrap();
    let mut names: Vec<_> = found
        .into_iter()
        .filter_map(|one| one.metadata.name)
        .collect();
    names.sort();
    assert_eq!(names, ["open", "open-by-default"]);
}

#[tokio::test]
async fn a_restart_policy_that_contradicts_itself_is_refused_with_the_reason() {
    let cluster = cluster().await.unwrap();
    let class = |policy: &Value| {
        json!({
            "apiVersion": "streaming.sneaksanddata.com/v1",
            "kind": "StreamClass",
            "metadata": {"name": "restart-policy"},
            "spec": {
                "apiVersion": "v1",
                "kindRef": "PolicyStream",
                "pluralName": "policy-streams",
                "restartPolicy": policy,
            },
        })
    };
    for (policy, because) in [
        (
            json!({"rolling": {"maxUnavailable": 1}}),
            "only with type Rolling",
        ),
        (
            json!({"type": "OnNextRun", "rolling": {}}),
            "only with type Rolling",
        ),
        (
            json!({"type": "Sometimes"}),
            "supported values: \"OnNextRun\", \"Rolling\"",
        ),
        (
            json!({"type": "Rolling", "rolling": {"maxUnavailable": 0}}),
            "above 0",
        ),
        (
            json!({"type": "Rolling", "rolling": {"maxUnavailable": -2}}),
            "above 0",
        ),
        (
            json!({"type": "Rolling", "rolling": {"maxUnavailable": "0%"}}),
            "above 0",
        ),
        (
            json!({"type": "Rolling", "rolling": {"maxUnavailable": "150%"}}),
            "above 0",
        ),
    ] {
        let said = refusal(cluster, "", &class(&policy)).await;
        let lower = said.to_lowercase();
        assert!(
            lower.contains(&because.to_lowercase()),
            "{policy}: {said:?}"
        );
    }
    for policy in [
        json!({}),
        json!({"type": "Rolling"}),
        json!({"type": "Rolling", "rolling": {"maxUnavailable": 5}}),
        json!({"type": "Rolling", "rolling": {"maxUnavailable": "25%"}}),
    ] {
        assert_eq!(refusal(cluster, "", &class(&policy)).await, "", "{policy}");
    }
}

#[tokio::test]
async fn a_typo_in_a_templates_job_is_refused_by_name() {
    let cluster = cluster().await.unwrap();
    let namespace = cluster.namespace("typo").await.unwrap();
    let template = json!({
        "apiVersion": "streaming.sneaksanddata.com/v1",
        "kind": "StreamingJobTemplate",
        "metadata": {"name": "typo"},
        "spec": {"spec": {"template": {"spec": {"containers": [
            {"name": "stream", "image": "stream:1", "imagePullPolice": "Always"},
        ]}}}},
    });
    let said = refusal(cluster, &namespace, &template).await;
    assert!(said.contains("imagePullPolice"), "{said:?}");
}

#[tokio::test]
async fn a_template_has_the_columns_that_people_know() {
    let cluster = cluster().await.unwrap();
    let namespace = cluster.namespace("columns").await.unwrap();
    for object in published() {
        if object["kind"] == "StreamingJobTemplate" {
            apply(cluster, &namespace, &object).await.unwrap();
        }
    }
    let output = tokio::process::Command::new(cluster.kubectl())
        .arg("--kubeconfig")
        .arg(cluster.kubeconfig())
        .args(["-n", &namespace, "get", "sjt", "parquet-streaming"])
        .output()
        .await
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Vec<&str>> = printed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows,
        [
            ["NAME", "MEMORYLIMIT", "CPULIMIT", "IMAGE"],
            ["parquet-streaming", "4294967296", "2", "parquet:v1.2.3"],
        ],
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
