//! The life of a stream in which all goes well.

use anyhow::{Context, Result};
use arcane_contract::names;
use kube::api::{Patch, PatchParams};
use serde_json::{Map, json};

use super::Scene;
use crate::seen::Run;
use crate::streams;

pub async fn creation(scene: &mut Scene<'_>) -> Result<()> {
    let mark = scene.story.mark();
    let cast = [
        ("orders", streams::v0("orders"), "layout v0"),
        ("customers", streams::v1("customers"), "layout v1"),
        ("payments", streams::v2("payments"), "layout v2"),
    ];
    for (name, spec, what) in cast.clone() {
        scene.create(name, spec, what).await?;
    }
    for (name, _, layout) in cast {
        let story = scene.story;
        let facts = story.until(mark, name, "backfilled and running", |facts| {
            facts.is("Running")
                && facts.streams()
                && facts.told("BackfillCompleted")
                && facts.completed(None)
        });
        let facts = facts.await?;
        story.check(
            &format!("{name} ({layout}) was backfilled once and is streaming"),
            facts.jobs() == (1, 1) && facts.told("StreamCreated"),
        )?;
    }
    Ok(())
}

pub async fn backfill(scene: &mut Scene<'_>) -> Result<()> {
    let (story, mark) = (scene.story, scene.story.mark());
    let payload = Map::from_iter([("from".to_owned(), json!("2026-01-01"))]);
    scene
        .request("orders", "orders-again", Some(payload))
        .await?;
    let facts = story.until(mark, "orders", "backfilled and running again", |facts| {
        facts.is("Running")
            && facts.streams()
            && facts.completed(Some("orders-again"))
            && facts.told("BackfillCompleted")
    });
    let facts = facts.await?;
    let order = facts.runs().into_iter().find_map(|run| match run {
        Run::Backfill { order, .. } => Some(order.clone()),
        Run::Streaming => None,
    });
    let order = order.context("no backfill Job was seen")?;
    story.check(
        &format!("one backfill Job, told {order}"),
        facts.jobs() == (1, 1) && order.contains(r#""payload":{"from":"2026-01-01"}"#),
    )
}

pub async fn schema_change(scene: &mut Scene<'_>) -> Result<()> {
    let (story, mark) = (scene.story, scene.story.mark());
    let state = names::ANNOTATIONS_STATE[0];
    story.does(
        "customers",
        &format!("annotates its Job {state}: schema-mismatch, and exits with 0"),
    );
    let patch = json!({"metadata": {"annotations": {state: names::STATE_SCHEMA_MISMATCH}}});
    let patch = Patch::Merge(patch);
    scene
        .jobs
        .patch("customers", &PatchParams::default(), &patch)
        .await?;
    scene.runs.succeed("customers").await?;
    let facts = story.until(mark, "customers", "backfilled and running again", |facts| {
        facts.is("Running")
            && facts.streams()
            && facts.completed(None)
            && facts.told("BackfillCompleted")
    });
    let facts = facts.await?;
    let requests = facts.runs().into_iter().filter_map(|run| match run {
        Run::Backfill { request, .. } => Some(request.clone()),
        Run::Streaming => None,
    });
    let requests: Vec<_> = requests.collect();
    story.check(
        "the operator asked for one backfill itself, ran it, and streaming goes on",
        facts.jobs() == (1, 1) && requests[0].starts_with("customers-schema-backfill-"),
    )
}
