//! The acts: what is done, and what must come of it.

mod changes;
mod life;
mod plugins;
mod trouble;

use std::time::Duration;

use anyhow::{Context, Result};
use arcane_contract::api::{BackfillRequest, BackfillRequestSpec};
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::{Map, Value, json};

use crate::shop::Shop;
use crate::stage::{self, NAMESPACE, Runs, Stage};
use crate::story::{Mark, Story};
use crate::streams::CLASS;

/// What there is to act with.
pub struct Scene<'a> {
    stage: &'a mut Stage,
    story: &'a Story,
    runs: Runs,
    definitions: Api<DynamicObject>,
    requests: Api<BackfillRequest>,
    jobs: Api<Job>,
    shop: Shop,
}

/// Plays every act in turn, with a pause between them. Ends with the first that does not go as
/// told.
pub async fn play(stage: &mut Stage, story: &Story, pause: Duration) -> Result<()> {
    let client = stage.client()?;
    let mut scene = Scene {
        runs: stage.runs().await?,
        definitions: Api::namespaced_with(client.clone(), NAMESPACE, &stage::kind()),
        requests: Api::namespaced(client.clone(), NAMESPACE),
        jobs: Api::namespaced(client.clone(), NAMESPACE),
        shop: Shop::new(client, story.patience()),
        stage,
        story,
    };
    for (index, act) in ACTS.into_iter().enumerate() {
        if index > 0 {
            tokio::time::sleep(pause).await;
        }
        let number = index + 1;
        story.heading(number, act.title());
        scene
            .play(act)
            .await
            .with_context(|| format!("act {number} ({}) did not go as told", act.title()))?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Creation,
    Backfill,
    SchemaChange,
    Suspension,
    SpecChange,
    Failure,
    Batch,
    BadDefinition,
    Crash,
    RightSize,
    HotReload,
    Window,
    Placement,
    Retry,
    Endless,
}

const ACTS: [Act; 15] = [
    Act::Creation,
    Act::Backfill,
    Act::SchemaChange,
    Act::Suspension,
    Act::SpecChange,
    Act::Failure,
    Act::Batch,
    Act::BadDefinition,
    Act::Crash,
    Act::RightSize,
    Act::HotReload,
    Act::Window,
    Act::Placement,
    Act::Retry,
    Act::Endless,
];

impl Act {
    fn title(self) -> &'static str {
        match self {
            Act::Creation => "Three streams, one in each layout: created, backfilled, running",
            Act::Backfill => "A backfill on request, with a payload",
            Act::SchemaChange => "The source's schema changes",
            Act::Suspension => "Suspended and resumed",
            Act::SpecChange => "A changed definition",
            Act::Failure => "A failing Job, and the way back",
            Act::Batch => "A batch stream, on a schedule",
            Act::BadDefinition => "A definition that cannot be understood",
            Act::Crash => "The operator crashes in the middle of a backfill",
            Act::RightSize => "A plugin shapes Jobs: memory by size, and more after it ran out",
            Act::HotReload => "The plugin is replaced while streams run",
            Act::Window => "Another one lets backfills wait for their window, or skips them",
            Act::Placement => "What a plugin may do must be granted",
            Act::Retry => "What follows a failed Job is for a plugin to say",
            Act::Endless => "A plugin that never ends",
        }
    }
}

impl Scene<'_> {
    async fn play(&mut self, act: Act) -> Result<()> {
        match act {
            Act::Creation => life::creation(self).await,
            Act::Backfill => life::backfill(self).await,
            Act::SchemaChange => life::schema_change(self).await,
            Act::Suspension => changes::suspension(self).await,
            Act::SpecChange => changes::spec_change(self).await,
            Act::Batch => changes::batch(self).await,
            Act::Failure => trouble::failure(self).await,
            Act::BadDefinition => trouble::bad_definition(self).await,
            Act::Crash => trouble::crash(self).await,
            Act::RightSize => plugins::right_size(self).await,
            Act::HotReload => plugins::hot_reload(self).await,
            Act::Window => plugins::window(self).await,
            Act::Placement => plugins::placement(self).await,
            Act::Retry => plugins::retry(self).await,
            Act::Endless => plugins::endless(self).await,
        }
    }

    /// Creates a definition.
    async fn create(&self, name: &str, spec: Value, what: &str) -> Result<()> {
        self.story.does("you", &format!("create {name}: {what}"));
        let mut definition = DynamicObject::new(name, &stage::kind());
        definition.data = json!({"spec": spec});
        self.definitions
            .create(&PostParams::default(), &definition)
            .await
            .with_context(|| format!("failed to create the stream {name}"))?;
        Ok(())
    }

    /// Changes a definition's `spec` by a merge patch.
    async fn change(&self, name: &str, patch: Value, what: &str) -> Result<()> {
        self.story.does("you", what);
        let patch = Patch::Merge(json!({"spec": patch}));
        self.definitions
            .patch(name, &PatchParams::default(), &patch)
            .await
            .with_context(|| format!("failed to change the stream {name}"))?;
        Ok(())
    }

    /// Suspends or resumes a stream of layout `v1` or `v2`.
    async fn suspend(&self, name: &str, suspended: bool) -> Result<()> {
        let what = if suspended { "suspend" } else { "resume" };
        let patch = json!({"execution": {"suspended": suspended}});
        self.change(name, patch, &format!("{what} {name}")).await
    }

    /// Asks for a backfill.
    async fn request(
        &self,
        stream: &str,
        name: &str,
        payload: Option<Map<String, Value>>,
    ) -> Result<()> {
        let told = payload.clone().map(Value::Object);
        let told = told.map_or(String::new(), |payload| format!(" with payload {payload}"));
        let what = format!("create BackfillRequest {name} for {stream}{told}");
        self.story.does("you", &what);
        let request = BackfillRequest {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            spec: BackfillRequestSpec {
                stream_class: CLASS.to_owned(),
                stream_id: stream.to_owned(),
                completed: false,
                payload,
            },
            status: None,
        };
        self.requests
            .create(&PostParams::default(), &request)
            .await
            .with_context(|| format!("failed to create the backfill request {name}"))?;
        Ok(())
    }

    /// Waits until a stream is in this phase, having changed to it since then.
    async fn reaches(&self, mark: Mark, stream: &str, phase: &str) -> Result<()> {
        let wait = self
            .story
            .until(mark, stream, phase, |facts| facts.is(phase));
        wait.await.map(drop)
    }

    /// The definition's configuration hash, and that of its Job.
    async fn hashes(&self, stream: &str) -> Result<(String, String)> {
        let definition = self.definitions.get(stream).await?;
        let status = definition.data["status"]["configurationHash"].as_str();
        let job = self.jobs.get(stream).await?;
        let job = job
            .annotations()
            .get(arcane_contract::names::ANNOTATION_CONFIGURATION_HASH);
        Ok((
            status.unwrap_or_default().to_owned(),
            job.cloned().unwrap_or_default(),
        ))
    }
}
