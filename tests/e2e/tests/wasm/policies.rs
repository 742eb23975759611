//! What becomes of streams whose plugin gives no answer.

use arcane_e2e::{Definition, Stream};
use arcane_guests::{Builder, Decide, Deed, Render};
use kube::ResourceExt;
use serde_json::json;

use crate::support::{Plugged, guest, labelling, patching, running, shape};

/// Starts streams, so that the plugin has something to fail at.
async fn create_many<'p>(class: &'p arcane_e2e::Plugin<'_>) -> Vec<Stream<'p>> {
    let mut streams = Vec::new();
    for number in 0..6 {
        let definition = Definition::v2().suspended();
        let stream = class.create(&format!("s{number}"), definition).await;
        stream.wait_phase("Suspended").await;
        stream.resume().await;
        streams.push(stream);
    }
    streams
}

#[tokio::test]
async fn with_policy_fail_nothing_new_is_started_and_what_runs_goes_on() {
    let plugged = Plugged::new(&labelling("good"), json!({"failurePolicy": "Fail"})).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let job = orders.wait_streaming_job().await;

    plugged.replace(&guest("trap")).await;
    let words = ["plugin trap 1.0.0", "render", class.class()];
    orders.wait_condition("Error", "True", &words).await;
    orders
        .wait_condition("PluginHealthy", "False", &words)
        .await;
    let items = class.create("items", Definition::v2()).await;
    items.wait_condition("Error", "True", &words).await;
    let note = items.wait_event("PluginFailed").await;
    assert!(words.iter().all(|word| note.contains(word)), "{note}");
    assert_eq!(items.job().await, None);
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());
    assert_eq!(orders.status().await["phase"], "Running");

    plugged.replace(&labelling("good")).await;
    items.wait_phase("Backfilling").await;
    items.wait_condition("PluginHealthy", "True", &[]).await;
    orders.wait_condition("PluginHealthy", "True", &[]).await;
    orders.wait_condition("UpToDate", "True", &[]).await;
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());
    class.assert_clean().await;
}

#[tokio::test]
async fn with_policy_use_template_the_template_stands_in_and_nothing_is_restarted() {
    let policy = json!({"failurePolicy": "UseTemplate"});
    let values = json!({"restartPolicy": {"type": "Rolling", "rolling": {"maxUnavailable": 1}}});
    let plugged = Plugged::with(&labelling("good"), policy, values).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let job = orders.wait_streaming_job().await;
    let nightly = class
        .create("nightly", Definition::v2_batch("0 0 1 1 *"))
        .await;
    nightly.wait_phase("Scheduled").await;
    let cron_job = nightly.wait_cron_job("a CronJob", |_| true).await;

    plugged.replace(&guest("trap")).await;
    let words = ["plugin trap 1.0.0", "template's defaults apply"];
    for stream in [&orders, &nightly] {
        stream
            .wait_condition("PluginHealthy", "False", &words)
            .await;
    }
    let items = running(class, "items").await;
    let plain = items.wait_streaming_job().await;
    assert_eq!(shape(&plain), None);
    items.wait_condition("PluginHealthy", "False", &words).await;
    let note = items.wait_event("PluginFailed").await;
    assert!(words.iter().all(|word| note.contains(word)), "{note}");
    // What the plugin has shaped in better times stays as it is.
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());
    let same = nightly.wait_cron_job("a CronJob", |_| true).await;
    assert_eq!(same.resource_version(), cron_job.resource_version());

    plugged.replace(&labelling("good")).await;
    let shaped = items.wait_job_after(&plain).await;
    assert_eq!(shape(&shaped), Some("good"));
    items.wait_condition("PluginHealthy", "True", &[]).await;
    orders.wait_condition("PluginHealthy", "True", &[]).await;
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());
    class.assert_clean().await;
}

fn failing_to_decide() -> Vec<u8> {
    Builder::new("undecided")
        .decide_after(vec![Deed::Trap], Decide::Default)
        .build()
        .unwrap()
}

#[tokio::test]
async fn with_policy_fail_a_backfill_waits_for_the_decision_and_what_runs_goes_on() {
    let plugged = Plugged::new(&guest("unchanged"), json!({"failurePolicy": "Fail"})).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let job = orders.wait_streaming_job().await;
    plugged.replace(&failing_to_decide()).await;
    let request = orders.request_backfill(None).await;
    let words = ["plugin undecided 1.0.0", "backfill-requested"];
    orders
        .wait_condition("PluginHealthy", "False", &words)
        .await;
    let items = class.create("items", Definition::v2()).await;
    items
        .wait_condition(
            "Error",
            "True",
            &["plugin undecided 1.0.0", "stream-created"],
        )
        .await;
    assert_eq!(items.job().await, None);
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());
    assert_eq!(orders.status().await["phase"], "Running");

    plugged.replace(&guest("unchanged")).await;
    orders.wait_backfill_job(&request).await;
    items.wait_phase("Backfilling").await;
    class.assert_clean().await;
}

#[tokio::test]
async fn with_policy_use_template_no_decision_is_the_default_one() {
    let policy = json!({"failurePolicy": "UseTemplate"});
    let Plugged { class, .. } = Plugged::new(&failing_to_decide(), policy).await;
    let orders = class.create("orders", Definition::v2()).await;
    orders.wait_phase("Backfilling").await;
    orders
        .wait_condition("PluginHealthy", "False", &["plugin undecided 1.0.0"])
        .await;
    orders.finish_job().await;
    orders.wait_phase("Running").await;
    orders.fail_job(1, "").await;
    orders.wait_phase("Failed").await;
    class.assert_clean().await;
}

#[tokio::test]
async fn a_plugin_that_keeps_failing_is_left_alone_until_a_good_version_comes() {
    let plugged = Plugged::new(&guest("trap"), json!({})).await;
    let class = &plugged.class;
    let streams = create_many(class).await;
    let words = ["trap 1.0.0", "keeps failing"];
    class.wait_plugin_trouble("PluginFailing", &words).await;
    for stream in &streams {
        stream.wait_condition("PluginHealthy", "False", &[]).await;
        assert_eq!(stream.job().await, None);
    }
    plugged.replace(&labelling("good")).await;
    for stream in &streams {
        stream.wait_phase("Running").await;
        let job = stream.wait_streaming_job().await;
        assert_eq!(shape(&job), Some("good"));
    }
    class.assert_clean().await;
}

#[tokio::test]
async fn a_plugin_that_gives_up_on_its_own_is_asked_on() {
    let Plugged { class, .. } = Plugged::new(&guest("gives-up"), json!({})).await;
    for stream in create_many(&class).await {
        let words = ["plugin gives-up 1.0.0", "no size for this table"];
        let message = stream.wait_condition("Error", "True", &words).await;
        assert!(!message.chars().any(char::is_control), "{message:?}");
    }
    class.wait_in_service(&guest("gives-up")).await;
}

/// A patch that the guard rails let through and the API server does not.
fn impossible() -> Vec<u8> {
    let patch = json!([{"op": "replace", "path": "/spec/backoffLimit", "value": -1}]);
    patching("impossible", &patch)
}

#[tokio::test]
async fn with_policy_fail_a_job_that_the_api_server_refuses_is_told_with_plugin_and_field() {
    let plugged = Plugged::new(&impossible(), json!({"failurePolicy": "Fail"})).await;
    let class = &plugged.class;
    let orders = class.create("orders", Definition::v2()).await;
    let words = ["plugin impossible 1.0.0", "spec.backoffLimit"];
    orders.wait_condition("Error", "True", &words).await;
    let note = orders.wait_event("PluginAnswerRefused").await;
    assert!(words.iter().all(|word| note.contains(word)), "{note}");
    assert_eq!(orders.job().await, None);
    plugged.replace(&guest("unchanged")).await;
    orders.wait_phase("Backfilling").await;
    orders.wait_condition("PluginHealthy", "True", &[]).await;
}

#[tokio::test]
async fn with_policy_use_template_a_job_that_the_api_server_refuses_is_made_from_the_template() {
    let policy = json!({"failurePolicy": "UseTemplate"});
    let Plugged { class, .. } = Plugged::new(&impossible(), policy).await;
    let orders = running(&class, "orders").await;
    let job = orders.wait_streaming_job().await;
    assert_eq!(job.spec.as_ref().unwrap().backoff_limit, Some(0));
    let words = ["plugin impossible 1.0.0", "spec.backoffLimit"];
    orders
        .wait_condition("PluginHealthy", "False", &words)
        .await;
    let note = orders.wait_event("PluginAnswerRefused").await;
    assert!(note.contains("template's defaults apply"), "{note}");
}

#[tokio::test]
async fn a_running_job_is_not_given_up_for_one_that_the_api_server_refuses() {
    let values = json!({"restartPolicy": {"type": "Rolling", "rolling": {"maxUnavailable": 1}}});
    let plugged = Plugged::with(&labelling("good"), json!({}), values).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    orders.wait_pod_runs().await;
    let job = orders.wait_streaming_job().await;
    plugged.replace(&impossible()).await;
    let words = ["plugin impossible 1.0.0", "spec.backoffLimit"];
    orders.wait_condition("Error", "True", &words).await;
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());
    plugged.replace(&labelling("good")).await;
    orders.wait_condition("UpToDate", "True", &[]).await;
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());
}

#[tokio::test]
async fn an_answer_beyond_the_rails_is_refused_as_a_whole() {
    let patch = json!([
        {"op": "add", "path": "/metadata/labels/example.com~1shaped", "value": "half"},
        {"op": "add", "path": "/spec/template/spec/hostNetwork", "value": true},
    ]);
    let bytes = Builder::new("half")
        .render(Render::Patch(patch.to_string().into_bytes()))
        .build()
        .unwrap();
    let policy = json!({"failurePolicy": "UseTemplate"});
    let Plugged { class, .. } = Plugged::new(&bytes, policy).await;
    let job = running(&class, "orders").await.wait_streaming_job().await;
    assert_eq!(shape(&job), None);
    let pod = job.spec.unwrap().template.spec.unwrap();
    assert_eq!(pod.host_network, None);
}
