//! The question that is asked: a Job of a given size, as the operator renders it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use arcane_contract::render::{self, Job, Rendered, Settings};
use arcane_contract::stream::SpecJson;
use arcane_contract::template::JobTemplate;
use arcane_plugins::{Context, Mode, PluginSettings, StreamDefinition};
use serde_json::{Value, json};

use super::patient;

const CLASS: &str = "sqlserver";
const KIND: &str = "SqlServerStream";
const NAMESPACE: &str = "sales";
const NAME: &str = "orders";
/// As the operator does by default.
const SETTINGS: Settings = Settings {
    minimum_job_ttl_seconds: 3600,
};

/// What right-size gives to a stream of the sample's size.
const CPU: &str = "500m";
const MEMORY: &str = "2Gi";

/// A stream, its template, and the Job that is made from them.
pub struct Sample {
    spec: SpecJson,
    template: JobTemplate,
    /// What a plugin is told beside the Job.
    pub context: Context,
    /// The Job.
    pub job: Job,
}

impl Sample {
    /// A stream whose Job has `bytes` bytes as JSON text.
    ///
    /// # Errors
    /// There is none so small.
    pub fn of(bytes: usize) -> Result<Self> {
        let mut columns = 0;
        // What a column takes in the Job's text depends on its quotes, which are escaped there.
        while Self::with(columns + 1, 0)?.job.text.len() <= bytes {
            columns += 1;
        }
        let without = Self::with(columns, 0)?.job.text.len();
        let sample = Self::with(columns, bytes.saturating_sub(without))?;
        ensure!(
            sample.job.text.len() == bytes,
            "a Job has at least {without} bytes"
        );
        Ok(sample)
    }

    fn with(columns: usize, comment: usize) -> Result<Self> {
        let columns: Vec<_> = (0..columns)
            .map(|column| json!({"name": format!("column_{column}"), "type": "decimal(38, 6)"}))
            .collect();
        let spec = SpecJson::new(&json!({
            "source": {"table": "orders"},
            "columns": columns,
            "comment": "-".repeat(comment),
        }));
        let template = JobTemplate::parse("platform", "standard", &template())?;
        let context = Context {
            class: CLASS.into(),
            stream: StreamDefinition {
                namespace: NAMESPACE.into(),
                name: NAME.into(),
                kind: KIND.into(),
                layout: "v2".into(),
                labels: BTreeMap::from([("team".into(), "sales".into())]),
                annotations: BTreeMap::from([("right-size/bytes".into(), "50Gi".into())]),
                spec: spec.as_str().into(),
            },
            mode: Mode::Streaming,
            request: None,
            attempt: 0,
            last_failure: None,
        };
        let job = render(&spec, &template)?.job();
        Ok(Self {
            spec,
            template,
            context,
            job,
        })
    }

    /// What the operator does without a plugin: renders the Job, with its hashes.
    pub fn render(&self) -> Result<Rendered> {
        render(&self.spec, &self.template)
    }
}

fn render(spec: &SpecJson, template: &JobTemplate) -> Result<Rendered> {
    let stream = render::Stream {
        api_version: "streaming.sneaksanddata.com/v1",
        kind: KIND,
        namespace: NAMESPACE,
        name: NAME,
        uid: "3f1c5a52-6f2e-4bb4-9b0b-0f6a2f6f2d11",
        spec,
        restart: None,
        retry: None,
        class: CLASS,
        secret_refs: &[],
    };
    Ok(render::streaming_job(&stream, template, &SETTINGS)?)
}

/// Settings of a class whose plugin is right-size.
pub fn settings() -> Result<PluginSettings> {
    Ok(patient(PluginSettings {
        config: config(),
        grants: serde_json::from_value(json!({"resources": {"cpu": "4", "memory": "24Gi"}}))?,
        ..PluginSettings::default()
    }))
}

/// The configuration in the example's own cases.
pub fn config() -> Value {
    json!({
        "size": [
            {"payload": "/expectedBytes"},
            {"annotation": "right-size/bytes"},
            {"spec": "/source/expectedRows", "bytesPerRow": 1024},
        ],
        "tiers": [
            {"name": "small", "upTo": "1Gi", "streaming": {"cpu": "250m", "memory": "512Mi"}},
            {"name": "middle", "upTo": "100Gi",
             "streaming": {"cpu": CPU, "memory": MEMORY},
             "backfill": {"cpu": "2", "memory": "4Gi"}},
            {"name": "large",
             "streaming": {"cpu": "1", "memory": "4Gi"},
             "backfill": {"cpu": "4", "memory": "16Gi"}},
        ],
        "outOfMemory": {"maximum": "24Gi"},
    })
}

/// The same change as right-size makes, natively: reads the Job, changes it, writes it.
pub fn natively(text: &str) -> Result<String> {
    let mut job: Value = serde_json::from_str(text)?;
    let container = job
        .pointer_mut("/spec/template/spec/containers/0")
        .context("the Job has no container")?;
    let resources = &mut container["resources"];
    resources["requests"]["cpu"] = CPU.into();
    resources["requests"]["memory"] = MEMORY.into();
    resources["limits"]["memory"] = MEMORY.into();
    Ok(job.to_string())
}

fn template() -> Value {
    json!({
        "metadata": {"labels": {"team": "data"}, "annotations": {"cost-centre": "42"}},
        "spec": {
            "backoffLimit": 3,
            "ttlSecondsAfterFinished": 1,
            "template": {
                "metadata": {"labels": {"app.kubernetes.io/part-of": "streams"}},
                "spec": {
                    "restartPolicy": "Never",
                    "serviceAccountName": "streams",
                    "securityContext": {"runAsNonRoot": true, "runAsUser": 1000},
                    "volumes": [{"name": "scratch", "emptyDir": {}}],
                    "containers": [{
                        "name": "main",
                        "image": "registry.example.com/stream:1.4.0",
                        "env": [{"name": "LEVEL", "value": "info"}],
                        "resources": {
                            "requests": {"cpu": "250m", "memory": "1Gi"},
                            "limits": {"cpu": "1", "memory": "1Gi"},
                        },
                        "securityContext": {"allowPrivilegeEscalation": false},
                        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],
                    }],
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_the_size_that_is_asked_for() {
        for bytes in [4 << 10, 64 << 10] {
            let sample = Sample::of(bytes).unwrap();
            assert_eq!(sample.job.text.len(), bytes);
            assert!(sample.context.stream.spec.len() > bytes / 3);
        }
        assert!(Sample::of(100).is_err());
    }

    #[test]
    fn the_native_change_changes_resources_and_nothing_else() {
        let sample = Sample::of(4 << 10).unwrap();
        let changed: Value = serde_json::from_str(&natively(&sample.job.text).unwrap()).unwrap();
        let mut expected = sample.job.value;
        expected["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({
            "requests": {"cpu": CPU, "memory": MEMORY},
            "limits": {"cpu": "1", "memory": MEMORY},
        });
        assert_eq!(changed, expected);
    }
}
