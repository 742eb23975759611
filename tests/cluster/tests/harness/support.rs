//! What several tests need.

use std::time::Duration;

use anyhow::{Context, Result};
use arcane_cluster::{Cluster, eventually};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};

/// Longer than anything here takes on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);

/// A namespace of the shared cluster with a client.
pub struct Place {
    pub cluster: &'static Cluster,
    pub client: Client,
    pub namespace: String,
}

impl Place {
    pub async fn new(prefix: &str) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        Ok(Self {
            client: cluster.client()?,
            namespace: cluster.namespace(prefix).await?,
            cluster,
        })
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates a Job whose pods carry `annotations`.
    pub async fn job(&self, name: &str, annotations: Value) -> Result<Job> {
        Ok(self
            .api()
            .create(&PostParams::default(), &job(name, annotations)?)
            .await?)
    }

    /// Waits until the Job has a true condition of this type.
    pub async fn job_is(&self, name: &str, condition: &str) -> Job {
        let jobs: Api<Job> = self.api();
        eventually(&format!("Job {name} to be {condition}"), SOON, async || {
            let job = jobs.get(name).await?;
            let status = job.status.clone().unwrap_or_default();
            let conditions = status.conditions.unwrap_or_default();
            conditions
                .iter()
                .find(|found| found.type_ == condition && found.status == "True")
                .with_context(|| format!("conditions {conditions:?}"))?;
            Ok(job)
        })
        .await
    }

    /// The Job's first pod that has been counted as ended.
    pub async fn ended_pod(&self, job: &str) -> Result<Pod> {
        let pods = self.cluster.pods()?.of(&self.namespace, job).await?;
        let ended = |pod: &Pod| matches!(phase(pod), "Succeeded" | "Failed");
        pods.into_iter()
            .find(ended)
            .context("no pod of the Job has ended")
    }
}

/// A Job that fails with its first pod, except by disruption.
pub fn job(name: &str, annotations: Value) -> Result<Job> {
    Ok(serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {
            "backoffLimit": 0,
            "podFailurePolicy": {"rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]},
            "template": {
                "metadata": {"annotations": annotations},
                "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "stream"}]},
            },
        },
    }))?)
}

pub fn phase(pod: &Pod) -> &str {
    pod.status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        .unwrap_or_default()
}

/// Exit code and message of the pod's only container.
pub fn termination(pod: &Pod) -> Option<(i32, String)> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let ended = statuses.first()?.state.as_ref()?.terminated.as_ref()?;
    Some((ended.exit_code, ended.message.clone().unwrap_or_default()))
}
