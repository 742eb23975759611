//! Attempts on what a plugin may not touch, and on what it may touch with a grant only.

use anyhow::ensure;
use arcane_e2e::{Definition, Stream, digest, shared, sum, until};
use arcane_guests::{ATTEMPTS, Attempt, Builder, Render};
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::support::{Plugged, guest, running};

/// The JSON pointer that an attempt's patch is about.
fn place(attempt: &Attempt) -> String {
    let patch: Value = serde_json::from_str(attempt.patch).unwrap();
    patch[0]["path"].as_str().unwrap().to_owned()
}

/// A new version of the plugin that makes this attempt, taken into service.
async fn make(plugged: &Plugged<'_>, attempt: &Attempt) -> Vec<u8> {
    let bytes = attempt.guest().unwrap();
    plugged.replace(&bytes).await;
    bytes
}

/// Waits until the stream says that the answer was refused, in these words.
async fn wait_refused(stream: &Stream<'_>, attempt: &Attempt, words: &[&str]) -> String {
    let plugin = format!("plugin {} 1.0.0", attempt.name);
    let words = [&[plugin.as_str()][..], words].concat();
    stream
        .wait_condition("PluginHealthy", "False", &words)
        .await
}

#[tokio::test]
async fn attempts_on_identity_and_contract_are_refused_whatever_is_granted() {
    let plugged = Plugged::new(&guest("unchanged"), everything()).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let job = orders.wait_streaming_job().await;
    for attempt in ATTEMPTS.iter().filter(|attempt| attempt.grant.is_none()) {
        make(&plugged, attempt).await;
        let said = wait_refused(&orders, attempt, &[]).await;
        assert!(
            !said.contains("spec.plugin.grants"),
            "{}: {said}",
            attempt.name
        );
        orders
            .wait_condition("Error", "True", &[attempt.name])
            .await;
    }
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());
    assert_eq!(orders.status().await["phase"], "Running");
    class.assert_clean().await;
}

#[tokio::test]
async fn attempts_to_raise_privilege_are_refused_without_a_grant_and_name_path_and_grant() {
    let plugged = Plugged::new(&guest("unchanged"), json!({})).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let job = orders.wait_streaming_job().await;
    let operator = &shared().await.unwrap().operator;
    for attempt in ATTEMPTS {
        let Some(grant) = attempt.grant else { continue };
        let bytes = make(&plugged, attempt).await;
        let path = place(attempt).replace("/containers/0", "/containers[0:stream]");
        let path = path.trim_start_matches('/').trim_end_matches("/-");
        let said = wait_refused(&orders, attempt, &[&path.replace('/', "."), grant]).await;
        assert!(said.contains(grant), "{said}");
        // The class tells of the grant that is missing.
        let class = class.wait_in_service(&bytes).await;
        let status = json!(class.status);
        assert_eq!(status["plugin"]["missingGrants"], json!([grant]));
        let labels = format!("class=\"{}\",grant=\"{grant}\"", class.name_any());
        until(
            format!("a refusal for want of {grant} to be counted"),
            async || {
                let metrics = operator.metrics().await?;
                ensure!(sum(&metrics, "arcane_plugin_refusals_total", &labels) > Some(0.5));
                Ok(())
            },
        )
        .await;
    }
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());
    class.assert_clean().await;
}

/// `spec.plugin` with all grants that there are, for anything.
fn everything() -> Value {
    json!({"grants": {
        "images": ["**"], "serviceAccounts": ["*"], "serviceAccountToken": true,
        "secrets": ["*"], "configMaps": ["*"], "imagePullSecrets": ["*"],
        "persistentVolumeClaims": ["*"], "volumes": ["hostPath", "emptyDir"],
        "hostNamespaces": true, "securityContext": true, "privileged": true,
        "capabilities": ["*"], "sysctls": ["*"], "runtimeClasses": ["*"],
        "priorityClasses": ["*"], "placement": true, "containers": true, "commands": true,
        "dns": true, "resources": {"cpu": "100", "memory": "1Ti"}, "resourceClaims": ["*"],
    }})
}

/// What the attempts need to succeed on the sample's template besides their own grant.
const BESIDES: [&str; 3] = ["images", "securityContext", "capabilities"];

#[tokio::test]
async fn what_is_granted_and_asked_for_is_done() {
    let plugged = Plugged::new(&guest("unchanged"), everything()).await;
    let class = &plugged.class;
    for attempt in ATTEMPTS {
        // What has no limits goes beyond any ceiling: see below.
        let is_limitless = ["sidecar", "resources"].contains(&attempt.name);
        let Some(grant) = attempt.grant.filter(|_| !is_limitless) else {
            continue;
        };
        // Without asking for it, a grant that the class gives is not in force.
        let patch = || Render::Patch(attempt.patch.as_bytes().to_vec());
        let modest = Builder::new(attempt.name).render(patch()).build().unwrap();
        plugged.replace(&modest).await;
        let stream = class.create(attempt.name, Definition::v2()).await;
        wait_refused(&stream, attempt, &[grant]).await;
        assert_eq!(stream.job().await, None);

        let mut asked = vec![grant];
        asked.extend(BESIDES.into_iter().filter(|besides| *besides != grant));
        let asking = Builder::new(attempt.name)
            .grants(&asked)
            .render(patch())
            .build()
            .unwrap();
        plugged.replace(&asking).await;
        stream.wait_phase("Backfilling").await;
        let job = json!(stream.wait_job("a Job", |_| true).await);
        assert_eq!(
            found(&job, attempt),
            found_in_patch(attempt),
            "{}",
            attempt.name
        );
        stream.wait_condition("PluginHealthy", "True", &[]).await;
    }
}

#[tokio::test]
async fn a_container_can_be_added_where_images_and_its_limits_are_granted_too() {
    let sidecar = json!({
        "name": "sidecar", "image": "registry.example.com/proxy:1",
        "resources": {"limits": {"cpu": "1", "memory": "64Mi"}},
        // No laxer than the template's own container.
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    });
    let patch = json!([
        {"op": "add", "path": "/spec/template/spec/containers/-", "value": sidecar},
    ]);
    let bytes = Builder::new("sidecar")
        .grants(&["containers", "images", "resources"])
        .render(Render::Patch(patch.to_string().into_bytes()))
        .build()
        .unwrap();
    let mut grants = json!({"images": ["registry.example.com/*"], "containers": true});
    let Plugged { class, .. } = Plugged::new(&bytes, json!({"grants": grants})).await;
    let orders = class.create("orders", Definition::v2()).await;
    let words = ["containers[1:sidecar].resources.limits", "resources"];
    orders.wait_condition("Error", "True", &words).await;
    grants["resources"] = json!({"cpu": "1", "memory": "64Mi"});
    class
        .change_class(json!({"plugin": {"grants": grants}}))
        .await;
    orders.wait_phase("Backfilling").await;
    let pod = json!(
        orders
            .wait_job("a Job", |_| true)
            .await
            .spec
            .unwrap()
            .template
            .spec
    );
    assert_eq!(
        pod["containers"][1]["image"],
        "registry.example.com/proxy:1"
    );
}

#[tokio::test]
async fn a_grant_that_the_class_gives_later_is_in_force_at_once() {
    let attempt = ATTEMPTS
        .iter()
        .find(|it| it.name == "host-network")
        .unwrap();
    let bytes = attempt.guest().unwrap();
    let Plugged { class, .. } = Plugged::new(&bytes, json!({})).await;
    let orders = class.create("orders", Definition::v2()).await;
    wait_refused(
        &orders,
        attempt,
        &["spec.template.spec.hostNetwork", "hostNamespaces"],
    )
    .await;
    class
        .change_class(json!({"plugin": {"grants": {"hostNamespaces": true}}}))
        .await;
    let status = json!(class.wait_in_service(&bytes).await.status);
    assert_eq!(status["plugin"]["grants"], json!(["hostNamespaces"]));
    assert_eq!(status["plugin"]["digest"], digest(&bytes));
    orders.wait_phase("Backfilling").await;
    let job = orders.wait_job("a Job", |_| true).await;
    let pod = job.spec.unwrap().template.spec.unwrap();
    assert_eq!(pod.host_network, Some(true));
}

/// What the attempt was about, as a Job has it.
fn found(job: &Value, attempt: &Attempt) -> Value {
    strip(job.pointer(&place(attempt)).cloned().unwrap_or_default())
}

fn found_in_patch(attempt: &Attempt) -> Value {
    let patch: Value = serde_json::from_str(attempt.patch).unwrap();
    strip(patch[0]["value"].clone())
}

/// Without what the API server fills in.
fn strip(mut value: Value) -> Value {
    if let Some(volumes) = value.as_array_mut() {
        for volume in volumes {
            if let Some(path) = volume["hostPath"].as_object_mut() {
                path.remove("type");
            }
        }
    }
    value
}

#[tokio::test]
async fn a_class_without_grants_may_do_what_needs_none() {
    let patch = json!([
        {"op": "add", "path": "/metadata/labels/team", "value": "data"},
        {"op": "add", "path": "/spec/template/spec/containers/0/args", "value": ["--fast"]},
        {"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": {"name": "A", "value": "1"}},
        {"op": "replace", "path": "/spec/backoffLimit", "value": 2},
        {"op": "add", "path": "/spec/activeDeadlineSeconds", "value": 600},
        {"op": "replace", "path": "/spec/template/spec/containers/0/resources/limits/memory", "value": "64Mi"},
    ]);
    let bytes = Builder::new("modest")
        .render(Render::Patch(patch.to_string().into_bytes()))
        .build()
        .unwrap();
    let Plugged { class, .. } = Plugged::new(&bytes, json!({})).await;
    let job = running(&class, "orders").await.wait_streaming_job().await;
    assert_eq!(job.labels()["team"], "data");
    let spec = json!(job.spec);
    assert_eq!(spec["backoffLimit"], 2);
    assert_eq!(spec["activeDeadlineSeconds"], 600);
    let container = &spec["template"]["spec"]["containers"][0];
    assert_eq!(container["args"], json!(["--fast"]));
    assert_eq!(container["resources"]["limits"]["memory"], "64Mi");
    assert!(
        container["env"]
            .as_array()
            .unwrap()
            .contains(&json!({"name": "A", "value": "1"}))
    );
    class.assert_clean().await;
}
