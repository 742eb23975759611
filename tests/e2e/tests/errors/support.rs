//! What several tests need.

use anyhow::{Context, Result, ensure};
use arcane_contract::api::StreamingJobTemplate;
use arcane_e2e::{Definition, Plugin, Stream, act, until};
use k8s_openapi::api::batch::v1::Job;
use kube::api::DeleteParams;
use serde_json::{Value, json};

/// Template of streaming Jobs in every test's namespace.
pub const STREAMING: &str = "sample-streaming";
/// Template of backfill Jobs in every test's namespace.
pub const BACKFILL: &str = "sample-backfill";

/// A stream that streams, without a backfill before: it was created suspended.
pub async fn running<'p>(plugin: &'p Plugin<'_>, name: &str, definition: Definition) -> Stream<'p> {
    let stream = plugin.create(name, definition.suspended()).await;
    stream.wait_phase("Suspended").await;
    stream.resume().await;
    stream.wait_phase("Running").await;
    stream
}

/// Waits until the stream tells of a problem in these words: by an event of this reason, by the
/// condition `Error`, which clients know, and by `Reconciled`. Asserts that it is told once.
#[track_caller]
pub fn wait_problem(
    stream: &Stream<'_>,
    reason: &str,
    words: &[&str],
) -> impl Future<Output = String> {
    let caller = std::panic::Location::caller();
    let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let told = until(
        format!("{} to tell of {reason} {words:?}", stream.name()),
        {
            let words = words.clone();
            async move || {
                let status = stream.status().await;
                for (kind, expected) in [("Error", "True"), ("Reconciled", "False")] {
                    let condition = condition(&status, kind);
                    ensure!(condition["status"] == expected, "{status}");
                    let message = condition["message"].as_str().unwrap_or_default();
                    ensure!(words.iter().all(|word| message.contains(word)), "{message}");
                }
                Ok(())
            }
        },
    );
    async move {
        told.await;
        let note = stream.wait_event(reason).await;
        assert!(
            words.iter().all(|word| note.contains(word)),
            "{caller}: {reason} tells {note:?}, and not {words:?}"
        );
        let headline = format!("Warning {reason}");
        let events = stream.events().await;
        let times = events.iter().filter(|event| **event == headline).count();
        assert_eq!(times, 1, "{caller}: told once: {events:?}");
        note
    }
}

/// Waits until no problem stands on the stream any more.
#[track_caller]
pub fn wait_healed(stream: &Stream<'_>, phase: &str) -> impl Future<Output = ()> {
    let phase = phase.to_owned();
    stream.wait_status(format!("{phase} and no problem"), move |status| {
        status["phase"] == phase.as_str()
            && condition(status, "Error").is_null()
            && condition(status, "Reconciled")["status"] == "True"
    })
}

/// The condition of this type; null if there is none.
pub fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    conditions
        .find(|condition| condition["type"] == kind)
        .unwrap_or(&Value::Null)
}

/// Takes a template away and returns its Job.
#[track_caller]
pub fn remove_template(plugin: &Plugin<'_>, name: &'static str) -> impl Future<Output = Value> {
    act(format!("remove the template {name}"), async move {
        let templates = plugin.api::<StreamingJobTemplate>();
        let template = templates.get(name).await?;
        templates.delete(name, &DeleteParams::default()).await?;
        Ok(template.spec.0)
    })
}

/// The containers of a Job's pod, as a template says them.
pub fn containers(containers: Value) -> Value {
    json!({"spec": {"template": {"spec": {"containers": containers}}}})
}

/// Asserts that the very Job goes on, with its pod alive.
pub async fn assert_goes_on(plugin: &Plugin<'_>, stream: &Stream<'_>, job: &Job) -> Result<()> {
    let now = stream.job().await.context("the Job is gone")?;
    assert_eq!(now.metadata.uid, job.metadata.uid);
    assert_eq!(now.metadata.deletion_timestamp, None);
    let pods = plugin.pods();
    let running = pods.wait_running(plugin.namespace(), stream.name()).await?;
    assert_eq!(running.len(), 1);
    Ok(())
}
