//! Streams and the templates that they are made from.

use arcane_cluster::Cluster;
use arcane_contract::api::StreamingJobTemplate;
use arcane_e2e::{Definition, Platform, Plugin, Stream, sample};
use futures::future::join_all;
use kube::api::{ObjectMeta, PostParams};
use serde_json::json;

use crate::support::wait_request_phase;

/// As many as it takes for two watches to disagree for a moment.
const STREAMS: usize = 40;

async fn create_with_template<'p>(
    sample: &'p Plugin<'p>,
    original: &StreamingJobTemplate,
    number: usize,
) -> Stream<'p> {
    let name = format!("orders-{number}");
    let template = StreamingJobTemplate {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            ..ObjectMeta::default()
        },
        spec: original.spec.clone(),
    };
    let templates = sample.api::<StreamingJobTemplate>();
    let params = PostParams::default();
    templates.create(&params, &template).await.unwrap();
    let reference = json!({"name": name});
    let definition = Definition::v0().field("backfillJobTemplateRef", reference);
    sample.create(&name, definition).await
}

#[tokio::test]
async fn a_stream_that_comes_in_one_go_with_its_template_is_not_told_that_there_is_none() {
    let cluster = Cluster::start().await.unwrap();
    let platform = Platform::install(&cluster).await.unwrap();
    let mut operator = platform.start_operator().await.unwrap();
    let sample = platform.sample(&json!({})).await.unwrap();
    sample.wait_ready().await;
    let templates = sample.api::<StreamingJobTemplate>();
    let original = templates.get("sample-streaming").await.unwrap();

    // What happens meanwhile reaches the operator all at once, each kind by a watch of its own.
    operator.pause().unwrap();
    let created = (0..STREAMS).map(|number| create_with_template(&sample, &original, number));
    let streams = join_all(created).await;
    operator.resume().unwrap();

    for stream in streams {
        stream.wait_phase("Backfilling").await;
        stream.wait_events(&["Normal StreamCreated"]).await;
    }
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_missing_template_is_asked_for_once_and_its_watch_tells_when_it_comes() {
    let sample = sample().await.unwrap();
    let absent = json!({"name": "absent"});
    let definition = Definition::v0().field("backfillJobTemplateRef", absent);
    let orders = sample.create("orders", definition).await;
    orders.wait_event("TemplateNotFound").await;
    // Another look at the stream.
    let request = orders.request_backfill(None).await;
    wait_request_phase(&orders, &request, "Pending").await;
    let looks = sample.audit().await.count("get", "streamingjobtemplates");
    assert_eq!(looks, 1);

    let templates = sample.api::<StreamingJobTemplate>();
    let mut template = templates.get("sample-backfill").await.unwrap();
    template.metadata = ObjectMeta {
        name: Some("absent".into()),
        ..ObjectMeta::default()
    };
    templates
        .create(&PostParams::default(), &template)
        .await
        .unwrap();
    orders.wait_phase("Backfilling").await;
    sample.assert_clean().await;
}
