//! The streams that everything happens to.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use arcane_cluster::wait::within;
use arcane_contract::api::{BackfillRequest, StreamingJobTemplate};
use arcane_e2e::{Component, Definition, Platform, Plugin, quick_backfill};
use arcane_guests::{Builder, Render};
use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

/// Time for everything to come to what is asked for, once nothing happens any more. Attempts that
/// failed wait for a minute at most here.
const SETTLED_WITHIN: Duration = Duration::from_secs(180);

/// Streams of two classes, one of which has a plugin.
pub struct Field<'a> {
    plain: Plugin<'a>,
    shaped: Plugin<'a>,
    component: Component,
    streams: u32,
    version: AtomicU32,
}

/// A place for a stream: there may be one at times.
#[derive(Clone, Copy)]
pub struct Slot<'f> {
    pub plugin: &'f Plugin<'f>,
    pub number: u32,
}

impl Slot<'_> {
    pub fn name(self) -> String {
        format!("stream-{}", self.number)
    }

    /// The definition, as it is made.
    pub fn definition(self) -> DynamicObject {
        let mut object = DynamicObject::new(&self.name(), self.plugin.kind());
        object.data = json!({"spec": Definition::v2().spec()});
        object
    }
}

impl<'a> Field<'a> {
    pub async fn plant(platform: &Platform<'a>, streams: u32) -> Result<Self> {
        let values = |plugin: Value| {
            json!({
                "plugin": plugin,
                "podAnnotations": quick_backfill(),
            })
        };
        let component = Component::create(platform.cluster(), &shaping(0)?).await;
        let plain = platform.plugin(&values(json!({}))).await?;
        let shaped = platform.plugin(&values(component.spec(&json!({})))).await?;
        plain.wait_ready().await;
        shaped.wait_ready().await;
        Ok(Self {
            plain,
            shaped,
            component,
            streams,
            version: AtomicU32::new(0),
        })
    }

    pub fn slot(&self, number: u32) -> Slot<'_> {
        let plugin = if number.is_multiple_of(2) {
            &self.plain
        } else {
            &self.shaped
        };
        Slot { plugin, number }
    }

    pub fn len(&self) -> u32 {
        self.streams
    }

    /// Puts another version of the plugin into service.
    pub async fn swap_plugin(&self) -> Result<()> {
        self.component.put(&shaping(self.next())?).await;
        Ok(())
    }

    /// Changes what streaming Jobs are made from.
    pub async fn change_template(&self) -> Result<()> {
        let label = json!({"example.com/version": self.next().to_string()});
        let patch = Patch::Merge(json!({"spec": {"metadata": {"labels": label}}}));
        let templates = self.plain.api::<StreamingJobTemplate>();
        let params = PatchParams::default();
        templates.patch("sample-streaming", &params, &patch).await?;
        Ok(())
    }

    fn next(&self) -> u32 {
        self.version.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Asks for every stream to run, and waits until all do and no request is open.
    pub async fn settle(&self) -> Result<()> {
        for number in 0..self.streams {
            let slot = self.slot(number);
            let definitions = slot.plugin.definitions();
            if definitions.get_opt(&slot.name()).await?.is_none() {
                let params = PostParams::default();
                definitions.create(&params, &slot.definition()).await?;
            }
        }
        within(SETTLED_WITHIN, async || {
            let mut restless = Vec::new();
            for plugin in [&self.plain, &self.shaped] {
                restless.extend(self.restless(plugin).await?);
            }
            ensure!(
                restless.is_empty(),
                "{} are not at rest: {restless:#?}",
                restless.len()
            );
            Ok(())
        })
        .await
    }

    /// What is not as it should be in the end. Failed streams are suspended, suspended ones resumed.
    async fn restless(&self, plugin: &Plugin<'_>) -> Result<Vec<String>> {
        let all = ListParams::default();
        let mut restless = Vec::new();
        for definition in plugin.definitions().list(&all).await? {
            let status = &definition.data["status"];
            let phase = status["phase"].as_str().unwrap_or_default();
            let is_suspended = definition.data["spec"]["execution"]["suspended"] == true;
            match phase {
                "Failed" if !is_suspended => suspend(plugin, &definition, true).await?,
                "Suspended" if is_suspended => suspend(plugin, &definition, false).await?,
                "Running" if !is_suspended => continue,
                _ => {}
            }
            restless.push(format!("{}: {phase} {status}", definition.name_any()));
        }
        let open = all.fields("spec.completed=false");
        for request in plugin.api::<BackfillRequest>().list(&open).await? {
            restless.push(format!(
                "{} is open: {:?}",
                request.name_any(),
                request.status
            ));
        }
        Ok(restless)
    }
}

async fn suspend(plugin: &Plugin<'_>, definition: &DynamicObject, suspended: bool) -> Result<()> {
    let patch = Patch::Merge(json!({"spec": {"execution": {"suspended": suspended}}}));
    let definitions = plugin.definitions();
    let params = PatchParams::default();
    definitions
        .patch(&definition.name_any(), &params, &patch)
        .await?;
    Ok(())
}

/// A plugin that labels Jobs with its version.
fn shaping(version: u32) -> Result<Vec<u8>> {
    let patch = json!([{
        "op": "add",
        "path": "/metadata/labels/example.com~1shaped",
        "value": version.to_string(),
    }]);
    let render = Render::Patch(patch.to_string().into_bytes());
    Builder::new(&format!("shaping-{version}"))
        .render(render)
        .build()
}
