//! What the tests share.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use arcane_plugins::{
    Context, HostSettings, Mode, Plugin, PluginHost, PluginSettings, Request, StreamDefinition,
};
use serde_json::{Value, json};

/// A host that tests share which change nothing about it.
pub fn host() -> &'static PluginHost {
    static HOST: LazyLock<PluginHost> = LazyLock::new(|| PluginHost::new(settings()).unwrap());
    &HOST
}

/// Settings that leave time for a busy machine.
pub fn settings() -> HostSettings {
    HostSettings {
        call_wait: Duration::from_secs(120),
        ..HostSettings::default()
    }
}

/// The settings of a class whose plugins have plenty of time.
pub fn patient() -> PluginSettings {
    PluginSettings {
        timeout: Duration::from_secs(60),
        ..PluginSettings::default()
    }
}

/// The settings of a class whose plugins may have so much memory, in bytes.
pub fn roomy(memory_limit: usize) -> PluginSettings {
    PluginSettings {
        memory_limit,
        ..patient()
    }
}

/// The settings of a class whose plugins have next to no time.
pub fn hasty() -> PluginSettings {
    PluginSettings {
        timeout: Duration::from_millis(50),
        ..PluginSettings::default()
    }
}

/// A guest's component.
pub fn bytes(name: &str) -> Vec<u8> {
    arcane_guests::guest(name).unwrap().bytes
}

/// A guest in service, with plenty of time.
pub fn load(name: &str) -> Plugin {
    load_with(name, patient())
}

/// A guest in service.
pub fn load_with(name: &str, settings: PluginSettings) -> Plugin {
    host()
        .load(&bytes(name), settings)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A question about a stream that has something of everything.
pub fn context() -> Context {
    Context {
        class: "orders-class".into(),
        stream: StreamDefinition {
            namespace: "data".into(),
            name: "orders".into(),
            kind: "ParquetStream".into(),
            layout: "v2".into(),
            labels: BTreeMap::from([("tenant".into(), "acme".into())]),
            annotations: BTreeMap::from([("note".into(), "größer".into())]),
            spec: "{\"a\":1}".into(),
        },
        mode: Mode::Streaming,
        request: Some(Request {
            name: "again".into(),
            payload: Some("{\"from\":1}".into()),
        }),
        attempt: 3,
        last_failure: None,
    }
}

/// A Job as the host renders them.
pub fn job() -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "orders",
            "namespace": "data",
            "labels": {
                "arcane/stream-id": "orders",
                "arcane/stream-kind": "ParquetStream",
                "arcane/backfilling": "false",
            },
            "annotations": {"configuration-hash": "abc"},
            "ownerReferences": [{
                "apiVersion": "streaming.sneaksanddata.com/v1",
                "kind": "ParquetStream",
                "name": "orders",
                "uid": "u-1",
                "controller": true,
            }],
        },
        "spec": {
            "backoffLimit": 3,
            "template": {
                "metadata": {"labels": {"arcane/stream-id": "orders"}},
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{
                        "name": "main",
                        "image": "registry.example.com/stream:1.0",
                        "env": [
                            {"name": "STREAMCONTEXT__STREAM_ID", "value": "orders"},
                            {"name": "STREAMCONTEXT__SPEC", "value": "{\"a\":1}"},
                        ],
                        "resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}},
                    }],
                },
            },
        },
    })
}
