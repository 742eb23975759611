//! What a Job does when a pod of it is evicted, preempted or drained, where its template says
//! nothing of that.

use serde_json::{Map, Value, json};

/// A pod is replaced only once it has ended, so that never two of one stream run at once; and its
/// disruption is no failure of the stream, even with a `backoffLimit` of 0. Kubernetes by itself
/// replaces a pod that is still ending, and counts its disruption as a failure, unless there are
/// rules about failures.
pub(super) fn provide_for(job: &mut Map<String, Value>, pod: &Map<String, Value>) {
    let said = |field: &str| job.get(field).filter(|value| !value.is_null());
    if said(FAILURE).is_some() {
        return;
    }
    let replacement = said(REPLACEMENT);
    let waits = replacement.is_none_or(|policy| policy == "Failed");
    // Kubernetes accepts rules with these only.
    if waits
        && pod
            .get("restartPolicy")
            .is_some_and(|policy| policy == "Never")
    {
        let disrupted = json!({"type": "DisruptionTarget", "status": "True"});
        let rule = json!({"action": "Ignore", "onPodConditions": [disrupted]});
        job.insert(FAILURE.to_owned(), json!({"rules": [rule]}));
    } else if waits {
        job.insert(REPLACEMENT.to_owned(), "Failed".into());
    }
}

const REPLACEMENT: &str = "podReplacementPolicy";
const FAILURE: &str = "podFailurePolicy";

#[cfg(test)]
mod tests {
    use super::*;

    fn provided(job: Value, restart_policy: &str) -> Value {
        let Value::Object(mut job) = job else {
            panic!("an object");
        };
        let pod = Map::from_iter([("restartPolicy".to_owned(), restart_policy.into())]);
        provide_for(&mut job, &pod);
        job.into()
    }

    #[test]
    fn a_template_that_says_nothing_ignores_disruptions_and_waits_for_the_old_pod() {
        for job in [
            json!({}),
            json!({"podFailurePolicy": null, "podReplacementPolicy": null}),
        ] {
            assert_eq!(
                provided(job, "Never")["podFailurePolicy"]["rules"],
                json!([{
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                }])
            );
        }
    }

    #[test]
    fn pods_that_are_restarted_in_place_can_only_wait() {
        let job = provided(json!({}), "OnFailure");
        assert_eq!(job, json!({"podReplacementPolicy": "Failed"}));
    }

    #[test]
    fn what_a_template_says_stands() {
        let rules = json!({"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}]});
        for job in [
            json!({"podFailurePolicy": rules}),
            json!({"podReplacementPolicy": "TerminatingOrFailed"}),
        ] {
            assert_eq!(provided(job.clone(), "Never"), job);
        }
    }
}
