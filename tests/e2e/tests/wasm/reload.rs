//! Another version of a plugin while streams run.

use anyhow::ensure;
use arcane_e2e::{digest, until};
use kube::ResourceExt;
use serde_json::json;

use crate::support::{Plugged, SHAPED, guest, labelling, patching, running, shape};

#[tokio::test]
async fn a_new_version_is_told_and_waits_for_the_next_run() {
    let plugged = Plugged::new(&labelling("one"), json!({})).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let job = orders.wait_streaming_job().await;
    orders.wait_condition("UpToDate", "True", &[]).await;

    plugged.replace(&labelling("two")).await;
    orders
        .wait_condition("UpToDate", "False", &["the next run"])
        .await;
    // What starts from now on has the new shape.
    let items = running(class, "items").await.wait_streaming_job().await;
    assert_eq!(shape(&items), Some("two"));
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());

    orders
        .annotate("arcane.sneaksanddata.com/restart", "please")
        .await;
    let next = orders.wait_job_after(&job).await;
    assert_eq!(shape(&next), Some("two"));
    orders.wait_condition("UpToDate", "True", &[]).await;
    class.assert_clean().await;
}

#[tokio::test]
async fn a_changed_config_of_the_class_is_a_new_version_too() {
    let plugged = Plugged::new(&guest("unchanged"), json!({})).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let job = orders.wait_streaming_job().await;
    // The same plugin with the same answer is no drift.
    class
        .change_class(json!({"plugin": {"config": {"zone": "b"}}}))
        .await;
    class.wait_in_service(&guest("unchanged")).await;
    // Neither is another one.
    plugged.replace(&guest("whole-job")).await;
    let marker = running(class, "marker").await;
    marker.wait_condition("UpToDate", "True", &[]).await;
    orders.wait_condition("UpToDate", "True", &[]).await;
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());

    // This one's answer is its configuration.
    plugged.replace(&guest("echo-config")).await;
    orders
        .wait_condition("Error", "True", &["echo-config 1.0.0", r#"{"zone":"b"}"#])
        .await;
    class
        .change_class(json!({"plugin": {"config": {"zone": "c"}}}))
        .await;
    orders
        .wait_condition("Error", "True", &[r#"{"zone":"c"}"#])
        .await;
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());
    class.assert_clean().await;
}

#[tokio::test]
async fn a_configuration_that_the_plugin_refuses_leaves_the_one_before_in_service() {
    let bytes = guest("everything");
    let Plugged { class, .. } = Plugged::new(&bytes, json!({})).await;
    class
        .change_class(json!({"plugin": {"config": {"zone": "x"}}}))
        .await;
    let words = ["nothing can be set", "stays in service"];
    let status = class.wait_plugin_trouble("ConfigRefused", &words).await;
    assert_eq!(status["digest"], digest(&bytes));
    let job = running(&class, "orders").await.wait_streaming_job().await;
    assert_eq!(job.annotations()[SHAPED], "yes");
    class
        .change_class(json!({"plugin": {"config": null}}))
        .await;
    class.wait_in_service(&bytes).await;
}

#[tokio::test]
async fn a_rolling_class_takes_up_a_new_version_one_stream_at_a_time() {
    let values = json!({
        "restartPolicy": {"type": "Rolling", "rolling": {"maxUnavailable": 1}},
        "podAnnotations": {"test/terminates-after": "300ms"},
    });
    let plugged = Plugged::with(&labelling("one"), json!({}), values).await;
    let class = &plugged.class;
    let mut streams = Vec::new();
    for name in ["a", "b", "c"] {
        streams.push(running(class, name).await);
    }
    for stream in &streams {
        stream.wait_pod_runs().await;
    }
    plugged.replace(&labelling("two")).await;
    for stream in &streams {
        stream
            .wait_job("a Job of the new shape", |job| shape(job) == Some("two"))
            .await;
    }
    let record = class.audit().await;
    let record = record
        .writes()
        .filter(|request| request.resource == "jobs" && !request.dry_run);
    let restarts: Vec<_> = record
        .iter()
        .skip(streams.len())
        .map(|request| (request.verb.as_str(), request.name.as_str()))
        .collect();
    assert_eq!(restarts.len(), 2 * streams.len(), "{restarts:?}");
    for pair in restarts.chunks(2) {
        assert_eq!(pair[0].0, "delete", "{restarts:?}");
        assert_eq!(pair[1], ("create", pair[0].1), "{restarts:?}");
    }
    class.assert_clean().await;
}

#[tokio::test]
async fn a_bad_version_leaves_the_one_before_in_service_and_says_so() {
    let good = labelling("good");
    let plugged = Plugged::new(&good, json!({})).await;
    let Plugged { class, component } = &plugged;
    let orders = running(class, "orders").await;
    let job = orders.wait_streaming_job().await;
    for (bytes, reason) in [
        (b"<html>404</html>".to_vec(), "NotAComponent"),
        (guest("trap-describe"), "DescribeFailed"),
        (guest("wasi"), "ForbiddenImports"),
    ] {
        component.put(&bytes).await;
        let words = ["good 1.0.0", "stays in service"];
        let status = class.wait_plugin_trouble(reason, &words).await;
        assert_eq!(status["digest"], digest(&good));
    }
    let items = running(class, "items").await;
    assert_eq!(shape(&items.wait_streaming_job().await), Some("good"));
    items.wait_condition("PluginHealthy", "True", &[]).await;
    orders.wait_condition("UpToDate", "True", &[]).await;
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());

    let better = labelling("better");
    plugged.replace(&better).await;
    orders.wait_condition("UpToDate", "False", &[]).await;
    class.assert_clean().await;
}

#[tokio::test]
async fn grants_that_are_taken_away_are_not_used_by_what_stays_in_service() {
    let placing = arcane_guests::Builder::new("placing")
        .grants(&["placement"])
        .render(arcane_guests::Render::Patch(
            json!([{"op": "add", "path": "/spec/template/spec/nodeSelector", "value": {"a": "b"}}])
                .to_string()
                .into_bytes(),
        ))
        .build()
        .unwrap();
    let grants = json!({"grants": {"placement": true}});
    let Plugged { class, component } = Plugged::new(&placing, grants).await;
    running(&class, "orders").await;
    // Its class cannot tell whether what it would be is any good.
    component.put(b"<html>404</html>").await;
    class.wait_plugin_trouble("NotAComponent", &[]).await;
    class
        .change_class(json!({"plugin": {"grants": null}}))
        .await;
    until("nothing to be in service", async || {
        let status = class.wait_plugin_trouble("NotAComponent", &[]).await;
        ensure!(status.is_null(), "{status}");
        Ok(())
    })
    .await;
    let items = class.create("items", arcane_e2e::Definition::v2()).await;
    items
        .wait_condition("Error", "True", &["not in service"])
        .await;
    assert_eq!(items.job().await, None);
}

#[tokio::test]
async fn a_class_that_drops_its_plugin_has_jobs_as_the_template_says() {
    let patch = json!([{"op": "replace", "path": "/spec/backoffLimit", "value": 7}]);
    let plugged = Plugged::new(&patching("retrying", &patch), json!({})).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let job = orders.wait_streaming_job().await;
    assert_eq!(job.spec.as_ref().unwrap().backoff_limit, Some(7));
    class.change_class(json!({"plugin": null})).await;
    orders.wait_condition("UpToDate", "False", &[]).await;
    until("the class to say nothing of plugins", async || {
        let class = class.classes().get(class.class()).await?;
        let status = json!(class.status).to_string();
        ensure!(!status.to_lowercase().contains("plugin"), "{status}");
        Ok(())
    })
    .await;
    orders.delete_job().await;
    let next = orders.wait_job_after(&job).await;
    assert_eq!(next.spec.unwrap().backoff_limit, Some(0));
    let status = orders.status().await;
    assert!(!status.to_string().contains("Plugin"), "{status}");
}
