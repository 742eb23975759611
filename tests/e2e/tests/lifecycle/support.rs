//! What these scenarios share: a stream that runs, and what its Jobs must look like.

use arcane_contract::{canonical, hash};
use arcane_e2e::{Definition, Plugin, Stream, environment, owner};
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use serde_json::Value;

/// The events of [`running`].
pub const SET_UP: [&str; 2] = ["Normal StreamCreated", "Normal BackfillCompleted"];

/// A stream that has had its first backfill and runs.
pub async fn running<'p>(sample: &'p Plugin<'p>, definition: Definition) -> Stream<'p> {
    let orders = sample.create("orders", definition).await;
    orders.finish_job().await;
    orders.wait_phase("Running").await;
    orders
}

/// Waits until these are all events since the stream ran for the first time.
#[track_caller]
pub fn wait_news<'s, 'p>(
    stream: &'s Stream<'p>,
    news: &[&str],
) -> impl Future<Output = ()> + use<'s, 'p> {
    stream.wait_events(&[&SET_UP[..], news].concat())
}

/// The name of the request that the operator made for the first backfill.
pub async fn initial_request(stream: &Stream<'_>) -> String {
    let requests = stream.requests().await;
    let prefix = format!("{}-initial-backfill-", stream.name());
    let mut names = requests.iter().map(ResourceExt::name_any);
    let found = names.find(|name| name.starts_with(&prefix));
    found.unwrap_or_else(|| panic!("no initial request among {requests:?}"))
}

/// Asserts that the Job streams what the definition says now, and that the status tells so.
pub async fn assert_streams(stream: &Stream<'_>, job: &Job) {
    let spec = canonical::to_string(&stream.get().await.data["spec"]);
    let variables = [
        ("STREAMCONTEXT__STREAM_ID", stream.name()),
        ("STREAMCONTEXT__STREAM_KIND", "SampleStream"),
        ("STREAMCONTEXT__SPEC", &spec),
        ("STREAMCONTEXT__BACKFILL", "false"),
    ];
    assert_runs(stream, job, "false", &variables, &hash::of_spec(&spec)).await;
    let request = job
        .annotations()
        .get("arcane.sneaksanddata.com/backfill-request");
    assert_eq!(request, None);
}

/// Asserts that the Job backfills what the definition says now for `request`, whose spec's JSON is
/// `over`, and that the status tells so.
pub async fn assert_backfills(stream: &Stream<'_>, job: &Job, request: &str, over: &str) {
    let spec = canonical::to_string(&stream.get().await.data["spec"]);
    let variables = [
        ("STREAMCONTEXT__STREAM_ID", stream.name()),
        ("STREAMCONTEXT__STREAM_KIND", "SampleStream"),
        ("STREAMCONTEXT__SPEC", &spec),
        ("STREAMCONTEXT__OVERRIDE", over),
        ("STREAMCONTEXT__BACKFILL", "true"),
        ("STREAMCONTEXT__BACKFILL_ID", request),
    ];
    let hash = hash::of_backfill(&spec, over);
    assert_runs(stream, job, "true", &variables, &hash).await;
    let annotation = &job.annotations()["arcane.sneaksanddata.com/backfill-request"];
    assert_eq!(annotation, request);
}

/// The override of a request without a payload.
pub const NO_PAYLOAD: &str = r#"{"streamClass":"sample","streamId":"orders"}"#;

async fn assert_runs(
    stream: &Stream<'_>,
    job: &Job,
    backfilling: &str,
    variables: &[(&str, &str)],
    hash: &str,
) {
    let spec = job.spec.as_ref().unwrap();
    let found = environment(spec);
    let found: Vec<_> = found
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    assert_eq!(found, variables);

    let labels = job.labels();
    assert_eq!(labels["arcane/stream-id"], stream.name());
    assert_eq!(labels["arcane/stream-kind"], "SampleStream");
    assert_eq!(labels["arcane/backfilling"], backfilling);
    let pod_labels = spec
        .template
        .metadata
        .as_ref()
        .and_then(|it| it.labels.as_ref());
    assert_eq!(pod_labels.unwrap()["arcane/stream-id"], stream.name());

    let definition = [
        "streaming.sneaksanddata.com/v1",
        "SampleStream",
        stream.name(),
    ];
    let [api_version, kind, name, uid] = owner(job).unwrap();
    assert_eq!(([api_version, kind, name], uid), (definition, stream.uid()));

    assert_eq!(job.annotations()["configuration-hash"], hash);
    stream
        .wait_status("the Job's hash", |status| {
            status["configurationHash"] == hash
        })
        .await;
}

/// Waits until the condition that existing clients know is this one.
pub async fn wait_condition(stream: &Stream<'_>, kind: &str, message: &str) {
    let what = format!("condition {kind}: {message}");
    stream
        .wait_status(what, |status| {
            let first = &status["conditions"][0];
            let said = first["message"].as_str().unwrap_or_default();
            first["type"] == kind && first["status"] == "True" && said.ends_with(message)
        })
        .await;
}

/// Waits until a request has this phase.
pub async fn wait_request_phase(stream: &Stream<'_>, request: &str, phase: &str) {
    stream
        .wait_request(request, &format!("phase {phase}"), |request| {
            let status = request.status.as_ref();
            let found = status.and_then(|status| status.phase);
            found.is_some_and(|found| found.as_str() == phase) && !request.spec.completed
        })
        .await;
}

/// How many Jobs the operator has made in the test's namespace.
pub async fn jobs_made(sample: &Plugin<'_>) -> usize {
    let writes = sample.writes().await;
    writes
        .iter()
        .filter(|&write| write == "create jobs")
        .count()
}

/// A change of the definition that no layout knows: the stream's own configuration.
pub fn another_source() -> Value {
    serde_json::json!({"source": "db?schema=s&table=<another>"})
}
