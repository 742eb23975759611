//! Stream classes come, change and go.

use anyhow::Result;
use arcane_contract::api::{StreamClass, StreamClassSpec};
use arcane_e2e::{Definition, shared};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use crate::support::{Class, condition, job_uids, running};

#[tokio::test]
async fn a_new_class_is_pending_and_then_ready_and_says_so() -> Result<()> {
    let plugin = shared().await?.platform.plugin(&json!({})).await?;
    let class = Class::of(&plugin)?;
    class.wait("Ready", "Serving", &[&plugin.kind().kind]).await;
    class
        .wait_events(&["Normal StreamClassCreated", "Normal StreamClassReady"])
        .await;
    Ok(())
}

#[tokio::test]
async fn a_class_without_its_kind_says_what_to_install_and_recovers_when_it_is() -> Result<()> {
    let shared = shared().await?;
    let plugin = shared.platform.plugin(&json!({})).await?;
    let kinds: Api<CustomResourceDefinition> = Api::all(plugin.cluster().client()?);
    let name = format!("{}.{}", plugin.kind().plural, plugin.kind().group);
    let class = Class::of(&plugin)?;
    class.wait_ready().await;
    let mut kind = kinds.get(&name).await?;
    kinds.delete(&name, &DeleteParams::foreground()).await?;
    let words = [
        &*name,
        "does not exist",
        "install the stream plugin's chart",
    ];
    class.wait("Failed", "KindNotFound", &words).await;

    kind.metadata.resource_version = None;
    kind.metadata.uid = None;
    kind.status = None;
    kinds.create(&PostParams::default(), &kind).await?;
    class.wait_ready().await;
    class
        .wait_events(&[
            "Normal StreamClassCreated",
            "Normal StreamClassReady",
            "Warning StreamControllerError",
            "Warning StreamClassRecovered",
        ])
        .await;
    let stream = running(&plugin, "orders").await;
    stream.wait_streaming_job().await;
    Ok(())
}

#[tokio::test]
async fn a_kind_that_is_named_wrongly_is_told_with_what_would_be_right() -> Result<()> {
    let plugin = shared().await?.platform.plugin(&json!({})).await?;
    let class = Class::of(&plugin)?;
    class.wait_ready().await;
    let kind = plugin.kind().kind.clone();
    class.patch_spec(json!({"kindRef": "Wrong"})).await;
    class
        .wait("Failed", "KindMismatch", &["\"Wrong\"", &kind])
        .await;
    class
        .patch_spec(json!({"kindRef": kind, "apiVersion": "v7"}))
        .await;
    let words = ["\"v7\"", "serves v1"];
    class.wait("Failed", "VersionNotServed", &words).await;
    class.patch_spec(json!({"apiVersion": "v1"})).await;
    class.wait_ready().await;
    Ok(())
}

#[tokio::test]
async fn of_two_classes_of_one_kind_the_older_serves_and_the_other_takes_over_when_it_goes()
-> Result<()> {
    let plugin = shared().await?.platform.plugin(&json!({})).await?;
    let older = Class::of(&plugin)?;
    older.wait_ready().await;
    let stream = running(&plugin, "orders").await;
    let before = job_uids(&[&stream]).await?;

    let name = format!("{}-too", plugin.class());
    create_class(&plugin.classes(), &name, plugin.kind()).await?;
    let younger = Class::new(plugin.cluster().client()?, &name);
    younger.wait("Failed", "Conflict", &[plugin.class()]).await;
    older.wait_ready().await;
    plugin
        .classes()
        .delete(plugin.class(), &DeleteParams::default())
        .await?;
    younger.wait_ready().await;
    assert_eq!(job_uids(&[&stream]).await?, before);
    stream.patch_spec(json!({"source": "another"})).await;
    stream
        .wait_job("another Job", |job| {
            job.metadata.uid != before.first().cloned()
        })
        .await;
    Ok(())
}

async fn create_class(
    classes: &Api<StreamClass>,
    name: &str,
    kind: &kube::api::ApiResource,
) -> Result<()> {
    let spec = StreamClassSpec {
        api_group_ref: Some(kind.group.clone()),
        api_version: kind.version.clone(),
        kind_ref: kind.kind.clone(),
        plural_name: kind.plural.clone(),
        ..StreamClassSpec::default()
    };
    let class = StreamClass::new(name, spec);
    classes.create(&PostParams::default(), &class).await?;
    Ok(())
}

#[tokio::test]
async fn secrets_that_a_class_asks_for_later_reach_the_next_job() -> Result<()> {
    let plugin = shared().await?.platform.plugin(&json!({})).await?;
    let class = Class::of(&plugin)?;
    class.wait_ready().await;
    let definition = Definition::v2()
        .suspended()
        .field("sourceSecretRef", json!({"name": "source"}));
    let stream = plugin.create("orders", definition).await;
    stream.wait_phase("Suspended").await;
    stream.resume().await;
    let job = stream.wait_streaming_job().await;
    stream.wait_phase("Running").await;

    class
        .patch_spec(json!({"secretRefs": ["sourceSecretRef"]}))
        .await;
    // What is rendered now differs, which is drift and no reason to restart.
    stream
        .wait_status("drift", |status| {
            condition(status, "UpToDate")["status"] == "False"
        })
        .await;
    stream.patch_spec(json!({"source": "another"})).await;
    let next = serde_json::to_value(stream.wait_job_after(&job).await)?;
    let container = &next["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(
        container["envFrom"],
        json!([{"secretRef": {"name": "source"}}])
    );
    plugin.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn deleting_a_class_leaves_its_jobs_alone_and_its_return_restarts_none() -> Result<()> {
    let plugin = shared().await?.platform.plugin(&json!({})).await?;
    let class = Class::of(&plugin)?;
    class.wait_ready().await;
    let streaming = running(&plugin, "streaming").await;
    let backfilling = plugin.create("backfilling", Definition::v2()).await;
    backfilling.wait_phase("Backfilling").await;
    let streams = [&streaming, &backfilling];
    let before = job_uids(&streams).await?;

    let classes = plugin.classes();
    classes
        .delete(plugin.class(), &DeleteParams::default())
        .await?;
    // Ends while nobody looks.
    backfilling.finish_job().await;
    streaming.suspend().await;
    streaming.resume().await;
    create_class(&classes, plugin.class(), plugin.kind()).await?;
    class.wait_ready().await;
    backfilling.wait_phase("Running").await;
    assert!(backfilling.requests().await[0].spec.completed);
    assert_eq!(job_uids(&[&streaming]).await?, before[..1]);
    plugin.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_kind_whose_status_can_hold_more_is_told_more() -> Result<()> {
    let plugin = shared().await?.platform.plugin(&json!({})).await?;
    Class::of(&plugin)?.wait_ready().await;
    let stream = running(&plugin, "orders").await;
    let job = job_uids(&[&stream]).await?;
    let narrow = stream.status().await;
    assert_eq!(
        condition(&narrow, "Ready")["reason"],
        Value::Null,
        "{narrow}"
    );

    let kinds: Api<CustomResourceDefinition> = Api::all(plugin.cluster().client()?);
    let name = format!("{}.{}", plugin.kind().plural, plugin.kind().group);
    let mut kind = serde_json::to_value(kinds.get(&name).await?)?;
    kind["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"] =
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let kind = serde_json::from_value(kind)?;
    kinds.replace(&name, &PostParams::default(), &kind).await?;
    stream
        .wait_status("reasons and generations", |status| {
            let ready = condition(status, "Ready");
            ready["reason"] == "StreamRunning"
                && ready["observedGeneration"].is_u64()
                && ready["lastTransitionTime"].is_string()
        })
        .await;
    assert_eq!(job_uids(&[&stream]).await?, job);
    plugin.assert_clean().await;
    Ok(())
}
