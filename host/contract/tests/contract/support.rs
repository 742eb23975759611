//! Objects and strategies that several tests share.

use arcane_contract::render::{self, Rendered, Settings, Stream};
use arcane_contract::stream::SpecJson;
use arcane_contract::template::JobTemplate;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// One entry of `vectors.json`, made with Go's own encoder.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vector {
    pub name: String,
    pub spec: String,
    pub request_spec: Option<String>,
    pub canonical: String,
    pub spec_hash: String,
    pub configuration_hash: String,
}

pub fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../vectors.json")).unwrap()
}

/// A template like those that the platform publishes.
pub fn published_template() -> Value {
    json!({
        "metadata": {
            "labels": { "team": "data" },
            "annotations": { "cost-centre": "42" },
        },
        "spec": {
            "backoffLimit": 3,
            "ttlSecondsAfterFinished": 1,
            "podFailurePolicy": {
                "rules": [
                    { "action": "Ignore", "onExitCodes": { "operator": "In", "values": [2] } },
                    {
                        "action": "Ignore",
                        "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }],
                    },
                ],
            },
            "template": {
                "metadata": { "labels": { "azure.workload.identity/use": "true" } },
                "spec": {
                    "restartPolicy": "Never",
                    "serviceAccountName": "streams",
                    "initContainers": [{
                        "name": "proxy",
                        "image": "registry.example/proxy:2",
                        "restartPolicy": "Always",
                    }],
                    "containers": [{
                        "name": "stream",
                        "image": "registry.example/stream:1.4.0",
                        "env": [
                            { "name": "APPLICATION_VERSION", "value": "1.4.0" },
                            { "name": "STREAMCONTEXT__LOG_LEVEL", "value": "info" },
                        ],
                        "envFrom": [{ "configMapRef": { "name": "stream-defaults" } }],
                        "resources": {
                            "limits": { "cpu": "1", "memory": "2Gi" },
                            "requests": { "cpu": "500m", "memory": "1Gi" },
                        },
                    }],
                },
            },
        },
    })
}

pub fn template(spec: &Value) -> JobTemplate {
    JobTemplate::parse("platform", "standard", spec).unwrap()
}

/// A definition's spec with a Secret, an escaped character and a float.
pub fn spec() -> SpecJson {
    SpecJson::new(&json!({
        "suspended": false,
        "jobTemplateRef": { "name": "standard", "namespace": "platform" },
        "backfillJobTemplateRef": { "name": "standard", "namespace": "platform" },
        "connectionStringRef": { "name": "orders-database" },
        "query": "select * from orders where total > 0.5 & paid",
        "ratio": 1.0,
    }))
}

/// The stream of [`spec`].
pub fn stream<'a>(spec: &'a SpecJson, secret_refs: &'a [String]) -> Stream<'a> {
    Stream {
        api_version: "streaming.sneaksanddata.com/v1",
        kind: "SqlServerStream",
        namespace: "sales",
        name: "orders",
        uid: "3f1c5a52-6f2e-4bb4-9b0b-0f6a2f6f2d11",
        spec,
        restart: None,
        retry: None,
        class: "sqlserver-change-tracking",
        secret_refs,
    }
}

/// The three objects that a stream can have, in one go.
pub fn all_three(
    stream: &Stream<'_>,
    template: &JobTemplate,
    settings: &Settings,
) -> [Result<Rendered, render::Error>; 3] {
    [
        render::streaming_job(stream, template, settings),
        render::backfill_job(
            stream,
            template,
            "orders-backfill-7",
            Some(&json!({ "from": "2026-01-01" })),
            settings,
        ),
        render::cron_job(stream, template, "0 4 * * *", Some("Europe/Copenhagen")),
    ]
}

/// The spec of the Job that a manifest is, or makes.
pub fn job_spec(manifest: &Value) -> &Value {
    if manifest["kind"] == "CronJob" {
        &manifest["spec"]["jobTemplate"]["spec"]
    } else {
        &manifest["spec"]
    }
}

/// Names of a container's variables, in order.
pub fn variables(container: &Value) -> Vec<&str> {
    container["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["name"].as_str().unwrap())
        .collect()
}

/// Any JSON that a parser can make.
pub fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[<>&\u{2028}\u{2029}\"\\\\\u{0}-\u{1f}a-zé€🚀]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|fields| Value::from(Map::from_iter(fields))),
        ]
    })
}

/// `base` with one of its values, somewhere, replaced by any JSON.
pub fn vandalised(base: Value) -> impl Strategy<Value = Value> {
    let pointers = pointers(&base);
    (prop::sample::select(pointers), any_json()).prop_map(move |(pointer, replacement)| {
        let mut broken = base.clone();
        *broken.pointer_mut(&pointer).unwrap() = replacement;
        broken
    })
}

/// JSON pointers of every value inside `value`, itself included.
fn pointers(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    let below = children.into_iter().flat_map(|(key, value)| {
        pointers(value)
            .into_iter()
            .map(move |rest| format!("/{key}{rest}"))
    });
    std::iter::once(String::new()).chain(below).collect()
}
