//! Decisions of plugins as they stand on record, as the lifecycle sees them.

use std::time::Duration;

use arcane_contract::api::RecordedDecision;
use arcane_lifecycle::{JobRecord, RequestRecord};
use jiff::Timestamp;

/// What stands on record on a Job, in force at `now`.
pub fn of_job(decision: &RecordedDecision, now: Timestamp) -> Option<JobRecord> {
    let reason = decision.reason.clone().unwrap_or_default();
    match (decision.answer.as_str(), decision.generation) {
        ("restart", _) => Some(JobRecord::Restart {
            wait: wait(decision, now).unwrap_or_default(),
            reason,
        }),
        ("skip", Some(generation)) => Some(JobRecord::Kept {
            generation,
            wait: None,
            reason,
        }),
        ("postpone", Some(generation)) => Some(JobRecord::Kept {
            generation,
            wait: Some(wait(decision, now)?),
            reason,
        }),
        _ => None,
    }
}

/// What stands on record on a request, in force at `now`.
pub fn of_request(decision: &RecordedDecision, now: Timestamp) -> Option<RequestRecord> {
    match decision.answer.as_str() {
        "backfill" => Some(RequestRecord::Run),
        "postpone" => Some(RequestRecord::Postponed {
            wait: wait(decision, now)?,
            reason: decision.reason.clone().unwrap_or_default(),
        }),
        _ => None,
    }
}

/// How long there is to wait still; none once the time has come, or if it cannot be read.
fn wait(decision: &RecordedDecision, now: Timestamp) -> Option<Duration> {
    let until: Timestamp = decision.until.as_deref()?.parse().ok()?;
    let wait: Duration = until.duration_since(now).try_into().ok()?;
    (!wait.is_zero()).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(answer: &str, generation: Option<i64>) -> RecordedDecision {
        RecordedDecision {
            answer: answer.into(),
            reason: Some("r".into()),
            until: Some("1970-01-01T00:01:00Z".into()),
            generation,
            ..RecordedDecision::default()
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_postponed_backfill_waits_until_its_time_and_then_is_undecided() {
        let postponed = decision("postpone", None);
        let waits = RequestRecord::Postponed {
            wait: Duration::from_secs(20),
            reason: "r".into(),
        };
        assert_eq!(of_request(&postponed, at(40)), Some(waits));
        assert_eq!(of_request(&postponed, at(60)), None);
        assert_eq!(of_request(&postponed, at(90)), None);
    }

    #[test]
    fn a_restart_is_due_once_its_time_has_come() {
        let restart = |wait| {
            Some(JobRecord::Restart {
                wait: Duration::from_secs(wait),
                reason: "r".into(),
            })
        };
        assert_eq!(of_job(&decision("restart", None), at(50)), restart(10));
        assert_eq!(of_job(&decision("restart", None), at(70)), restart(0));
    }

    #[test]
    fn a_kept_job_is_kept_for_one_generation() {
        let kept = |wait| {
            Some(JobRecord::Kept {
                generation: 3,
                wait,
                reason: "r".into(),
            })
        };
        assert_eq!(of_job(&decision("skip", Some(3)), at(90)), kept(None));
        let wait = Some(Duration::from_secs(30));
        assert_eq!(of_job(&decision("postpone", Some(3)), at(30)), kept(wait));
        assert_eq!(of_job(&decision("postpone", Some(3)), at(90)), None);
        assert_eq!(of_job(&decision("skip", None), at(0)), None);
    }

    #[test]
    fn what_cannot_be_read_is_no_record() {
        let mut damaged = decision("postpone", None);
        damaged.until = Some("soon".into());
        assert_eq!(of_request(&damaged, at(0)), None);
        assert_eq!(of_request(&decision("dance", None), at(0)), None);
    }
}
