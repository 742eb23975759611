//! The question that plugins are asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arcane_contract::api::PluginGrants;
use arcane_contract::render::{self, Settings, Stream};
use arcane_contract::stream::SpecJson;
use arcane_contract::template::JobTemplate;
use arcane_plugins::rails::{Form, Grant};
use arcane_plugins::{Context, Failure, Mode, Request, StreamDefinition, Trigger};
use serde_json::{Value, json};

/// A Job as the operator renders it, from a template that has a little of everything.
pub fn job() -> anyhow::Result<Value> {
    let spec = SpecJson::new(&json!({"query": "select '$(REGION)'"}));
    let template = JobTemplate::parse("platform", "standard", &template())?;
    let stream = Stream {
        api_version: "streaming.sneaksanddata.com/v1",
        kind: "SqlServerStream",
        namespace: "sales",
        name: "orders",
        uid: "3f1c5a52-6f2e-4bb4-9b0b-0f6a2f6f2d11",
        spec: &spec,
        restart: None,
        retry: None,
        class: "sqlserver",
        secret_refs: &[],
    };
    let settings = Settings {
        minimum_job_ttl_seconds: 3600,
    };
    Ok(render::streaming_job(&stream, &template, &settings)?
        .job()
        .value)
}

/// What a plugin is told beside the Job, with `spec` as the stream's spec.
pub fn context(spec: Arc<str>) -> Context {
    Context {
        class: "sqlserver".into(),
        stream: StreamDefinition {
            namespace: "sales".into(),
            name: "orders".into(),
            kind: "SqlServerStream".into(),
            layout: "v2".into(),
            labels: BTreeMap::from([("team".into(), "sales".into())]),
            annotations: BTreeMap::new(),
            spec,
        },
        mode: Mode::Backfill,
        request: Some(Request {
            name: "again".into(),
            payload: Some("{\"from\":1}".into()),
        }),
        attempt: 1,
        last_failure: None,
    }
}

/// Every trigger.
pub fn triggers() -> [Trigger; 7] {
    [
        Trigger::StreamCreated,
        Trigger::BackfillRequested,
        Trigger::SchemaChanged,
        Trigger::SpecChanged {
            previous: Some("{}".into()),
        },
        Trigger::JobFailed(Failure {
            reason: "BackoffLimitExceeded".into(),
            exit_code: Some(137),
            ..Failure::default()
        }),
        Trigger::JobCompleted,
        Trigger::Tick,
    ]
}

/// Everything that a class can grant.
pub fn everything() -> anyhow::Result<PluginGrants> {
    let grants = Grant::ALL.into_iter().map(|grant| {
        let value = match grant.form() {
            Form::Switch => json!(true),
            Form::Names => json!(["**"]),
            Form::Ceilings => json!({"cpu": "64", "memory": "1Ti"}),
        };
        (grant.as_str().to_owned(), value)
    });
    Ok(serde_json::from_value(Value::Object(grants.collect()))?)
}

/// Every grant that a plugin can ask for.
pub fn every_grant() -> BTreeSet<Grant> {
    BTreeSet::from(Grant::ALL)
}

fn template() -> Value {
    json!({
        "metadata": {"labels": {"team": "data"}, "annotations": {"cost-centre": "42"}},
        "spec": {
            "backoffLimit": 3,
            "ttlSecondsAfterFinished": 1,
            "template": {
                "metadata": {"labels": {"tier": "batch"}},
                "spec": {
                    "restartPolicy": "Never",
                    "serviceAccountName": "streams",
                    "automountServiceAccountToken": false,
                    "nodeSelector": {"pool": "streams"},
                    "tolerations": [{"key": "streams", "operator": "Exists"}],
                    "securityContext": {"runAsNonRoot": true, "runAsUser": 1000},
                    "volumes": [
                        {"name": "tls", "secret": {"secretName": "tls"}},
                        {"name": "settings", "configMap": {"name": "stream-defaults"}},
                        {"name": "scratch", "emptyDir": {}},
                    ],
                    "initContainers": [{"name": "prepare", "image": "registry.example.com/prepare:1"}],
                    "containers": [{
                        "name": "main",
                        "image": "registry.example.com/stream:1.4.0",
                        "command": ["stream"],
                        "args": ["--fast"],
                        "env": [
                            {"name": "TENANT", "value": "sales"},
                            {"name": "ZONE", "value": "eu"},
                            {"name": "REGION", "value": "$(ZONE)"},
                            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "database", "key": "password"}}},
                        ],
                        "envFrom": [{"configMapRef": {"name": "shared-settings"}}],
                        "resources": {
                            "limits": {"cpu": "2", "memory": "4Gi"},
                            "requests": {"cpu": "500m", "memory": "2Gi"},
                        },
                        "securityContext": {
                            "allowPrivilegeEscalation": false,
                            "capabilities": {"drop": ["ALL"]},
                        },
                        "volumeMounts": [
                            {"name": "scratch", "mountPath": "/data", "subPathExpr": "$(TENANT)"},
                        ],
                    }],
                },
            },
        },
    })
}
