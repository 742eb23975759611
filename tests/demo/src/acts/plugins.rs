//! The class's plugin shapes Jobs and decides on backfills, within bounds.

use anyhow::{Context, Result};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::PodSpec;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::Scene;
use crate::seen::Run;
use crate::shop::{Shop, another_version};
use crate::{stage, streams};

pub async fn right_size(scene: &mut Scene<'_>) -> Result<()> {
    let (story, mark) = (scene.story, scene.story.mark());
    story.does("you", "build right-size from example-plugins, and ship it");
    let component = Shop::build("right-size").await?;
    scene.shop.ship("right-size", component).await?;
    let config = json!({
        "size": [{"spec": "/source/expectedBytes"}],
        "tiers": [
            {"name": "small", "upTo": "1Gi", "streaming": {"memory": "64Mi"}},
            {"name": "large", "streaming": {"memory": "160Mi"}, "backfill": {"memory": "256Mi"}},
        ],
        "outOfMemory": {"delaySeconds": 1},
    });
    let grants = json!({"grants": {"resources": {"memory": "512Mi"}}});
    scene.shop.name("right-size", config, grants).await?;
    let mut spec = streams::v2("shipments");
    spec["source"]["expectedBytes"] = json!("20Gi");
    scene.create("shipments", spec, "a table of 20Gi").await?;
    let backfilling = story.until(mark, "shipments", "backfilling", |facts| {
        facts.is("Backfilling") && facts.jobs().1 == 1
    });
    backfilling.await?;
    let backfill = memory(&scene.jobs.get("shipments").await?);
    scene.reaches(mark, "shipments", "Running").await?;
    let streaming = memory(&scene.jobs.get("shipments").await?);
    story.check(
        "one template, and the backfill has 256Mi, the stream 160Mi",
        backfill.as_deref() == Some("256Mi") && streaming.as_deref() == Some("160Mi"),
    )?;
    let mark = story.mark();
    story.does("shipments", "is killed for want of memory: exits with 137");
    scene.runs.fail("shipments", 137, "").await?;
    let restarted = story.until(mark, "shipments", "restarted", |facts| {
        facts.told("RestartScheduled") && facts.streams() && facts.is("Running")
    });
    restarted.await?;
    let grown = memory(&scene.jobs.get("shipments").await?);
    story.check(
        "the plugin had it start again with half as much more: 240Mi",
        grown.as_deref() == Some("240Mi"),
    )
}

pub async fn hot_reload(scene: &mut Scene<'_>) -> Result<()> {
    let (story, mark) = (scene.story, scene.story.mark());
    let component = Shop::build("right-size").await?;
    let digest = scene.shop.digest().await?;
    story.does("you", "ship a damaged right-size: half of it is missing");
    let half = component[..component.len() / 2].to_vec();
    scene.shop.ship("right-size", half).await?;
    let said = scene.shop.wait_rejected().await?;
    story.does("class", &said);
    story.check(
        "the damaged one is not taken, and the one before stays in service",
        scene.shop.digest().await? == digest,
    )?;
    story.does("you", "ship a new version");
    let ship = scene.shop.ship("right-size", another_version(component));
    ship.await?;
    scene.shop.wait_replaced(&digest).await?;
    let is_quiet = |stream| story.since(mark, stream).jobs() == (0, 0);
    story.check(
        "the new one is in service, and as its answers are the same, no Job was touched",
        ["orders", "customers", "shipments"]
            .into_iter()
            .all(is_quiet),
    )
}

pub async fn window(scene: &mut Scene<'_>) -> Result<()> {
    let (story, mark) = (scene.story, scene.story.mark());
    let component = Shop::build("backfill-window").await?;
    scene.shop.ship("backfill-window", component).await?;
    let config = json!({"windows": [{"days": [closed_today()?], "from": "01:00", "to": "02:00"}]});
    let name = scene.shop.name("backfill-window", config, json!({}));
    name.await?;
    story.does("you", "have the class name backfill-window, closed today");
    scene.request("customers", "customers-late", None).await?;
    let postponed = story.until(mark, "customers", "postponed", |facts| {
        facts.told("BackfillPostponed")
    });
    let facts = postponed.await?;
    story.check(
        "the backfill waits for its window, and customers goes on streaming",
        facts.jobs() == (0, 0) && !facts.completed(Some("customers-late")),
    )?;
    story.does(
        "you",
        "cannot wait: annotate customers as urgent, ask again",
    );
    let urgent = json!({"metadata": {"annotations": {"backfill-window/urgent": "true"}}});
    let params = PatchParams::default();
    let patch = Patch::Merge(urgent);
    scene
        .definitions
        .patch("customers", &params, &patch)
        .await?;
    let params = DeleteParams::default();
    scene.requests.delete("customers-late", &params).await?;
    scene.request("customers", "customers-urgent", None).await?;
    let done = story.until(mark, "customers", "backfilled and running", |facts| {
        facts.is("Running") && facts.completed(Some("customers-urgent")) && facts.streams()
    });
    let facts = done.await?;
    story.check(
        "the urgent backfill ran at once, and only it",
        facts.jobs() == (1, 1),
    )?;
    story.does("you", "create loaded: annotated, its data is there already");
    let mut loaded = DynamicObject::new("loaded", &stage::kind());
    loaded.data = json!({"spec": streams::v2("loaded")});
    let present = ("backfill-window/data-present".to_owned(), "true".to_owned());
    loaded.metadata.annotations = Some([present].into());
    let params = PostParams::default();
    scene.definitions.create(&params, &loaded).await?;
    let skipped = story.until(mark, "loaded", "streaming", |facts| {
        facts.is("Running") && facts.told("BackfillSkipped") && facts.streams()
    });
    let facts = skipped.await?;
    story.check("loaded streams without a backfill", facts.jobs() == (1, 0))
}

pub async fn placement(scene: &mut Scene<'_>) -> Result<()> {
    let (story, mark) = (scene.story, scene.story.mark());
    let component = Shop::build("placement").await?;
    scene.shop.ship("placement", component).await?;
    let config = json!({
        "tenants": {"finance": {
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "costLabels": {"cost-center": "4711"},
        }},
        "defaultTenant": "finance",
    });
    story.does("you", "have the class name placement, and grant nothing");
    let name = scene.shop.name("placement", config.clone(), json!({}));
    name.await?;
    let stock = scene.create("stock", streams::v2("stock"), "layout v2");
    stock.await?;
    let refused = story.until(mark, "stock", "refused", |facts| {
        facts.told("PluginAnswerRefused")
    });
    let facts = refused.await?;
    story.check(
        "the answer is refused as a whole: which field, and which grant would allow it",
        facts.note("PluginAnswerRefused").is_some_and(|note| {
            note.contains("nodeSelector") && note.contains("spec.plugin.grants.placement")
        }) && facts.jobs() == (0, 0),
    )?;
    story.does("you", "grant placement");
    let grants = json!({"grants": {"placement": true}});
    scene.shop.name("placement", config, grants).await?;
    let running = story.until(mark, "stock", "running", |facts| {
        facts.is("Running") && facts.streams()
    });
    running.await?;
    let job = scene.jobs.get("stock").await?;
    let pod = pod(&job).context("the Job has no pod template")?;
    let selector = pod.node_selector.clone().unwrap_or_default();
    story.check(
        "stock runs where its tenant's nodes are",
        selector.get("kubernetes.io/os").map(String::as_str) == Some("linux"),
    )
}

pub async fn retry(scene: &mut Scene<'_>) -> Result<()> {
    let (story, mark) = (scene.story, scene.story.mark());
    let component = Shop::build("retry-policy").await?;
    scene.shop.ship("retry-policy", component).await?;
    let config = json!({"rules": [
        {"name": "offsets are lost", "message": "offset*out of range", "then": {
            "backfill": {"payload": {"cause": "offsets"}},
        }},
        {"name": "the source is away", "exitCodes": [3], "then": {
            "restart": {"attempts": 3, "delaySeconds": 1},
        }},
    ]});
    story.does("you", "have the class name retry-policy");
    scene.shop.name("retry-policy", config, json!({})).await?;
    let cause = "connection refused";
    story.does("stock", &format!("exits with 3: {cause}"));
    scene.runs.fail("stock", 3, cause).await?;
    let restarted = story.until(mark, "stock", "restarted", |facts| {
        facts.told("RestartScheduled") && facts.streams() && facts.is("Running")
    });
    let facts = restarted.await?;
    story.check(
        "stock was not failed: it was started again after a second",
        facts.jobs() == (1, 0),
    )?;
    let (mark, cause) = (story.mark(), "offset 42 out of range");
    story.does("stock", &format!("exits with 3: {cause}"));
    scene.runs.fail("stock", 3, cause).await?;
    let recovered = story.until(mark, "stock", "backfilled and running", |facts| {
        facts.told("BackfillCompleted") && facts.streams() && facts.is("Running")
    });
    let facts = recovered.await?;
    let was_told = |run: &&Run| matches!(run, Run::Backfill { order, .. } if order.contains(r#""payload":{"cause":"offsets"}"#));
    story.check(
        "lost offsets were followed by a backfill, with the plugin's payload",
        facts.jobs() == (1, 1) && facts.runs().iter().any(was_told),
    )
}

pub async fn endless(scene: &mut Scene<'_>) -> Result<()> {
    let (story, mark) = (scene.story, scene.story.mark());
    let endless = arcane_guests::guest("endless-loop")?.bytes;
    scene.shop.ship("endless", endless).await?;
    let limits = json!({"timeoutMilliseconds": 100, "failurePolicy": "UseTemplate"});
    story.does(
        "you",
        "have the class name a plugin that never ends, with failurePolicy UseTemplate",
    );
    scene.shop.name("endless", json!({}), limits).await?;
    let spec = streams::v2("parcels");
    scene.create("parcels", spec, "layout v2").await?;
    let running = story.until(mark, "parcels", "running", |facts| {
        facts.is("Running") && facts.told("BackfillCompleted") && facts.streams()
    });
    let facts = running.await?;
    let was_told = facts.told("PluginFailed") || facts.told("PluginUnavailable");
    story.check(
        "it was stopped after 100 ms, and parcels runs by the template alone",
        was_told && facts.jobs() == (1, 1),
    )?;
    story.does("you", "have the class name no plugin any more");
    scene.shop.name_none().await
}

fn pod(job: &Job) -> Option<&PodSpec> {
    job.spec.as_ref()?.template.spec.as_ref()
}

/// Memory limit of the Job's container.
fn memory(job: &Job) -> Option<String> {
    let resources = pod(job)?.containers.first()?.resources.as_ref()?;
    Some(resources.limits.as_ref()?.get("memory")?.0.clone())
}

/// A day on which a window does not open today, and has not opened yesterday.
fn closed_today() -> Result<Value> {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let day = today.checked_add(jiff::Span::new().days(3))?;
    Ok(json!(day.strftime("%A").to_string().to_lowercase()))
}
