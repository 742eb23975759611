//! Whether an answer to a trigger fits it.

use std::time::Duration;

use serde_json::Value;

use crate::answer::Decision;
use crate::bindings::exports::arcane::stream_plugin::decider;
use crate::error::CallError;
use crate::question::{Mode, Trigger};
use crate::text;

/// The most characters in a reason.
const REASON: usize = 1_000;
/// The longest that anything is postponed: a week.
const POSTPONE: u64 = 7 * 24 * 3_600;
/// The longest that a restart is delayed: half an hour.
const RESTART: u64 = 1_800;
/// The most that a payload may have as JSON text; every stream has it in its environment.
const PAYLOAD: usize = 256 << 10;
/// The furthest that a tick is looked ahead for: a hundred years, which no clock overflows by.
const TICK: u64 = 100 * 365 * 24 * 3_600;

/// Checks what a plugin has decided on `trigger`, in a run of `mode`.
pub(crate) fn check(
    decided: decider::Decision,
    trigger: &Trigger,
    mode: Mode,
) -> Result<Decision, CallError> {
    let decision = match decided {
        decider::Decision::Default => Decision::Default,
        decider::Decision::Skip(reason) => Decision::Skip {
            reason: self::reason(&reason)?,
        },
        decider::Decision::Backfill(decider::Backfill {
            payload,
            template,
            reason,
        }) => Decision::Backfill {
            payload: payload.as_deref().map(self::payload).transpose()?,
            template: template.map(self::template).transpose()?,
            reason: self::reason(&reason)?,
        },
        decider::Decision::Postpone(decider::Delay { seconds, reason }) => Decision::Postpone {
            // Asked again at once, it would answer the same.
            delay: delay(seconds.max(1), POSTPONE)?,
            reason: self::reason(&reason)?,
        },
        decider::Decision::Fail(reason) => Decision::Fail {
            reason: self::reason(&reason)?,
        },
        decider::Decision::Restart(decider::Delay { seconds, reason }) => Decision::Restart {
            delay: delay(seconds, RESTART)?,
            reason: self::reason(&reason)?,
        },
    };
    if fits(&decision, trigger, mode) {
        return Ok(decision);
    }
    Err(invalid(
        "decision",
        format!(
            "{} is no answer to {} in mode {}; {} would be",
            decision.name(),
            trigger.hook(),
            match mode {
                Mode::Streaming => "streaming",
                Mode::Backfill => "backfill",
                Mode::Scheduled => "scheduled",
            },
            fitting(trigger, mode).join(", "),
        ),
    ))
}

/// Checks in how many seconds a plugin wants to be asked again.
pub(crate) fn check_tick(seconds: Option<u64>) -> Result<Option<Duration>, CallError> {
    match seconds {
        None => Ok(None),
        Some(0) => Err(invalid(
            "next tick",
            "0 seconds; the soonest is 1 second".to_owned(),
        )),
        Some(seconds) => Ok(Some(Duration::from_secs(seconds.min(TICK)))),
    }
}

fn fits(decision: &Decision, trigger: &Trigger, mode: Mode) -> bool {
    fitting(trigger, mode).contains(&decision.name())
}

fn fitting(trigger: &Trigger, mode: Mode) -> &'static [&'static str] {
    match trigger {
        Trigger::StreamCreated
        | Trigger::BackfillRequested
        | Trigger::SchemaChanged
        | Trigger::SpecChanged { .. } => &["default", "skip", "backfill", "postpone", "fail"],
        Trigger::JobFailed(_) if mode != Mode::Streaming => &["default", "restart", "fail"],
        Trigger::JobFailed(_) | Trigger::JobCompleted | Trigger::Tick => {
            &["default", "restart", "backfill", "fail"]
        }
    }
}

fn reason(said: &str) -> Result<String, CallError> {
    match said.chars().count() {
        0..=REASON => Ok(text::one_line(said, usize::MAX)),
        characters => Err(invalid(
            "reason",
            format!("{characters} characters; at most {REASON} are allowed"),
        )),
    }
}

fn delay(seconds: u64, limit: u64) -> Result<Duration, CallError> {
    if seconds > limit {
        return Err(invalid(
            "delay",
            format!("{seconds} seconds; at most {limit} are allowed"),
        ));
    }
    Ok(Duration::from_secs(seconds))
}

fn payload(said: &str) -> Result<Value, CallError> {
    if said.len() > PAYLOAD {
        return Err(invalid(
            "payload",
            format!("{} bytes; at most {PAYLOAD} are allowed", said.len()),
        ));
    }
    let value: Value = serde_json::from_str(said)
        .map_err(|error| invalid("payload", format!("not valid JSON: {error}")))?;
    if !value.is_object() {
        return Err(invalid("payload", "not a JSON object".to_owned()));
    }
    Ok(value)
}

/// A name as Kubernetes has them: parts of `a-z`, `0-9` and `-` with dots between them.
fn template(said: String) -> Result<String, CallError> {
    let part = |part: &str| {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = part.as_bytes();
        bytes.first().copied().is_some_and(letter)
            && bytes.last().copied().is_some_and(letter)
            && bytes.iter().all(|&byte| letter(byte) || byte == b'-')
    };
    if said.len() <= 253 && said.split('.').all(part) {
        return Ok(said);
    }
    Err(invalid(
        "template",
        format!(
            "{:?} cannot be an object's name",
            text::one_line(&said, 100)
        ),
    ))
}

fn invalid(part: &str, problem: String) -> CallError {
    CallError::invalid(part, &problem)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::question::Failure;

    fn triggers() -> Vec<Trigger> {
        vec![
            Trigger::StreamCreated,
            Trigger::BackfillRequested,
            Trigger::SchemaChanged,
            Trigger::SpecChanged { previous: None },
            Trigger::JobFailed(Failure::default()),
            Trigger::JobCompleted,
            Trigger::Tick,
        ]
    }

    fn decisions() -> Vec<decider::Decision> {
        let delay = || decider::Delay {
            seconds: 60,
            reason: "r".into(),
        };
        vec![
            decider::Decision::Default,
            decider::Decision::Skip("r".into()),
            decider::Decision::Backfill(backfill(None, None)),
            decider::Decision::Postpone(delay()),
            decider::Decision::Fail("r".into()),
            decider::Decision::Restart(delay()),
        ]
    }

    fn backfill(payload: Option<&str>, template: Option<&str>) -> decider::Backfill {
        decider::Backfill {
            payload: payload.map(str::to_owned),
            template: template.map(str::to_owned),
            reason: "r".into(),
        }
    }

    fn checked(decided: decider::Decision) -> Result<Decision, String> {
        check(decided, &Trigger::BackfillRequested, Mode::Backfill)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn each_trigger_takes_the_answers_that_the_contract_names() {
        for trigger in triggers() {
            for mode in [Mode::Streaming, Mode::Backfill, Mode::Scheduled] {
                for decided in decisions() {
                    let result = check(decided.clone(), &trigger, mode);
                    let expected = match (&trigger, &decided) {
                        (_, decider::Decision::Default | decider::Decision::Fail(_)) => true,
                        (Trigger::JobFailed(_), decider::Decision::Backfill(_)) => {
                            mode == Mode::Streaming
                        }
                        (_, decider::Decision::Backfill(_)) => true,
                        (
                            Trigger::JobFailed(_) | Trigger::JobCompleted | Trigger::Tick,
                            decided,
                        ) => matches!(decided, decider::Decision::Restart(_)),
                        (_, decided) => !matches!(decided, decider::Decision::Restart(_)),
                    };
                    assert_eq!(result.is_ok(), expected, "{trigger:?} {mode:?} {decided:?}");
                }
            }
        }
    }

    #[test]
    fn an_answer_that_does_not_fit_is_told_what_would() {
        let error = check(
            decider::Decision::Skip("r".into()),
            &Trigger::JobFailed(Failure::default()),
            Mode::Backfill,
        )
        .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("skip is no answer to job-failed in mode backfill"),
            "{text}"
        );
        assert!(text.contains("default, restart, fail"), "{text}");
    }

    #[test]
    fn a_backfill_is_taken_with_payload_and_template() {
        let decided = backfill(Some("{\"from\":\"2026\"}"), Some("big.templates"));
        assert_eq!(
            checked(decider::Decision::Backfill(decided)),
            Ok(Decision::Backfill {
                payload: Some(serde_json::json!({"from": "2026"})),
                template: Some("big.templates".into()),
                reason: "r".into(),
            })
        );
    }

    #[test]
    fn a_payload_that_is_no_object_is_refused() {
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(PAYLOAD));
        for payload in ["", "{", "[1]", "null", "\"a\"", large.as_str()] {
            let decided = decider::Decision::Backfill(backfill(Some(payload), None));
            assert!(checked(decided).unwrap_err().contains("payload"));
        }
    }

    #[test]
    fn a_template_that_cannot_be_a_name_is_refused() {
        let long = "a".repeat(254);
        for name in ["", "A", "a/b", "../a", "-a", "a..b", "a b", long.as_str()] {
            let decided = decider::Decision::Backfill(backfill(None, Some(name)));
            assert!(checked(decided).unwrap_err().contains("template"), "{name}");
        }
    }

    #[test]
    fn delays_keep_their_limits() {
        let postpone = |seconds| {
            checked(decider::Decision::Postpone(decider::Delay {
                seconds,
                reason: String::new(),
            }))
        };
        assert!(postpone(POSTPONE).is_ok());
        assert!(
            postpone(POSTPONE + 1)
                .unwrap_err()
                .contains("at most 604800")
        );
        assert_eq!(
            postpone(0),
            Ok(Decision::Postpone {
                delay: Duration::from_secs(1),
                reason: String::new()
            })
        );
        let restart = decider::Decision::Restart(decider::Delay {
            seconds: u64::MAX,
            reason: String::new(),
        });
        assert!(check(restart, &Trigger::Tick, Mode::Streaming).is_err());
    }

    #[test]
    fn a_tick_is_at_least_a_second_away_and_never_beyond_every_clock() {
        assert_eq!(check_tick(None).unwrap(), None);
        assert!(check_tick(Some(0)).is_err());
        assert_eq!(check_tick(Some(1)).unwrap(), Some(Duration::from_secs(1)));
        assert_eq!(
            check_tick(Some(u64::MAX)).unwrap(),
            Some(Duration::from_secs(TICK))
        );
    }

    proptest! {
        #[test]
        fn no_reason_that_is_accepted_is_long_or_has_control_characters(
            said in "(.|\\s|[\\x00-\\x1f]){0,1100}"
        ) {
            match checked(decider::Decision::Skip(said.clone())) {
                Ok(decision) => {
                    let reason = decision.reason().unwrap();
                    prop_assert!(reason.chars().count() <= REASON);
                    prop_assert!(!reason.chars().any(char::is_control));
                }
                Err(_) => prop_assert!(said.chars().count() > REASON),
            }
        }
    }
}
