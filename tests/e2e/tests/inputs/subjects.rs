//! The valid objects that everything here is made from.

use arcane_e2e::{Definition, quick_backfill};
use serde_json::{Value, json};

/// Definitions in every layout and with either backend.
pub fn definitions() -> Vec<Value> {
    const SCHEDULE: &str = "0 3 * * *";
    [
        Definition::v0(),
        Definition::v1(),
        Definition::v2(),
        Definition::v1_batch(SCHEDULE),
        Definition::v2_batch(SCHEDULE),
        Definition::v2().batch(SCHEDULE),
    ]
    .into_iter()
    .map(|definition| {
        let database = json!({"host": "db", "port": 5432, "tables": ["a", "b"]});
        json!({"spec": definition.field("database", database).spec()})
    })
    .collect()
}

/// A template with something of everything that a Job can have. Its backfills end by themselves.
pub fn template() -> Value {
    json!({"spec": {
        "metadata": {"labels": {"team": "data"}, "annotations": {"example.com/cost": "low"}},
        "spec": {
            "ttlSecondsAfterFinished": 1,
            "backoffLimit": 0,
            "activeDeadlineSeconds": 3600,
            "podFailurePolicy": {"rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
            ]},
            "template": {
                "metadata": {"annotations": quick_backfill()},
                "spec": {
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": 5,
                    "containers": [{
                        "name": "stream",
                        "image": "sample:1",
                        "args": ["--fast"],
                        "env": [{"name": "MODE", "value": "on"}],
                        "resources": {"limits": {"memory": "64Mi"}},
                    }],
                },
            },
        },
    }})
}

/// A stream that is made from one template alone.
pub fn definition_of(template: &str) -> Value {
    let reference = json!({"name": template});
    let backend = json!({"jobTemplateRef": reference, "backfillJobTemplateRef": reference});
    json!({"spec": {"execution": {
        "layoutVersion": "v2",
        "suspended": false,
        "streamingBackend": {"changeCapture": backend},
    }}})
}

/// A stream that waits for its user before it begins.
pub fn suspended_definition() -> Value {
    json!({"spec": Definition::v2().suspended().spec()})
}

/// A request for a backfill.
pub fn request(class: &str, stream: &str) -> Value {
    json!({"spec": {
        "streamClass": class,
        "streamId": stream,
        "completed": false,
        "payload": {"from": "2026-01-01", "tables": ["a", {"name": "b", "rows": 10}]},
    }})
}

/// A class that serves this kind, with a plugin from this ConfigMap.
pub fn class(kind: &str, plural: &str, component: &str) -> Value {
    json!({"spec": {
        "apiGroupRef": "streaming.sneaksanddata.com",
        "apiVersion": "v1",
        "kindRef": kind,
        "pluralName": plural,
        "secretRefs": ["credentials"],
        "restartPolicy": {"type": "Rolling", "rolling": {"maxUnavailable": "10%"}},
        "plugin": {
            "configMapRef": {"name": component},
            "failurePolicy": "Fail",
            "timeoutMilliseconds": 500,
            "memoryLimit": "32Mi",
            "config": {"threshold": 3, "labels": {"team": "data"}},
            "grants": {
                "images": ["registry.example.com/*"],
                "volumes": ["emptyDir"],
                "placement": true,
                "resources": {"memory": "1Gi"},
            },
        },
    }})
}
