//! Components that mean harm, one after the other: each is told, others' streams go on, and the
//! operator is afterwards what it was before.

use anyhow::ensure;
use arcane_cluster::Usage;
use arcane_e2e::{Definition, Own, Plugin, STOPPED_WITHIN, Stream, until};
use arcane_guests::{Expect, Guest, gzip_bomb, zstd_bomb};
use kube::ResourceExt;
use serde_json::json;

use crate::support::{Plugged, guest, labelling, running, shape};

/// What the operator may have kept afterwards: threads that the runtime keeps for a while, and
/// memory that the allocator has not given back.
const MORE_THREADS: u64 = 8;
const MORE_MEMORY: u64 = 64 << 20;

#[tokio::test]
async fn whatever_a_component_does_is_told_and_harms_nobody_else() {
    let own = Own::cluster().await.unwrap();
    let platform = own.platform().await.unwrap();
    let operator = platform.start_operator().await.unwrap();
    let good = labelling("good");
    let settings = json!({"timeoutMilliseconds": 200});
    let plugged = Plugged::on(&platform, &good, settings, json!({})).await;
    let class = &plugged.class;
    let victim = running(class, "victim").await;
    let job = victim.wait_streaming_job().await;
    let others = platform.sample(&json!({})).await.unwrap();
    let other = running(&others, "other").await;
    let other_job = other.wait_streaming_job().await;
    let before = operator.usage().unwrap();

    for (name, bomb) in [("gzip", gzip_bomb(200)), ("zstd", zstd_bomb(200))] {
        plugged.component.put(&bomb.unwrap()).await;
        class.wait_plugin_trouble("PluginUnreadable", &[]).await;
        create_elsewhere(&others, name).await;
    }
    for hostile in arcane_guests::all().unwrap() {
        endure(&plugged, &victim, &hostile).await;
        if hostile.expect != Expect::Answers {
            create_elsewhere(&others, hostile.name).await;
        }
    }
    plugged.replace(&good).await;
    victim.wait_condition("PluginHealthy", "True", &[]).await;
    assert_eq!(victim.wait_streaming_job().await.uid(), job.uid());
    assert_eq!(other.wait_streaming_job().await.uid(), other_job.uid());
    assert_eq!(shape(&job), Some("good"));
    until("the operator to be what it was", async || {
        let now = operator.usage()?;
        ensure!(is_about(&now, &before), "before {before:?}, now {now:?}");
        Ok(())
    })
    .await;
    operator.stop(STOPPED_WITHIN).await.unwrap();
}

fn is_about(now: &Usage, before: &Usage) -> bool {
    now.threads <= before.threads + MORE_THREADS && now.resident <= before.resident + MORE_MEMORY
}

/// Another class's stream is made, and its Job, as if nothing were.
async fn create_elsewhere(others: &Plugin<'_>, name: &str) {
    let stream = others.create(name, Definition::v2()).await;
    stream.wait_phase("Backfilling").await;
    stream.wait_job("a Job", |_| true).await;
}

/// Puts a component in the class's ConfigMap, and sees that what is wrong is told.
async fn endure(plugged: &Plugged<'_>, victim: &Stream<'_>, hostile: &Guest) {
    let Plugged { class, component } = plugged;
    let name = hostile.name;
    component.put(&hostile.bytes).await;
    let asked = match hostile.expect {
        Expect::Answers => {
            class.wait_in_service(&hostile.bytes).await;
            return;
        }
        Expect::LoadFails(reason) => {
            class
                .wait_plugin_trouble(reason, &["stays in service"])
                .await;
            return;
        }
        Expect::RenderFails(_) => "render",
        Expect::DecideFails(_) => "stream-created",
        Expect::TickFails(_) => "tick",
    };
    let plugin = format!("plugin {name} 1.0.0");
    let words = [plugin.as_str(), asked];
    if asked == "stream-created" {
        class.wait_in_service(&hostile.bytes).await;
        let stream = class.create(name, Definition::v2()).await;
        stream.wait_condition("Error", "True", &words).await;
        assert_eq!(stream.job().await, None);
        plugged.replace(&guest("unchanged")).await;
        stream.wait_phase("Backfilling").await;
        stream.delete().await;
    } else {
        victim
            .wait_condition("PluginHealthy", "False", &words)
            .await;
    }
}
