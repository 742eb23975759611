//! The way back: what the operator leaves is what the existing one would have made itself.

use anyhow::{Context, Result};
use arcane_e2e::{Definition, Plugin, Stream};
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::bed::{leave, settled, streams, take_over};
use crate::peer::{self, Run};

const SCHEDULE: &str = "0 4 * * *";

/// A stream that streams, without a backfill before.
async fn running<'p>(plugin: &'p Plugin<'_>, name: &str, definition: &Definition) -> Stream<'p> {
    let stream = plugin.create(name, definition.clone().suspended()).await;
    settled(&stream, "Suspended").await;
    stream.resume().await;
    settled(&stream, "Running").await;
    stream
}

/// Where `actual` is not what the existing operator would have made. What the API server adds to
/// an object is no difference, and neither is what the existing operator does not look at.
fn differences(path: &str, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (field, expected) in expected {
                let actual = actual.get(field).unwrap_or(&Value::Null);
                differences(&format!("{path}.{field}"), expected, actual, found);
            }
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                differences(&format!("{path}[{index}]"), expected, actual, found);
            }
        }
        _ if expected == actual => {}
        _ => found.push(format!("{path}: {expected} expected, {actual} found")),
    }
}

#[track_caller]
fn assert_is(expected: &Value, actual: &Value) {
    let mut found = Vec::new();
    differences("", expected, actual, &mut found);
    assert_eq!(found, Vec::<String>::new());
    assert!(actual["metadata"]["finalizers"].is_null(), "{actual}");
}

/// A Job stays long enough for its outcome to be seen.
fn but_for_ttl(mut expected: Value, spec: &str) -> Value {
    let spec = expected.pointer_mut(spec).and_then(Value::as_object_mut);
    spec.map(|spec| spec.remove("ttlSecondsAfterFinished"));
    expected
}

/// The status of a stream: its phase, the hash of what runs, and of the conditions that the
/// existing operator writes the one that stands. Its reason is lost: the published kinds drop it.
async fn assert_status(stream: &Stream<'_>, phase: &str, hash: Option<&str>, condition: &str) {
    let status = stream.status().await;
    assert_eq!(status["phase"], phase);
    if let Some(hash) = hash {
        assert_eq!(status["configurationHash"], hash, "{status}");
    }
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let theirs: Vec<_> = conditions
        .filter(|condition| {
            let kind = condition["type"].as_str().unwrap_or_default();
            ["Warning", "Ready", "Error"].contains(&kind)
        })
        .collect();
    let [only] = theirs[..] else {
        panic!("{}: {theirs:?}", stream.name());
    };
    assert_eq!(only["type"], condition, "{}", stream.name());
    assert_eq!(only["status"], "True", "{}", stream.name());
}

#[tokio::test]
async fn what_is_left_in_every_phase_is_what_the_existing_operator_would_have_made() -> Result<()> {
    let plugin = streams().await?;
    take_over(&plugin).await;
    let definition = Definition::v2().field("ratio", json!(0.5));
    let batch = Definition::v2_batch(SCHEDULE);
    let backfilling = plugin.create("backfilling", definition.clone()).await;
    let scheduled = plugin.create("scheduled", batch.clone()).await;
    let suspended = running(&plugin, "suspended", &definition).await;
    suspended.suspend().await;
    let failed = running(&plugin, "failed", &definition).await;
    plugin
        .api::<Job>()
        .patch(
            failed.name(),
            &PatchParams::default(),
            // Published templates have its pods tried again, for more than a minute.
            &Patch::Merge(json!({"spec": {"backoffLimit": 0}})),
        )
        .await?;
    failed.fail_job(3, "out of luck").await;
    let streaming = running(&plugin, "streaming", &definition).await;
    settled(&backfilling, "Backfilling").await;
    settled(&scheduled, "Scheduled").await;
    settled(&suspended, "Suspended").await;
    failed.wait_phase("Failed").await;
    for stream in [&suspended, &failed] {
        stream.wait_no_job().await;
    }
    let before = plugin.writes().await;
    leave(&plugin).await;

    let hash = peer::hash(&definition);
    let job = streaming.job().await.context("no Job")?;
    let expected = peer::job_of(&plugin, &streaming, &definition, Run::Streaming);
    assert_is(&but_for_ttl(expected, "/spec"), &json!(job));
    assert_status(&streaming, "Running", Some(&hash), "Ready").await;

    let requests = backfilling.requests().await;
    let [request] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert_eq!(request.spec.stream_id, backfilling.name());
    assert_eq!(request.spec.stream_class, plugin.class());
    assert!(!request.spec.completed);
    let run = Run::Backfill(&request.name_any());
    let job = backfilling.job().await.context("no Job")?;
    let expected = peer::job_of(&plugin, &backfilling, &definition, run);
    assert_is(&but_for_ttl(expected, "/spec"), &json!(job));
    let both = peer::backfill_hash(&plugin, &backfilling, &definition);
    assert_status(&backfilling, "Backfilling", Some(&both), "Ready").await;

    let cron_job = scheduled.cron_job().await.context("no CronJob")?;
    let mut expected = peer::cron_job_of(&plugin, &scheduled, &batch, SCHEDULE);
    // It leaves class and stream empty there; with both, the stream knows whose run it is.
    let overriding = "/spec/jobTemplate/spec/template/spec/containers/0/env/5";
    let overriding = expected.pointer_mut(overriding).context("no variable")?;
    assert_eq!(overriding["name"], "STREAMCONTEXT__OVERRIDE");
    *overriding = json!({"name": "STREAMCONTEXT__OVERRIDE"});
    assert_is(
        &but_for_ttl(expected, "/spec/jobTemplate/spec"),
        &json!(cron_job),
    );
    let batch_hash = peer::hash(&batch);
    assert_status(&scheduled, "Scheduled", Some(&batch_hash), "Ready").await;

    assert_status(&suspended, "Suspended", None, "Warning").await;
    assert_status(&failed, "Failed", None, "Error").await;
    for (stream, spec) in [
        (&streaming, definition.spec()),
        (&backfilling, definition.spec()),
        (&scheduled, batch.spec()),
        (&suspended, definition.clone().suspended().spec()),
        (&failed, definition.spec()),
    ] {
        let now = plugin.definitions().get(stream.name()).await?;
        assert_eq!(now.data["spec"], spec, "the spec is the user's");
        assert_eq!(now.metadata.finalizers, None);
    }

    // And as nothing of it is changed by the existing operator, the way forth touches nothing.
    take_over(&plugin).await;
    for stream in [&streaming, &backfilling, &scheduled, &suspended] {
        let phase = stream.status().await["phase"].clone();
        settled(stream, phase.as_str().context("no phase")?).await;
    }
    assert_eq!(plugin.writes().await, before);
    plugin.assert_clean().await;
    Ok(())
}
