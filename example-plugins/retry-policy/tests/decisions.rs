//! What the plugin decides, and what it says of a configuration.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::time::Duration;

use arcane_plugin_sdk::serde_json::{Value, json};
use arcane_plugin_sdk::testing::{self, ContextBuilder};
use arcane_plugin_sdk::{Backfill, Decision, Failure, Mode, Plugin, Timestamp, Trigger};
use retry_policy::RetryPolicy;
use retry_policy::config::Config;

fn example() -> Value {
    json!({"rules": [
        {
            "name": "offsets are lost",
            "exitCodes": [3],
            "message": "offset*out of range",
            "then": {"backfill": {"payload": {"reason": "offsets"}, "template": "big"}},
        },
        {
            "name": "bad credentials",
            "message": "access denied",
            "then": {"fail": {"reason": "renew the Secret, then suspend and resume the stream"}},
        },
        {
            "name": "source is away",
            "exitCodes": ["10-19", 75],
            "then": {"restart": {"attempts": 3, "delaySeconds": 30}},
        },
        {
            "name": "evicted by hand",
            "containerReason": "ContainerStatusUnknown",
            "modes": ["backfill", "scheduled"],
            "then": {"restart": {"delaySeconds": 0}},
        },
    ]})
}

fn context(config: &Value) -> ContextBuilder<Config> {
    testing::context(testing::config::<RetryPolicy>(config.clone()).unwrap())
}

fn failure(exit_code: i32, message: &str) -> Failure {
    Failure {
        reason: "BackoffLimitExceeded".to_owned(),
        exit_code: Some(exit_code),
        container_reason: Some("Error".to_owned()),
        termination_message: (!message.is_empty()).then(|| message.to_owned()),
        ..Failure::default()
    }
}

fn decide(context: ContextBuilder<Config>, failure: Failure) -> Decision {
    let now = Timestamp::from_seconds(0);
    RetryPolicy::decide(&Trigger::JobFailed(failure), &context.build(), now).unwrap()
}

fn complaint(config: &Value) -> String {
    testing::config::<RetryPolicy>(config.clone())
        .unwrap_err()
        .to_string()
}

fn complaint_about(rule: Value) -> String {
    let mut whole = json!({"name": "r", "then": {"restart": {}}});
    let Value::Object(fields) = rule else {
        panic!("a rule is an object")
    };
    whole.as_object_mut().unwrap().extend(fields);
    complaint(&json!({"rules": [whole]}))
}

#[test]
fn lost_offsets_are_followed_by_a_backfill() {
    let decision = decide(
        context(&example()),
        failure(3, "partition 7: offset 12 out of range"),
    );
    assert_eq!(
        decision,
        Backfill::new("offsets are lost (exit code 3, `partition 7: offset 12 out of range`)")
            .with_payload(json!({"reason": "offsets"}))
            .with_template("big")
            .into()
    );
}

#[test]
fn a_backfill_that_fails_is_not_followed_by_another() {
    let context = context(&example()).mode(Mode::Backfill);
    let decision = decide(context, failure(3, "offset 12 out of range"));
    assert_eq!(decision, Decision::Default);
}

#[test]
fn everything_that_a_rule_names_has_to_be_there() {
    for failure in [
        failure(3, "something else"),
        failure(3, ""),
        failure(4, "offset 1 out of range"),
    ] {
        assert_eq!(decide(context(&example()), failure), Decision::Default);
    }
}

#[test]
fn a_stream_that_cannot_recover_fails_with_what_to_do() {
    let decision = decide(context(&example()), failure(1, "login: access denied"));
    assert_eq!(
        decision,
        Decision::fail(
            "renew the Secret, then suspend and resume the stream: bad credentials (exit code 1, \
             `login: access denied`)"
        )
    );
}

#[test]
fn restarts_come_after_longer_and_longer_delays_until_there_were_enough() {
    let after = |attempt| {
        let context = context(&example()).attempt(attempt, failure(12, ""));
        decide(context, failure(12, ""))
    };
    let restart = |seconds, number| {
        Decision::restart(
            Duration::from_secs(seconds),
            format!("restart {number} of 3: source is away (exit code 12)"),
        )
    };
    assert_eq!(after(0), restart(30, 1));
    assert_eq!(after(1), restart(60, 2));
    assert_eq!(after(2), restart(120, 3));
    let gave_up = "gave up after 3 restarts in a row: source is away (exit code 12)";
    assert_eq!(after(3), Decision::fail(gave_up));
    assert_eq!(
        after(u32::MAX),
        Decision::fail(gave_up.replace('3', &u32::MAX.to_string()))
    );
}

#[test]
fn the_first_rule_that_matches_counts() {
    let decision = decide(context(&example()), failure(12, "access denied"));
    assert!(matches!(decision, Decision::Fail { .. }), "{decision:?}");
}

#[test]
fn single_codes_and_both_ends_of_a_range_match() {
    for (code, matches) in [(9, false), (10, true), (19, true), (20, false), (75, true)] {
        let decision = decide(context(&example()), failure(code, ""));
        assert_eq!(decision != Decision::Default, matches, "{code}");
    }
}

#[test]
fn a_rule_may_be_about_some_modes_and_about_the_kubelets_reason() {
    let unknown = Failure {
        container_reason: Some("ContainerStatusUnknown".to_owned()),
        ..Failure::default()
    };
    let context = |mode| context(&example()).mode(mode);
    assert_eq!(
        decide(context(Mode::Streaming), unknown.clone()),
        Decision::Default
    );
    for mode in [Mode::Backfill, Mode::Scheduled] {
        assert_eq!(
            decide(context(mode), unknown.clone()),
            Decision::restart(
                Duration::ZERO,
                "restart 1 of 5: evicted by hand (exit code unknown)"
            )
        );
    }
    assert_eq!(
        decide(context(Mode::Backfill), Failure::default()),
        Decision::Default
    );
}

#[test]
fn a_rule_that_names_nothing_matches_all_that_others_left() {
    let mut config = example();
    let rest = json!({"name": "anything else", "then": {"restart": {"attempts": 1}}});
    config["rules"].as_array_mut().unwrap().push(rest);
    let decision = decide(context(&config), Failure::default());
    assert!(matches!(decision, Decision::Restart { .. }), "{decision:?}");
}

#[test]
fn a_long_message_is_quoted_in_part() {
    let message = format!("access denied {}", "ü".repeat(2_000));
    let Decision::Fail { reason } = decide(context(&example()), failure(1, &message)) else {
        panic!("it does not fail")
    };
    assert!(reason.ends_with("üü…`)"), "{reason}");
    assert!(reason.chars().count() < 500, "{}", reason.len());
}

#[test]
fn other_questions_are_left_to_the_host() {
    let now = Timestamp::from_seconds(0);
    for trigger in [
        Trigger::JobCompleted,
        Trigger::StreamCreated,
        Trigger::BackfillRequested,
        Trigger::Tick,
    ] {
        let context = context(&example()).build();
        let decision = RetryPolicy::decide(&trigger, &context, now).unwrap();
        assert_eq!(decision, Decision::Default, "{trigger:?}");
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused_by_field() {
    let restart = |restart: Value| json!({"then": {"restart": restart}});
    for (rule, field, remedy) in [
        (json!({"name": ""}), "rules[0].name:", "say what"),
        (json!({"message": "**"}), "rules[0].message:", "give a text"),
        (json!({"message": ""}), "rules[0].message:", "give a text"),
        (
            restart(json!({"attempts": 0})),
            "rules[0].then.restart.attempts:",
            "wants `fail`",
        ),
        (
            restart(json!({"factor": 0})),
            "rules[0].then.restart.factor:",
            "from 1 to 100",
        ),
        (
            restart(json!({"factor": 101})),
            "rules[0].then.restart.factor:",
            "from 1 to 100",
        ),
        (
            restart(json!({"delaySeconds": 700})),
            "rules[0].then.restart.maximumDelaySeconds:",
            "less than delaySeconds, which is 700",
        ),
        (
            restart(json!({"maximumDelaySeconds": 1_700, "spreadSeconds": 101})),
            "rules[0].then.restart.maximumDelaySeconds:",
            "at most 1800",
        ),
        (
            json!({"then": {"backfill": {"template": ""}}}),
            "rules[0].then.backfill.template:",
            "leave it out",
        ),
        (
            json!({"modes": ["scheduled"], "then": {"backfill": {}}}),
            "rules[0].modes:",
            "name `streaming`",
        ),
        (
            json!({"then": {"fail": {"reason": ""}}}),
            "rules[0].then.fail.reason:",
            "say why",
        ),
    ] {
        let complaint = complaint_about(rule);
        assert!(complaint.starts_with(field), "{complaint}");
        assert!(complaint.contains(remedy), "{complaint}");
    }
    assert!(complaint(&json!({"rules": []})).starts_with("rules:"));
}

#[test]
fn a_misspelt_field_or_action_is_refused() {
    let complaint_of = |rule| complaint_about(rule);
    assert!(complaint_of(json!({"exitCode": 1})).contains("unknown field `exitCode`"));
    assert!(complaint_of(json!({"then": {"retry": {}}})).contains("unknown variant `retry`"));
    assert!(complaint_of(json!({"modes": ["batch"]})).contains("unknown variant `batch`"));
    assert!(complaint_of(json!({"exitCodes": [300]})).contains("from 0 to 255"));
}
