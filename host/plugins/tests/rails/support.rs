//! A Job as it is given to plugins, and edits of it.

use std::collections::BTreeSet;

use arcane_contract::api::PluginGrants;
use arcane_contract::render::{self, Settings, Stream};
use arcane_contract::stream::SpecJson;
use arcane_contract::template::JobTemplate;
use arcane_plugins::rails::{EffectiveGrants, Form, Grant, Refusal, judge};
use serde_json::{Map, Value, json};

/// A template that has a little of everything.
fn template() -> Value {
    json!({
        "metadata": {
            "labels": {"team": "data"},
            "annotations": {"cost-centre": "42", "arcane/team": "data"},
        },
        "spec": {
            "backoffLimit": 3,
            "activeDeadlineSeconds": 86400,
            "ttlSecondsAfterFinished": 1,
            "template": {
                "metadata": {"labels": {"app.kubernetes.io/part-of": "streams", "tier": "batch"}},
                "spec": {
                    "restartPolicy": "Never",
                    "serviceAccountName": "streams",
                    "automountServiceAccountToken": false,
                    "terminationGracePeriodSeconds": 60,
                    "hostUsers": false,
                    "priorityClassName": "batch",
                    "runtimeClassName": "gvisor",
                    "nodeSelector": {"pool": "streams"},
                    "tolerations": [{"key": "streams", "operator": "Exists"}],
                    "imagePullSecrets": [{"name": "registry"}],
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": 1000,
                        "fsGroup": 2000,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "volumes": [
                        {"name": "tls", "secret": {"secretName": "tls", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                        {"name": "settings", "configMap": {"name": "stream-defaults"}},
                        {"name": "data", "persistentVolumeClaim": {"claimName": "lake"}},
                        {"name": "scratch", "emptyDir": {}},
                        {"name": "identity", "projected": {"sources": [
                            {"serviceAccountToken": {"audience": "vault", "path": "token"}},
                        ]}},
                    ],
                    "initContainers": [
                        {"name": "prepare", "image": "registry.example.com/prepare:1"},
                        {"name": "proxy", "image": "registry.example.com/proxy:2", "restartPolicy": "Always"},
                    ],
                    "containers": [main_container()],
                },
            },
        },
    })
}

/// The container that runs the stream.
fn main_container() -> Value {
    json!({
        "name": "main",
        "image": "registry.example.com/stream:1.4.0",
        "command": ["stream"],
        "args": ["--fast"],
        "env": [
            {"name": "LEVEL", "value": "info"},
            {"name": "TENANT", "value": "sales"},
            {"name": "ZONE", "value": "eu"},
            {"name": "REGION", "value": "$(ZONE)"},
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "database", "key": "password"}}},
            {"name": "TIER", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['tier']"}}},
        ],
        "envFrom": [{"configMapRef": {"name": "shared-settings"}}],
        "ports": [{"name": "metrics", "containerPort": 9090}],
        "resources": {
            "limits": {"cpu": "2", "memory": "4Gi"},
            "requests": {"cpu": "500m", "memory": "2Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "data", "mountPath": "/data", "subPathExpr": "$(TENANT)", "readOnly": true},
            {"name": "scratch", "mountPath": "/tmp"},
            {"name": "data", "mountPath": "/tier", "subPathExpr": "$(TIER)", "readOnly": true},
        ],
        "livenessProbe": {"httpGet": {"path": "/health", "port": 9090}},
    })
}

fn spec() -> SpecJson {
    SpecJson::new(&json!({
        "sourceRef": {"name": "orders-database"},
        // As a shell, or a query of a template language, may have it.
        "query": "select * from orders where region = '$(REGION)'",
    }))
}

fn rendered(render: impl FnOnce(&Stream<'_>, &JobTemplate) -> render::Rendered) -> Value {
    let spec = spec();
    let secret_refs = ["sourceRef".to_owned()];
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
        secret_refs: &secret_refs,
    };
    let template = JobTemplate::parse("platform", "standard", &template()).unwrap();
    render(&stream, &template).manifest
}

/// The Job that streams.
pub fn streaming() -> Value {
    rendered(|stream, template| {
        let settings = Settings {
            minimum_job_ttl_seconds: 3600,
        };
        render::streaming_job(stream, template, &settings).unwrap()
    })
}

/// What a plugin is given of a CronJob.
pub fn scheduled() -> Value {
    let cron_job =
        rendered(|stream, template| render::cron_job(stream, template, "0 4 * * *", None).unwrap());
    cron_job["spec"]["jobTemplate"].clone()
}

/// A change of a Job: the value at a JSON pointer set, what is missing on the way made; or removed.
/// `-` after a list stands for its end, `+` for its beginning.
#[derive(Clone, Debug)]
pub struct Edit {
    pub pointer: String,
    pub value: Option<Value>,
}

/// Sets what stands at `pointer`, from the pod's spec if it does not begin with `/`.
pub fn set(pointer: &str, value: Value) -> Edit {
    Edit {
        pointer: absolute(pointer),
        value: Some(value),
    }
}

/// Removes what stands at `pointer`.
pub fn remove(pointer: &str) -> Edit {
    Edit {
        pointer: absolute(pointer),
        value: None,
    }
}

fn absolute(pointer: &str) -> String {
    if pointer.starts_with('/') {
        pointer.to_owned()
    } else {
        format!("/spec/template/spec/{pointer}")
    }
}

impl Edit {
    /// Changes `job`; nothing where the pointer leads through something else than it thinks.
    pub fn apply(&self, job: &mut Value) {
        let (parent, last) = self.pointer.rsplit_once('/').unwrap();
        let unescaped = |step: &str| step.replace("~1", "/").replace("~0", "~");
        let mut at = job;
        for step in parent.split('/').skip(1).map(unescaped) {
            if at.is_null() {
                *at = Value::Object(Map::new());
            }
            at = match at {
                Value::Object(fields) => fields.entry(step).or_insert(Value::Null),
                Value::Array(entries) => match step
                    .parse()
                    .ok()
                    .and_then(|index: usize| entries.get_mut(index))
                {
                    Some(entry) => entry,
                    None => return,
                },
                _ => return,
            };
        }
        let last = unescaped(last);
        if at.is_null() && self.value.is_some() {
            *at = match last.as_str() {
                "-" | "+" => json!([]),
                _ => json!({}),
            };
        }
        match (at, &self.value) {
            (Value::Object(fields), Some(value)) => {
                fields.insert(last, value.clone());
            }
            (Value::Object(fields), None) => {
                fields.remove(&last);
            }
            (Value::Array(entries), Some(value)) => match (last.as_str(), last.parse::<usize>()) {
                ("-", _) => entries.push(value.clone()),
                ("+", _) => entries.insert(0, value.clone()),
                (_, Ok(index)) if index < entries.len() => entries[index] = value.clone(),
                _ => {}
            },
            (Value::Array(entries), None) => {
                if let Some(index) = last.parse().ok().filter(|index| *index < entries.len()) {
                    entries.remove(index);
                }
            }
            _ => {}
        }
    }
}

/// `job` after an edit.
pub fn edited(job: &Value, edits: &[Edit]) -> Value {
    let mut job = job.clone();
    for edit in edits {
        edit.apply(&mut job);
    }
    job
}

/// What a class grants.
pub fn class(grants: Value) -> PluginGrants {
    serde_json::from_value(grants).unwrap()
}

/// Everything that can be granted.
pub fn everything() -> PluginGrants {
    let grants = Grant::ALL.into_iter().map(|grant| {
        let value = match grant.form() {
            Form::Switch => json!(true),
            Form::Names => json!(["**"]),
            Form::Ceilings => {
                let most = "1Ei";
                json!({"cpu": most, "memory": most, "ephemeral-storage": most, "nvidia.com/gpu": most})
            }
        };
        (grant.as_str().to_owned(), value)
    });
    class(Value::Object(grants.collect()))
}

/// The grants of a plugin that asks for all of them.
pub fn all_asked(grants: &PluginGrants) -> EffectiveGrants {
    EffectiveGrants::of(grants, &BTreeSet::from(Grant::ALL))
}

/// The refusals of `edits` of `job`, for a plugin with nothing but `grants`.
pub fn refusals(job: &Value, edits: &[Edit], grants: &EffectiveGrants) -> Vec<Refusal> {
    let proposed = edited(job, edits);
    assert_ne!(&proposed, job, "{edits:?} changes nothing");
    judge(job, &proposed, grants).err().unwrap_or_default()
}
