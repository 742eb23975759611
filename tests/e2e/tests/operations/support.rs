//! What several tests need.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcane_cluster::eventually;
use arcane_contract::api::StreamClass;
use arcane_e2e::{Definition, Plugin, Stream, act, until};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

/// A stream that streams, without a backfill before: it was created suspended.
pub async fn running<'p>(plugin: &'p Plugin<'_>, name: &str) -> Stream<'p> {
    let stream = plugin.create(name, Definition::v2().suspended()).await;
    stream.wait_phase("Suspended").await;
    stream.resume().await;
    stream.wait_phase("Running").await;
    stream
}

/// Longer than a hundred streams take on a busy machine.
const LONG: Duration = Duration::from_secs(150);

/// Waits until as many streams are in `phase`.
pub async fn wait_all(plugin: &Plugin<'_>, phase: &str, count: usize) {
    eventually(&format!("all streams to be {phase}"), LONG, async || {
        let definitions = plugin.definitions().list(&ListParams::default()).await?;
        let there = definitions
            .iter()
            .filter(|definition| definition.data["status"]["phase"] == phase)
            .count();
        ensure!(there == count, "{there} of {count}");
        Ok(())
    })
    .await;
}

/// The condition of this type; null if there is none.
pub fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    conditions
        .find(|condition| condition["type"] == kind)
        .unwrap_or(&Value::Null)
}

/// A StreamClass that is watched by a test.
pub struct Class {
    name: String,
    client: Client,
}

impl Class {
    /// The class of this name, whether it exists or not.
    pub fn new(client: Client, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            client,
        }
    }

    /// The plugin's class.
    pub fn of(plugin: &Plugin<'_>) -> Result<Self> {
        Ok(Self::new(plugin.cluster().client()?, plugin.class()))
    }

    /// Waits until the class is in `phase`, for this reason and in these words.
    #[track_caller]
    pub fn wait(&self, phase: &str, reason: &str, words: &[&str]) -> impl Future<Output = ()> {
        let what = format!("class {} to be {phase}: {reason} {words:?}", self.name);
        until(what, async move || {
            let class = Api::<StreamClass>::all(self.client.clone())
                .get(&self.name)
                .await?;
            let status = serde_json::to_value(&class.status)?;
            let ready = condition(&status, "Ready");
            let is_ready = if phase == "Ready" { "True" } else { "False" };
            ensure!(status["phase"] == phase, "{status}");
            ensure!(ready["status"] == is_ready, "{status}");
            ensure!(ready["reason"] == reason, "{status}");
            let generation = json!(class.metadata.generation);
            ensure!(ready["observedGeneration"] == generation, "{status}");
            let message = ready["message"].as_str().unwrap_or_default();
            ensure!(words.iter().all(|word| message.contains(word)), "{message}");
            Ok(())
        })
    }

    /// Waits until the class is served.
    #[track_caller]
    pub fn wait_ready(&self) -> impl Future<Output = ()> {
        self.wait("Ready", "Serving", &[])
    }

    /// Waits until these are the events of the class, in this order: `<type> <reason>`.
    #[track_caller]
    pub fn wait_events(&self, expected: &[&str]) -> impl Future<Output = ()> {
        let what = format!("events {expected:?} of class {}", self.name);
        until(what, async move || {
            // Events about cluster-wide objects are in this namespace.
            let events: Api<Event> = Api::namespaced(self.client.clone(), "default");
            let of_class = ListParams::default().fields(&format!("regarding.name={}", self.name));
            let mut events = events.list(&of_class).await?.items;
            events.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
            let events: Vec<String> = events
                .iter()
                .map(|event| {
                    let text = |field: &Option<String>| field.clone().unwrap_or_default();
                    format!("{} {}", text(&event.type_), text(&event.reason))
                })
                .collect();
            ensure!(events == expected, "{events:?}");
            Ok(())
        })
    }

    /// Changes the class's `spec` by a merge patch.
    #[track_caller]
    pub fn patch_spec(&self, patch: Value) -> impl Future<Output = ()> {
        act(format!("change class {}", self.name), async move {
            let patch = Patch::Merge(json!({"spec": patch}));
            Api::<StreamClass>::all(self.client.clone())
                .patch(&self.name, &PatchParams::default(), &patch)
                .await?;
            Ok(())
        })
    }
}

/// uids of the Jobs of these streams, which all have one.
pub async fn job_uids(streams: &[&Stream<'_>]) -> Result<Vec<String>> {
    let mut uids = Vec::new();
    for stream in streams {
        let job = stream.job().await.context("a stream without its Job")?;
        ensure!(
            job.metadata.deletion_timestamp.is_none(),
            "{} is being deleted",
            stream.name()
        );
        uids.push(job.uid().context("no uid")?);
    }
    Ok(uids)
}
