//! The example plugins, each doing its main thing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::ensure;
use arcane_contract::api::{BackfillRequest, Phase};
use arcane_e2e::{
    Definition, Own, STOPPED_WITHIN, digest, environment, shared, sum, until, wait_looked,
};
use arcane_plugin_build::{Options, build_plugin};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{Plugged, decision, running};

const EXAMPLES: [&str; 4] = ["right-size", "backfill-window", "placement", "retry-policy"];

/// The component of an example, in the form that it is shipped in.
async fn example(name: &str) -> Vec<u8> {
    static BUILT: OnceCell<BTreeMap<&str, Vec<u8>>> = OnceCell::const_new();
    let built = BUILT
        .get_or_init(async || tokio::task::spawn_blocking(build).await.unwrap())
        .await;
    built[name].clone()
}

fn build() -> BTreeMap<&'static str, Vec<u8>> {
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let options = Options {
        target_dir: Some(repository.join("target/plugins")),
        quiet: true,
        ..Options::default()
    };
    let build = |name| {
        let project = repository.join("example-plugins").join(name);
        (name, build_plugin(&project, &options).unwrap().component)
    };
    EXAMPLES.map(build).into()
}

fn memory(job: &Job) -> Value {
    let pod = json!(job.spec.as_ref().unwrap().template.spec);
    pod["containers"][0]["resources"]["limits"]["memory"].clone()
}

fn annotation<'a>(job: &'a Job, name: &str) -> Option<&'a str> {
    let name = format!("arcane.sneaksanddata.com/{name}");
    job.annotations().get(&name).map(String::as_str)
}

#[tokio::test]
async fn right_size_gives_a_run_that_was_killed_for_memory_twice_as_much() {
    let config = json!({
        "config": {
            "size": [{"spec": "/expectedBytes"}],
            "tiers": [
                {"name": "small", "upTo": "1Gi", "streaming": {"memory": "256Mi"}},
                {"name": "large", "streaming": {"memory": "1Gi"}, "backfill": {"memory": "2Gi"}},
            ],
            "outOfMemory": {"growPercent": 100, "delaySeconds": 1, "attempts": 2, "maximum": "4Gi"},
        },
        "grants": {"resources": {"cpu": "4", "memory": "4Gi"}},
    });
    let Plugged { class, .. } = Plugged::new(&example("right-size").await, config).await;
    let large = Definition::v2().field("expectedBytes", json!("20Gi"));
    let large = class.create("large", large).await;
    large.wait_phase("Backfilling").await;
    let job = large.wait_job("a Job", |_| true).await;
    assert_eq!(memory(&job), "2Gi");

    let small = Definition::v2()
        .field("expectedBytes", json!(1024))
        .suspended();
    let small = class.create("small", small).await;
    small.wait_phase("Suspended").await;
    small.resume().await;
    let mut job = small.wait_streaming_job().await;
    assert_eq!(
        (memory(&job), annotation(&job, "attempt")),
        (json!("256Mi"), None)
    );
    for (attempt, expected) in [("1", "512Mi"), ("2", "1Gi")] {
        small.fail_job(137, "").await;
        let next = small.wait_job_after(&job).await;
        assert_eq!(annotation(&next, "attempt"), Some(attempt));
        assert_eq!(memory(&next), expected);
        let note = small.wait_event("RestartScheduled").await;
        assert!(note.contains("exit code 137"), "{note}");
        job = next;
    }
    small.fail_job(137, "").await;
    small.wait_phase("Failed").await;
    // Another failure is none of its business.
    large.fail_job(1, "").await;
    large.wait_phase("Failed").await;
}

/// `spec.plugin.config` with a window that opens in two hours.
fn closed_window() -> Value {
    let clock = |hours| {
        let time = Timestamp::now() + SignedDuration::from_hours(hours);
        time.strftime("%H:%M").to_string()
    };
    json!({"config": {"windows": [{"from": clock(2), "to": clock(3)}]}})
}

#[tokio::test]
async fn backfill_window_has_backfills_wait_for_the_window_and_skips_what_is_there() {
    let bytes = example("backfill-window").await;
    let Plugged { class, .. } = Plugged::new(&bytes, closed_window()).await;
    let orders = class.create("orders", Definition::v2()).await;
    // It streams without its first backfill meanwhile.
    orders.wait_phase("Running").await;
    let request = &orders.requests().await[0];
    orders
        .wait_request(&request.name_any(), "its time", |request| {
            let phase = request.status.as_ref().and_then(|status| status.phase);
            phase == Some(Phase::Pending) && decision(request)["until"].is_string()
        })
        .await;

    let loaded = Definition::v2().annotation("backfill-window/data-present", "true");
    let loaded = class.create("loaded", loaded).await;
    loaded.wait_phase("Running").await;
    let skipped = &loaded.requests().await[0];
    loaded
        .wait_request(&skipped.name_any(), "the end", |request| {
            let status = request.status.as_ref();
            status.and_then(|status| status.phase) == Some(Phase::Stopped)
                && json!(status).to_string().contains("data is already there")
        })
        .await;

    let urgent = Definition::v2().annotation("backfill-window/urgent", "true");
    let urgent = class.create("urgent", urgent).await;
    urgent.wait_phase("Backfilling").await;
    class.assert_clean().await;
}

#[tokio::test]
async fn a_postponed_backfill_outlives_the_operator_and_is_not_asked_about_again() {
    let bytes = example("backfill-window").await;
    let own = Own::cluster().await.unwrap();
    let platform = own.platform().await.unwrap();
    let operator = platform.start_operator().await.unwrap();
    let Plugged { class, .. } = Plugged::on(&platform, &bytes, closed_window(), json!({})).await;
    let orders = class.create("orders", Definition::v2()).await;
    orders.wait_phase("Running").await;
    let job = orders.wait_streaming_job().await;
    let request = orders.requests().await[0].name_any();
    let on_record = async || {
        let is_there = |request: &BackfillRequest| decision(request)["until"].is_string();
        decision(&orders.wait_request(&request, "its time", is_there).await)
    };
    let before = on_record().await;
    operator.stop(STOPPED_WITHIN).await.unwrap();

    let operator = platform.start_operator().await.unwrap();
    wait_looked(&operator, class.class(), 1, 1.0).await;
    class.wait_in_service(&bytes).await;
    let metrics = operator.metrics().await.unwrap();
    let asked = sum(
        &metrics,
        "arcane_plugin_calls_total",
        "hook=\"stream-created\"",
    );
    assert!(asked.unwrap_or_default() < 0.5, "{asked:?}");
    assert_eq!(on_record().await, before);
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());
    operator.stop(STOPPED_WITHIN).await.unwrap();
}

#[tokio::test]
async fn placement_is_refused_until_the_class_grants_it() {
    let config = json!({"config": {
        "copyLabels": ["team"],
        "tenants": {"finance": {
            "nodeSelector": {"pool": "finance"},
            "tolerations": [{"key": "dedicated", "value": "finance", "effect": "NoSchedule"}],
            "costLabels": {"cost-center": "4711"},
        }},
    }});
    let bytes = example("placement").await;
    let Plugged { class, .. } = Plugged::new(&bytes, config).await;
    let definition = Definition::v2()
        .label("tenant", "finance")
        .label("team", "ledger");
    let orders = class.create("orders", definition).await;
    let words = [
        "spec.template.spec.nodeSelector",
        "placement",
        "spec.plugin.grants",
    ];
    orders
        .wait_condition("PluginHealthy", "False", &words)
        .await;
    orders.wait_condition("Error", "True", &words).await;
    orders.wait_event("PluginAnswerRefused").await;
    assert_eq!(orders.job().await, None);
    let operator = &shared().await.unwrap().operator;
    let labels = format!("class=\"{}\",grant=\"placement\"", class.class());
    until("the refusal to be counted", async || {
        let metrics = operator.metrics().await?;
        ensure!(sum(&metrics, "arcane_plugin_refusals_total", &labels) > Some(0.5));
        Ok(())
    })
    .await;

    class
        .change_class(json!({"plugin": {"grants": {"placement": true}}}))
        .await;
    class.wait_in_service(&bytes).await;
    orders.wait_phase("Backfilling").await;
    let job = json!(orders.wait_job("a Job", |_| true).await);
    let pod = &job["spec"]["template"];
    assert_eq!(pod["spec"]["nodeSelector"], json!({"pool": "finance"}));
    assert_eq!(pod["spec"]["tolerations"][0]["key"], "dedicated");
    assert_eq!(pod["metadata"]["labels"]["cost-center"], "4711");
    assert_eq!(pod["metadata"]["labels"]["team"], "ledger");
    orders.wait_condition("PluginHealthy", "True", &[]).await;
    class.assert_clean().await;
}

#[tokio::test]
async fn retry_policy_restarts_backfills_or_fails_by_the_cause() {
    let config = json!({"config": {"rules": [
        {"name": "offsets are lost", "exitCodes": [3], "message": "offset*out of range",
         "then": {"backfill": {"payload": {"cause": "offsets"}}}},
        {"name": "bad credentials", "message": "access denied",
         "then": {"fail": {"reason": "renew the Secret"}}},
        {"name": "the source is away", "exitCodes": [75],
         "then": {"restart": {"attempts": 3, "delaySeconds": 1}}},
    ]}});
    let bytes = example("retry-policy").await;
    let Plugged { class, .. } = Plugged::new(&bytes, config).await;
    let orders = running(&class, "orders").await;
    let first = orders.wait_streaming_job().await;
    orders.fail_job(75, "connection refused").await;
    let second = orders.wait_job_after(&first).await;
    assert_eq!(annotation(&second, "attempt"), Some("1"));
    let note = orders.wait_event("RestartScheduled").await;
    assert!(note.contains("the source is away"), "{note}");

    orders.fail_job(3, "offset 17 is out of range").await;
    let backfill = orders.wait_job_after(&second).await;
    let variables = environment(backfill.spec.as_ref().unwrap());
    let over = variables
        .iter()
        .find(|(name, _)| name == "STREAMCONTEXT__OVERRIDE");
    assert!(
        over.unwrap()
            .1
            .ends_with(r#""payload":{"cause":"offsets"}}"#)
    );
    let request = annotation(&backfill, "backfill-request").unwrap();
    assert!(request.contains("-recovery-backfill-"), "{request}");
    orders.finish_job().await;
    orders.wait_completed(request).await;
    orders.wait_phase("Running").await;

    orders.wait_streaming_job().await;
    orders.fail_job(1, "access denied for user stream").await;
    orders.wait_phase("Failed").await;
    let words = ["bad credentials", "renew the Secret", "access denied"];
    orders.wait_condition("Error", "True", &words).await;
    assert_eq!(
        json!(class.wait_in_service(&bytes).await.status)["plugin"]["digest"],
        digest(&bytes)
    );
    class.assert_clean().await;
}
