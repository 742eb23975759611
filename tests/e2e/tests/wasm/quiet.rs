//! An operator whose streams are as they should be asks no plugin anything.

use arcane_e2e::{Definition, OPERATOR_USER, Own, STOPPED_WITHIN, sum, until, wait_looked};
use arcane_guests::{Builder, Decide, Render, Tick};
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;

use crate::support::Plugged;

const STREAMS: u32 = 50;
const DAY: u64 = 86_400;

/// A plugin that wants to be asked about everything.
fn curious() -> Vec<u8> {
    let patch =
        json!([{"op": "add", "path": "/metadata/labels/example.com~1shaped", "value": "x"}]);
    Builder::new("curious")
        .render(Render::Patch(patch.to_string().into_bytes()))
        .decide(Decide::Default)
        .tick(Tick::In(DAY))
        .build()
        .unwrap()
}

#[tokio::test]
async fn settled_streams_ask_nothing_and_a_restart_of_the_operator_writes_nothing() {
    let own = Own::cluster().await.unwrap();
    let platform = own.platform().await.unwrap();
    let operator = platform.start_operator().await.unwrap();
    let values = json!({"podAnnotations": {"test/backfill-outcome": "succeed"}});
    let Plugged { class, .. } = Plugged::on(&platform, &curious(), json!({}), values).await;
    let created = (0..STREAMS).map(|number| {
        let name = format!("stream-{number}");
        let class = &class;
        async move { class.create(&name, Definition::v2()).await }
    });
    futures::future::join_all(created).await;
    until("every stream to stream", async || {
        let definitions = class.definitions().list(&ListParams::default()).await?;
        let phases = definitions.iter().map(|it| &it.data["status"]["phase"]);
        let running = phases.filter(|phase| *phase == "Running").count();
        anyhow::ensure!(u32::try_from(running)? == STREAMS, "{running} run");
        Ok(())
    })
    .await;
    let each = f64::from(STREAMS);
    wait_looked(&operator, class.class(), STREAMS, each).await;
    let calls = async || {
        let metrics = operator.metrics().await.unwrap();
        sum(&metrics, "arcane_plugin_calls_total", "").unwrap_or_default()
    };
    let looks = async || {
        let metrics = operator.metrics().await.unwrap();
        let of_class = format!("class=\"{}\"", class.class());
        sum(&metrics, "arcane_reconciles_total", &of_class).unwrap_or_default()
    };
    let before = calls().await;
    assert!(before >= 3.0 * each, "{before}");

    // Everything is looked at again, several times, with nothing new that a plugin is told of: as
    // when all is applied again.
    const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
    for round in 0..3 {
        let seen = looks().await;
        for number in 0..STREAMS {
            let annotations = json!({APPLIED: round.to_string()});
            let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
            let name = format!("stream-{number}");
            class
                .definitions()
                .patch(&name, &PatchParams::default(), &patch)
                .await
                .unwrap();
        }
        wait_looked(&operator, class.class(), STREAMS, seen + each).await;
    }
    assert_eq!(calls().await.to_string(), before.to_string());

    let uids = async || {
        let jobs = class
            .api::<Job>()
            .list(&ListParams::default())
            .await
            .unwrap();
        let mut uids: Vec<_> = jobs.iter().map(ResourceExt::uid).collect();
        uids.sort();
        uids
    };
    let running = uids().await;
    operator.stop(STOPPED_WITHIN).await.unwrap();
    let mark = platform.cluster().audit().mark().await.unwrap();
    let operator = platform.start_operator().await.unwrap();
    wait_looked(&operator, class.class(), STREAMS, each).await;
    class.wait_in_service(&curious()).await;
    let record = platform.cluster().audit().since(mark).await.unwrap();
    let writes = record.by_user(OPERATOR_USER).writes().except(&["leases"]);
    assert!(writes.is_empty(), "{:?}", writes.counts());
    assert_eq!(uids().await, running);
    operator.stop(STOPPED_WITHIN).await.unwrap();
}
