//! What these scenarios share: classes with plugins, and components of all kinds.

use arcane_contract::api::BackfillRequest;
use arcane_contract::names::ANNOTATION_DECISION;
use arcane_e2e::{Component, Definition, Platform, Plugin, Shared, Stream, shared};
use arcane_guests::{Builder, Render};
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use serde_json::{Value, json};

/// A class of the test's own whose plugin comes from a ConfigMap.
pub struct Plugged<'a> {
    /// The class.
    pub class: Plugin<'a>,
    /// Where its plugin comes from.
    pub component: Component,
}

impl Plugged<'static> {
    /// A class with this component in service; `plugin` are more fields of `spec.plugin`.
    pub async fn new(bytes: &[u8], plugin: Value) -> Self {
        Self::with(bytes, plugin, json!({})).await
    }

    /// The same, with more `values` of the class's chart.
    pub async fn with(bytes: &[u8], plugin: Value, values: Value) -> Self {
        let Shared { platform, .. } = shared().await.unwrap();
        Self::on(platform, bytes, plugin, values).await
    }

    /// The same, whether the component can be taken into service or not.
    pub async fn without_waiting(bytes: &[u8], plugin: Value, values: Value) -> Self {
        let Shared { platform, .. } = shared().await.unwrap();
        Self::install(platform, bytes, plugin, values).await
    }
}

impl<'a> Plugged<'a> {
    /// A class with this component in service, on a platform of the test's own.
    pub async fn on(platform: &Platform<'a>, bytes: &[u8], plugin: Value, values: Value) -> Self {
        let plugged = Self::install(platform, bytes, plugin, values).await;
        plugged.class.wait_in_service(bytes).await;
        plugged
    }

    async fn install(
        platform: &Platform<'a>,
        bytes: &[u8],
        plugin: Value,
        mut values: Value,
    ) -> Self {
        let component = Component::create(platform.cluster(), bytes).await;
        values["plugin"] = component.spec(&plugin);
        let class = platform.plugin(&values).await.unwrap();
        class.wait_ready().await;
        Self { class, component }
    }

    /// Puts another component into service.
    pub async fn replace(&self, bytes: &[u8]) {
        self.component.put(bytes).await;
        self.class.wait_in_service(bytes).await;
    }
}

/// A stream that streams, without a backfill before: it was created suspended.
pub async fn running<'p>(class: &'p Plugin<'_>, name: &str) -> Stream<'p> {
    let stream = class.create(name, Definition::v2().suspended()).await;
    stream.wait_phase("Suspended").await;
    stream.resume().await;
    stream.wait_phase("Running").await;
    stream
}

/// The label that plugins of [`labelling`] add.
pub const SHAPED: &str = "example.com/shaped";

/// A plugin that gives every Job the label [`SHAPED`] with this value.
pub fn labelling(value: &str) -> Vec<u8> {
    patching(
        value,
        &json!([{"op": "add", "path": "/metadata/labels/example.com~1shaped", "value": value}]),
    )
}

/// A plugin that makes this patch to every Job.
pub fn patching(name: &str, patch: &Value) -> Vec<u8> {
    let patch = Render::Patch(patch.to_string().into_bytes());
    Builder::new(name).render(patch).build().unwrap()
}

/// The value of [`SHAPED`] that a Job has.
pub fn shape(job: &Job) -> Option<&str> {
    job.labels().get(SHAPED).map(String::as_str)
}

/// The decision that is on record on a request: since it was made, or since then.
pub fn decision(request: &BackfillRequest) -> Value {
    let since = request.status.as_ref().and_then(|it| it.decision.as_ref());
    let made = request.annotations().get(ANNOTATION_DECISION);
    match (since, made) {
        (Some(since), _) => json!(since),
        (None, Some(made)) => serde_json::from_str(made).unwrap(),
        (None, None) => Value::Null,
    }
}

/// A guest by its name in the table of guests.
pub fn guest(name: &str) -> Vec<u8> {
    arcane_guests::guest(name).unwrap().bytes
}
