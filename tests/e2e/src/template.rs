//! Templates that tests change.

use anyhow::{Context, Result, ensure};
use arcane_cluster::wait::{LOOK_EVERY, within_looking};
use arcane_contract::api::StreamingJobTemplate;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::act::{DEADLINE, act};
use crate::platform::operator_logs;
use crate::plugin::Plugin;

/// Changes a template by a merge patch of its Job, and waits until the operator knows.
///
/// # Panics
/// With the caller's place, when it cannot be changed or no operator hears of it.
#[track_caller]
pub fn change_template(
    plugin: &Plugin<'_>,
    name: &'static str,
    job: Value,
) -> impl Future<Output = ()> {
    act(format!("change the template {name}"), async move {
        let templates = plugin.api::<StreamingJobTemplate>();
        let patch = Patch::Merge(json!({"spec": job}));
        let changed = templates
            .patch(name, &PatchParams::default(), &patch)
            .await?;
        known(plugin, &changed).await
    })
}

/// Replaces a template's Job, and waits until the operator knows.
///
/// # Panics
/// With the caller's place, when it cannot be replaced or no operator hears of it.
#[track_caller]
pub fn replace_template(
    plugin: &Plugin<'_>,
    name: &'static str,
    job: Value,
) -> impl Future<Output = ()> {
    act(format!("replace the template {name}"), async move {
        let templates = plugin.api::<StreamingJobTemplate>();
        let mut template = templates.get(name).await?;
        template.spec.0 = job;
        let replaced = templates
            .replace(name, &PostParams::default(), &template)
            .await?;
        known(plugin, &replaced).await
    })
}

/// Creates a template, and waits until the operator knows.
///
/// # Panics
/// With the caller's place, when it cannot be created or no operator hears of it.
#[track_caller]
pub fn create_template(
    plugin: &Plugin<'_>,
    name: &'static str,
    job: Value,
) -> impl Future<Output = ()> {
    act(format!("create the template {name}"), async move {
        let template = serde_json::from_value(json!({
            "apiVersion": "streaming.sneaksanddata.com/v1",
            "kind": "StreamingJobTemplate",
            "metadata": {"name": name},
            "spec": job,
        }))?;
        let templates = plugin.api::<StreamingJobTemplate>();
        let created = templates.create(&PostParams::default(), &template).await?;
        known(plugin, &created).await
    })
}

/// Waits until the operator knows this version of a template: its watches are not in step with each
/// other, and what a test does next may overtake the change.
async fn known(plugin: &Plugin<'_>, template: &StreamingJobTemplate) -> Result<()> {
    let version = template.resource_version().context("no version")?.parse()?;
    let key = format!("{}/{}", plugin.namespace(), template.name_any());
    within_looking(DEADLINE, LOOK_EVERY, async || {
        let is_heard = hears(plugin, &key, version)?;
        ensure!(is_heard, "no operator logs that it knows version {version}");
        Ok(())
    })
    .await
}

fn hears(plugin: &Plugin<'_>, key: &str, version: u64) -> Result<bool> {
    for log in operator_logs(plugin.cluster()) {
        let text = std::fs::read_to_string(log)?;
        let is_heard = text
            .lines()
            .filter(|line| line.contains(HEARD) && line.contains(key))
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .any(|line| line["template"] == key && line["version"] == version);
        if is_heard {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the operator logs when its cache has a template, at level debug.
const HEARD: &str = "the template is known";
