//! Why a Job failed: its pods tell what the Job's condition does not.

use arcane_lifecycle::{Failure, Outcome};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use kube::{Api, Client, api::ListParams};
use tracing::debug;

use crate::cache::Key;

/// Pods of a failed Job that are looked at; a Job with more failed in a way that they all share.
const MOST_PODS: u32 = 50;

/// The outcome of a failed Job, with what its pods say. Without the right to list pods, or when
/// they are gone, it is what the Job says.
pub async fn examine(client: &Client, job: &Key, uid: &str, failure: Failure) -> Outcome {
    let pods: Api<Pod> = Api::namespaced(client.clone(), &job.namespace);
    let params = ListParams::default()
        .labels(&format!("batch.kubernetes.io/controller-uid={uid}"))
        .limit(MOST_PODS);
    match pods.list(&params).await {
        Ok(pods) => outcome(failure, &pods.items),
        Err(error) => {
            debug!("failed to list the pods of a failed job: {error}");
            Outcome::Failed(failure)
        }
    }
}

fn outcome(failure: Failure, pods: &[Pod]) -> Outcome {
    let failed: Vec<_> = pods.iter().filter(|pod| phase(pod) == "Failed").collect();
    if !failed.is_empty() && failed.iter().all(|pod| is_disrupted(pod)) {
        return Outcome::Disrupted;
    }
    let last = failed
        .iter()
        .filter(|pod| !is_disrupted(pod))
        .flat_map(|pod| terminations(pod))
        .filter(|state| state.exit_code != 0)
        .max_by_key(|state| state.finished_at.as_ref().map(|time| time.0));
    Outcome::Failed(match last {
        Some(state) => Failure {
            exit_code: Some(state.exit_code),
            container_reason: state.reason.clone().filter(|reason| !reason.is_empty()),
            termination_message: state
                .message
                .as_deref()
                .map(str::trim)
                .filter(|message| !message.is_empty())
                .map(str::to_owned),
            ..failure
        },
        None => failure,
    })
}

fn phase(pod: &Pod) -> &str {
    let status = pod.status.as_ref();
    status
        .and_then(|status| status.phase.as_deref())
        .unwrap_or_default()
}

/// Evicted, preempted, drained, or lost with its node: not the stream's doing.
fn is_disrupted(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "DisruptionTarget" && condition.status == "True")
}

fn terminations(pod: &Pod) -> Vec<&ContainerStateTerminated> {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref());
    statuses
        .into_iter()
        .flatten()
        .filter_map(|status| status.state.as_ref()?.terminated.as_ref())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(disrupted: bool, exit_code: i32, message: &str, finished: &str) -> Pod {
        serde_json::from_value(json!({"status": {
            "phase": "Failed",
            "conditions": disrupted.then(|| json!(
                [{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}]
            )),
            "containerStatuses": [{
                "name": "stream", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {
                    "exitCode": exit_code, "message": message, "finishedAt": finished
                }},
            }],
        }}))
        .unwrap()
    }

    fn failure() -> Failure {
        Failure {
            reason: "BackoffLimitExceeded".into(),
            ..Failure::default()
        }
    }

    #[test]
    fn a_job_whose_failed_pods_were_all_disrupted_was_disrupted() {
        let pods = [pod(true, 143, "", "2026-01-01T00:00:00Z")];
        assert_eq!(outcome(failure(), &pods), Outcome::Disrupted);
    }

    #[test]
    fn one_pod_that_failed_by_itself_makes_a_failure_and_tells_why() {
        let pods = [
            pod(false, 1, "first", "2026-01-01T00:00:00Z"),
            pod(false, 3, " offsets lost\n", "2026-01-01T00:01:00Z"),
            pod(true, 143, "", "2026-01-01T00:02:00Z"),
        ];
        assert_eq!(
            outcome(failure(), &pods),
            Outcome::Failed(Failure {
                exit_code: Some(3),
                termination_message: Some("offsets lost".into()),
                ..failure()
            })
        );
    }

    #[test]
    fn a_job_without_pods_failed_as_it_says() {
        assert_eq!(outcome(failure(), &[]), Outcome::Failed(failure()));
    }
}
