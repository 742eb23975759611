//! Jobs have the shape that the class's plugin gives them.

use arcane_e2e::{Definition, digest, sample, shared, until};
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::support::{Plugged, SHAPED, guest, labelling, running, shape};

/// Annotation of a Job that a plugin has changed.
const PLUGIN: &str = "arcane.sneaksanddata.com/plugin";

#[tokio::test]
async fn a_plugin_from_a_config_map_shapes_the_jobs_of_every_mode() {
    let bytes = labelling("one");
    let Plugged { class, .. } = Plugged::new(&bytes, json!({})).await;
    let mark = format!("one 1.0.0 sha256:{}", digest(&bytes));

    let orders = class.create("orders", Definition::v2()).await;
    orders.wait_phase("Backfilling").await;
    let job = orders.wait_job("a Job", |_| true).await;
    assert_eq!(job.labels()["arcane/backfilling"], "true");
    assert_eq!(
        (shape(&job), &job.annotations()[PLUGIN]),
        (Some("one"), &mark)
    );
    orders.finish_job().await;
    orders.wait_phase("Running").await;
    let job = orders.wait_streaming_job().await;
    assert_eq!(
        (shape(&job), &job.annotations()[PLUGIN]),
        (Some("one"), &mark)
    );

    let nightly = class
        .create("nightly", Definition::v2_batch("0 0 1 1 *"))
        .await;
    nightly.wait_phase("Scheduled").await;
    let cron_job = nightly.wait_cron_job("a CronJob", |_| true).await;
    let template = cron_job.spec.job_template.metadata.unwrap();
    assert_eq!(template.labels.unwrap()[SHAPED], "one");

    for stream in [&orders, &nightly] {
        stream
            .wait_condition("PluginHealthy", "True", &["answers"])
            .await;
        stream.wait_condition("UpToDate", "True", &[]).await;
    }
    class.assert_clean().await;
}

#[tokio::test]
async fn a_class_says_what_is_in_service_for_what() {
    let bytes = guest("everything");
    let Plugged { class, .. } = Plugged::new(&bytes, json!({})).await;
    let status = class.wait_in_service(&bytes).await.status.unwrap();
    let plugin = json!(status.plugin);
    let hooks = [
        "render",
        "stream-created",
        "backfill-requested",
        "schema-changed",
        "spec-changed",
        "job-failed",
        "job-completed",
        "tick",
    ];
    let mut named: Vec<_> = plugin["hooks"].as_array().unwrap().clone();
    let mut expected = hooks.map(Value::from).to_vec();
    named.sort_by_key(Value::to_string);
    expected.sort_by_key(Value::to_string);
    assert_eq!(named, expected);
    assert_eq!(plugin["name"], "everything");
    assert_eq!(plugin["version"], "1.0.0");
    assert_eq!(plugin["digest"], digest(&bytes));
    let conditions = json!(status.conditions);
    let message = conditions[1]["message"].as_str().unwrap();
    assert!(
        message.contains(&digest(&bytes)) && message.contains("job-failed"),
        "{message}"
    );
}

#[tokio::test]
async fn a_plugin_that_changes_nothing_leaves_jobs_as_the_template_has_them() {
    let Plugged { class, .. } = Plugged::new(&guest("whole-job"), json!({})).await;
    let stream = running(&class, "orders").await;
    let job = stream.wait_streaming_job().await;
    let plain = running(&sample().await.unwrap(), "orders")
        .await
        .wait_streaming_job()
        .await;
    assert_eq!(job.annotations().get(PLUGIN), None);
    let containers = |job| {
        let mut job: Value = serde_json::to_value::<k8s_openapi::api::batch::v1::Job>(job).unwrap();
        let mut containers = job["spec"]["template"]["spec"]["containers"].take();
        containers[0]["env"].take();
        containers
    };
    assert_eq!(containers(job), containers(plain));
    class.assert_clean().await;
}

#[tokio::test]
async fn a_class_without_a_plugin_says_nothing_of_plugins_and_asks_none() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, "orders").await;
    let status = orders.status().await;
    assert!(!status.to_string().contains("Plugin"), "{status}");
    let class = sample.classes().get(sample.class()).await.unwrap();
    let status = json!(class.status);
    assert!(!status.to_string().contains("Plugin"), "{status}");
    let metrics = shared().await.unwrap().operator.metrics().await.unwrap();
    let asked = metrics
        .lines()
        .find(|line| line.contains("plugin_") && line.contains("class=\"sample\""));
    assert_eq!(asked, None);
}

#[tokio::test]
async fn lines_that_a_plugin_logs_are_attributed_and_cannot_pose_as_others() {
    let Plugged { class, .. } = Plugged::new(&guest("log-control"), json!({})).await;
    let stream = running(&class, "orders").await;
    let operator = &shared().await.unwrap().operator;
    let line = until("the plugin's line in the log", async || {
        let log = std::fs::read_to_string(operator.log())?;
        let line = log
            .lines()
            .find(|line| line.contains("faked line") && line.contains(class.namespace()));
        let line = line.map(str::to_owned);
        line.ok_or_else(|| anyhow::anyhow!("no such line"))
    })
    .await;
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["plugin"], "log-control");
    assert_eq!(line["hook"], "render");
    assert_eq!(line["span"]["class"], class.class());
    assert_eq!(line["span"]["stream"], stream.name());
    let message = line["message"].as_str().unwrap();
    assert!(message.starts_with("plugin: "), "{message}");
    assert!(!message.chars().any(char::is_control), "{message:?}");
}
