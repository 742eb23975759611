//! What is no stream's is written by one replica, and the others leave it alone.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use arcane_cluster::audit::{Mark, Record};
use arcane_contract::api::StreamClass;
use arcane_e2e::{NAMESPACE, Own, Platform, until};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::support::{Crew, NAMES, wait_renewals};

#[tokio::test]
async fn the_status_of_a_class_is_written_by_the_leader_of_the_first_shard_alone() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let mut crew = Crew::of_three(&platform).await?;
    let first = crew.leader_of(0).await?;
    let audit = platform.cluster().audit();
    let mark = audit.mark().await?;

    let classes: Api<StreamClass> = Api::all(platform.cluster().client()?);
    let class: StreamClass = serde_json::from_value(json!({
        "apiVersion": "streaming.sneaksanddata.com/v1",
        "kind": "StreamClass",
        "metadata": {"name": "missing"},
        "spec": {"apiVersion": "v1", "kindRef": "Missing", "pluralName": "missing"},
    }))?;
    classes.create(&PostParams::default(), &class).await?;
    wait_failed(&classes, 1).await;
    wait_renewals(&platform, mark, &NAMES).await;
    let record = of_class(&platform, mark).await?;
    assert_eq!(writers(&record), BTreeSet::from([first.clone()]));
    assert!(record.unchanged().is_empty(), "{:?}", record.counts());

    // Its successor finds all of that in the status, and has nothing to say before something new.
    let mark = audit.mark().await?;
    crew.take(&first)?.kill()?;
    crew.wait_split(&[1, 2]).await;
    let successor = crew.leader_of(0).await?;
    let left: Vec<&str> = NAMES.into_iter().filter(|name| *name != first).collect();
    wait_renewals(&platform, mark, &left).await;
    let record = of_class(&platform, mark).await?;
    assert!(record.is_empty(), "{:?}", record.counts());
    let change = Patch::Merge(json!({"spec": {"pluralName": "still-missing"}}));
    classes
        .patch("missing", &PatchParams::default(), &change)
        .await?;
    wait_failed(&classes, 2).await;
    let record = of_class(&platform, mark).await?;
    assert_eq!(writers(&record), BTreeSet::from([successor]));
    classes.delete("missing", &DeleteParams::default()).await?;
    crew.stop().await
}

/// Waits until this generation of the class is said to name a kind that does not exist.
async fn wait_failed(classes: &Api<StreamClass>, generation: i64) {
    until("the class to fail", async || {
        let class = classes.get("missing").await?;
        let status = json!(class.status);
        let ready = &status["conditions"][0];
        ensure!(ready["reason"] == "KindNotFound", "{status}");
        ensure!(ready["observedGeneration"] == generation, "{status}");
        Ok(())
    })
    .await;
}

/// What replicas wrote to the class's status.
async fn of_class(platform: &Platform<'_>, mark: Mark) -> Result<Record> {
    let record = platform.cluster().audit().since(mark).await?;
    let accounts = format!("system:serviceaccount:{NAMESPACE}:");
    Ok(record.writes().filter(|request| {
        request.resource == "streamclasses/status"
            && request.name == "missing"
            && request.user.starts_with(&accounts)
    }))
}

fn writers(record: &Record) -> BTreeSet<String> {
    record
        .iter()
        .filter_map(|request| Some(request.user.rsplit(':').next()?.to_owned()))
        .collect()
}
