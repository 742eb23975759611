//! Remote control of simulated pods.
//!
//! The fake kubelet runs every pod and keeps it running, unless the pod's annotations say
//! otherwise; `stages.yaml` beside this file is what it follows. The annotations can be set in a
//! Job's template or on a live pod:
//!
//! | annotation | meaning | default |
//! |---|---|---|
//! | `test/outcome` | `succeed`, `fail`, or `stay` | `stay` |
//! | `test/after` | time running before that, a Go duration (`200ms`) | at once |
//! | `test/exit-code` | exit code of a failure | `1` |
//! | `test/termination-message` | the containers' termination message | empty |
//! | `test/terminates-after` | time between the pod's deletion and its end | at once |
//! | `test/terminates-with` | exit code of a pod that is deleted while it runs | `143` |
//!
//! `test/backfill-outcome`, `-after`, `-exit-code` and `-termination-message` take the place of
//! the first four in pods whose environment has `STREAMCONTEXT__BACKFILL` = `true`, so that one
//! Job template can let backfills end and streams go on.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DeleteParams, EvictParams, ListParams, Patch, PatchParams, Preconditions};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::wait::within;

/// Label of a pod: the uid of its Job. A Job that is deleted just as it makes its pod leaves the
/// pod behind for a moment, under the name that the next Job has, too.
const OWNER: &str = "batch.kubernetes.io/controller-uid";
/// Time for a Job's pod to be made, scheduled and run.
const RUNNING_WITHIN: Duration = Duration::from_secs(30);

/// Acts on the live pods of a Job. Each method first waits until the Job has a running pod that is
/// not being deleted, and fails when it has none after 30 s.
#[derive(Clone)]
pub struct Pods {
    client: Client,
}

impl Pods {
    /// Acts through `client`, which needs rights on Jobs, and on pods and their status.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Ends the pods with exit code 0.
    ///
    /// # Errors
    /// When no pod runs in time, or the API server refuses.
    pub async fn succeed(&self, namespace: &str, job: &str) -> Result<()> {
        self.end(namespace, job, json!({"test/outcome": "succeed"}))
            .await
    }

    /// Ends the pods with `exit_code` and a termination message.
    ///
    /// # Errors
    /// When no pod runs in time, or the API server refuses.
    pub async fn fail(
        &self,
        namespace: &str,
        job: &str,
        exit_code: u8,
        message: &str,
    ) -> Result<()> {
        let code = exit_code.to_string();
        let annotations = json!({"test/outcome": "fail", "test/exit-code": code, "test/termination-message": message});
        self.end(namespace, job, annotations).await
    }

    /// Evicts the pods by the Eviction API, as a node drain does.
    ///
    /// # Errors
    /// When no pod runs in time, or the API server refuses.
    pub async fn evict(&self, namespace: &str, job: &str) -> Result<()> {
        let (api, pods) = self.running(namespace, job).await?;
        for pod in pods {
            api.evict(name(&pod)?, &EvictParams::default()).await?;
        }
        Ok(())
    }

    /// Preempts the pods as the scheduler does: a condition that tells why, then deletion.
    ///
    /// # Errors
    /// When no pod runs in time, or the API server refuses.
    pub async fn preempt(&self, namespace: &str, job: &str) -> Result<()> {
        let (api, pods) = self.running(namespace, job).await?;
        let condition = json!({
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": "preempting to accommodate a higher priority pod",
            "lastTransitionTime": Timestamp::now(),
        });
        let patch = Patch::Strategic(json!({"status": {"conditions": [condition]}}));
        for pod in pods {
            api.patch_status(name(&pod)?, &PatchParams::default(), &patch)
                .await?;
            let same = Preconditions {
                uid: pod.metadata.uid.clone(),
                resource_version: None,
            };
            api.delete(
                name(&pod)?,
                &DeleteParams {
                    preconditions: Some(same),
                    ..DeleteParams::default()
                },
            )
            .await?;
        }
        Ok(())
    }

    /// Waits until the Job has running pods and returns them.
    ///
    /// # Errors
    /// When no pod runs within 30 s: with the phases that were seen.
    pub async fn wait_running(&self, namespace: &str, job: &str) -> Result<Vec<Pod>> {
        Ok(self.running(namespace, job).await?.1)
    }

    /// Every pod of the Job, whatever its state.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn of(&self, namespace: &str, job: &str) -> Result<Vec<Pod>> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let of_job = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={job}"));
        Ok(api.list(&of_job).await?.items)
    }

    async fn running(&self, namespace: &str, job: &str) -> Result<(Api<Pod>, Vec<Pod>)> {
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), namespace);
        let pods = within(RUNNING_WITHIN, async || {
            let owner = jobs.get(job).await?.metadata.uid;
            let (running, others): (Vec<_>, Vec<_>) = self
                .of(namespace, job)
                .await?
                .into_iter()
                .partition(|pod| is_running(pod) && pod.labels().get(OWNER) == owner.as_ref());
            if running.is_empty() {
                bail!(
                    "its other pods are {:?}",
                    others.iter().map(describe).collect::<Vec<_>>()
                );
            }
            Ok(running)
        });
        let pods = pods.await.with_context(|| {
            format!("no pod of Job {namespace}/{job} runs after {RUNNING_WITHIN:?}")
        })?;
        Ok((Api::namespaced(self.client.clone(), namespace), pods))
    }

    /// Sets annotations on the running pods, and takes away those that would speak louder or later.
    async fn end(&self, namespace: &str, job: &str, outcome: Value) -> Result<()> {
        let mut annotations = json!({
            "test/after": null,
            "test/backfill-outcome": null,
            "test/backfill-after": null,
            "test/backfill-exit-code": null,
            "test/backfill-termination-message": null,
        });
        if let (Some(all), Value::Object(outcome)) = (annotations.as_object_mut(), outcome) {
            all.extend(outcome);
        }
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
        let (api, pods) = self.running(namespace, job).await?;
        for pod in pods {
            api.patch(name(&pod)?, &PatchParams::default(), &patch)
                .await?;
        }
        Ok(())
    }
}

fn name(pod: &Pod) -> Result<&str> {
    pod.metadata.name.as_deref().context("a pod without a name")
}

fn phase(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.phase.as_deref()
}

fn is_running(pod: &Pod) -> bool {
    phase(pod) == Some("Running") && pod.metadata.deletion_timestamp.is_none()
}

fn describe(pod: &Pod) -> String {
    let name = pod.metadata.name.as_deref().unwrap_or("?");
    let leaving = if pod.metadata.deletion_timestamp.is_some() {
        ", being deleted"
    } else {
        ""
    };
    format!("{name} ({}{leaving})", phase(pod).unwrap_or("no phase"))
}
