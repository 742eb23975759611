//! What the plugin decides, and what it says of a configuration.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::time::Duration;

use arcane_plugin_sdk::serde_json::{Value, json};
use arcane_plugin_sdk::testing::{self, ContextBuilder};
use arcane_plugin_sdk::{Decision, Failure, Mode, Plugin, Timestamp, Trigger};
use backfill_window::BackfillWindow;
use backfill_window::config::Config;
use proptest::prelude::*;

/// 2026-01-05T00:00:00Z, a Monday.
const MONDAY: u64 = 1_767_571_200;
const HOUR: u64 = 3_600;

fn nights() -> Value {
    json!({"windows": [{"from": "22:00", "to": "06:00"}]})
}

fn context(config: &Value) -> ContextBuilder<Config> {
    let config = testing::config::<BackfillWindow>(config.clone()).unwrap();
    testing::context(config).mode(Mode::Backfill)
}

fn decide(trigger: &Trigger, context: ContextBuilder<Config>, now: u64) -> Decision {
    BackfillWindow::decide(trigger, &context.build(), Timestamp::from_seconds(now)).unwrap()
}

fn complaint(config: &Value) -> String {
    testing::config::<BackfillWindow>(config.clone())
        .unwrap_err()
        .to_string()
}

#[test]
fn outside_of_the_window_a_backfill_waits_until_it_opens() {
    let decision = decide(
        &Trigger::BackfillRequested,
        context(&nights()),
        MONDAY + 12 * HOUR,
    );
    assert_eq!(
        decision,
        Decision::postpone(
            Duration::from_secs(10 * HOUR),
            "outside of the window for backfills, which opens at Monday 22:00 (UTC)"
        )
    );
}

#[test]
fn within_the_window_it_runs_at_once() {
    for hour in [0, 5, 22, 23] {
        let now = MONDAY + hour * HOUR;
        let decision = decide(&Trigger::BackfillRequested, context(&nights()), now);
        assert_eq!(decision, Decision::Default, "at {hour}");
    }
}

#[test]
fn every_kind_of_backfill_has_to_wait_unless_told_otherwise() {
    let triggers = [
        Trigger::StreamCreated,
        Trigger::BackfillRequested,
        Trigger::SchemaChanged,
    ];
    let noon = MONDAY + 12 * HOUR;
    for trigger in &triggers {
        let decision = decide(trigger, context(&nights()), noon);
        assert!(matches!(decision, Decision::Postpone { .. }), "{trigger:?}");
    }
    let mut config = nights();
    config["hold"] = json!(["requested"]);
    let waits = triggers.map(|trigger| {
        let decision = decide(&trigger, context(&config), noon);
        matches!(decision, Decision::Postpone { .. })
    });
    assert_eq!(waits, [false, true, false]);
}

#[test]
fn other_questions_are_left_to_the_host() {
    for trigger in [
        Trigger::JobFailed(Failure::default()),
        Trigger::JobCompleted,
        Trigger::Tick,
        Trigger::SpecChanged { previous: None },
    ] {
        let decision = decide(&trigger, context(&nights()), MONDAY + 12 * HOUR);
        assert_eq!(decision, Decision::Default, "{trigger:?}");
    }
}

#[test]
fn an_urgent_backfill_does_not_wait() {
    let urgent = |value: &str| {
        let context = context(&nights())
            .request("reload-1", None)
            .annotation("backfill-window/urgent", value);
        let decision = decide(&Trigger::BackfillRequested, context, MONDAY + 12 * HOUR);
        decision == Decision::Default
    };
    assert!(urgent("true"));
    assert!(urgent("reload-1"));
    assert!(!urgent("reload-2"));
    assert!(!urgent("false"));
    assert!(!urgent(""));
}

#[test]
fn the_first_backfill_is_skipped_where_the_data_is_already_there() {
    let with = |value: &str, trigger: &Trigger| {
        let context = context(&nights()).annotation("backfill-window/data-present", value);
        decide(trigger, context, MONDAY)
    };
    assert_eq!(
        with("true", &Trigger::StreamCreated),
        Decision::skip(
            "the data is already there, says the annotation `backfill-window/data-present`"
        )
    );
    assert_eq!(with("false", &Trigger::StreamCreated), Decision::Default);
    assert_eq!(with("true", &Trigger::BackfillRequested), Decision::Default);
}

#[test]
fn annotations_may_have_other_names() {
    let mut config = nights();
    config["urgentAnnotation"] = json!("example.com/now");
    config["dataPresentAnnotation"] = json!("example.com/loaded");
    let with = |key: &str| {
        let context = context(&config).annotation(key, "true");
        decide(&Trigger::StreamCreated, context, MONDAY + 12 * HOUR)
    };
    assert_eq!(with("example.com/now"), Decision::Default);
    assert!(matches!(with("example.com/loaded"), Decision::Skip { .. }));
    assert!(matches!(
        with("backfill-window/urgent"),
        Decision::Postpone { .. }
    ));
}

#[test]
fn windows_are_on_the_clock_of_the_offset() {
    let mut config = nights();
    config["utcOffset"] = json!("-05:00");
    let at = |hour: u64| {
        let now = MONDAY + hour * HOUR;
        decide(&Trigger::BackfillRequested, context(&config), now)
    };
    assert_eq!(at(3), Decision::Default);
    assert_eq!(at(10), Decision::Default);
    assert_eq!(
        at(11),
        Decision::postpone(
            Duration::from_secs(16 * HOUR),
            "outside of the window for backfills, which opens at Monday 22:00 (UTC-05:00)"
        )
    );
}

#[test]
fn a_window_belongs_to_the_day_on_which_it_opens() {
    let config = json!({"windows": [{"days": ["sunday"], "from": "20:00", "to": "04:00"}]});
    let at = |hour: u64| {
        let now = MONDAY + hour * HOUR;
        decide(&Trigger::BackfillRequested, context(&config), now)
    };
    assert_eq!(at(3), Decision::Default);
    assert!(matches!(
        at(4),
        Decision::Postpone { delay, .. } if delay == Duration::from_secs((6 * 24 + 16) * HOUR)
    ));
    assert!(matches!(at(21), Decision::Postpone { .. }));
}

#[test]
fn a_backfill_that_waits_may_be_looked_at_again_before_the_window_opens() {
    let mut config = nights();
    config["lookAgainSeconds"] = json!(900);
    let at = |now| decide(&Trigger::BackfillRequested, context(&config), now);
    let reason = "outside of the window for backfills, which opens at Monday 22:00 (UTC)";
    assert_eq!(
        at(MONDAY + 12 * HOUR),
        Decision::postpone(Duration::from_secs(900), reason)
    );
    assert_eq!(
        at(MONDAY + 22 * HOUR - 1),
        Decision::postpone(Duration::from_secs(1), reason)
    );
}

#[test]
fn a_window_from_midnight_to_midnight_is_the_whole_day() {
    let config =
        json!({"windows": [{"days": ["saturday", "sunday"], "from": "00:00", "to": "24:00"}]});
    let at = |hour: u64| {
        let now = MONDAY + hour * HOUR;
        decide(&Trigger::BackfillRequested, context(&config), now) == Decision::Default
    };
    assert!(!at(5 * 24 - 1) && at(5 * 24) && at(7 * 24 - 1) && !at(7 * 24));
}

#[test]
fn of_several_windows_the_next_to_open_counts() {
    let config = json!({"windows": [
        {"from": "20:00", "to": "22:00"},
        {"days": ["monday"], "from": "12:00", "to": "13:00"},
    ]});
    let now = MONDAY + 11 * HOUR;
    let decision = decide(&Trigger::BackfillRequested, context(&config), now);
    assert!(matches!(
        decision,
        Decision::Postpone { delay, .. } if delay == Duration::from_secs(HOUR)
    ));
}

#[test]
fn a_configuration_that_cannot_work_is_refused_by_field() {
    let window = |from: &str, to: &str| json!({"windows": [{"from": from, "to": to}]});
    for (config, field, remedy) in [
        (json!({"windows": []}), "windows:", "at least one window"),
        (
            window("25:00", "06:00"),
            "windows[0].from:",
            "such as 22:30",
        ),
        (window("22:00", "6:00"), "windows[0].to:", "such as 22:30"),
        (window("24:00", "06:00"), "windows[0].from:", "give 00:00"),
        (
            json!({"windows": [{"days": [], "from": "22:00", "to": "06:00"}]}),
            "windows[0].days:",
            "every day",
        ),
        (
            json!({"windows": [{"from": "22:00", "to": "06:00"}], "utcOffset": "Europe/Berlin"}),
            "utcOffset:",
            "such as Z, +02:00",
        ),
        (
            json!({"windows": [{"from": "22:00", "to": "06:00"}], "lookAgainSeconds": 59}),
            "lookAgainSeconds:",
            "at least 60",
        ),
    ] {
        let complaint = complaint(&config);
        assert!(complaint.starts_with(field), "{complaint}");
        assert!(complaint.contains(remedy), "{complaint}");
    }
}

#[test]
fn a_misspelt_field_or_day_is_refused() {
    let complaint_of = |text: &str| {
        let window = format!(r#"{{"windows": [{{"from": "22:00", "to": "06:00"{text}"#);
        complaint(&serde_json::from_str(&window).unwrap())
    };
    assert!(complaint_of("}], \"window\": 1}").contains("unknown field `window`"));
    assert!(complaint_of(", \"days\": [\"Montag\"]}]}").contains("unknown variant `Montag`"));
    assert!(complaint_of("}], \"hold\": [\"all\"]}").contains("unknown variant `all`"));
}

proptest! {
    #[test]
    fn what_is_postponed_runs_when_its_time_has_come(
        days in prop::collection::btree_set(prop::sample::select(vec![
            "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
        ]), 1..=7),
        from in 0..1_440_u64,
        to in 0..=1_440_u64,
        offset in prop::sample::select(vec!["Z", "+02:00", "-05:30", "+14:00", "-12:00"]),
        now in MONDAY..MONDAY + 100 * 7 * 24 * HOUR,
    ) {
        let time = |minute: u64| format!("{:02}:{:02}", minute / 60, minute % 60);
        let config = json!({
            "windows": [{"days": days, "from": time(from), "to": time(to)}],
            "utcOffset": offset,
        });
        let at = |now| decide(&Trigger::BackfillRequested, context(&config), now);
        if let Decision::Postpone { delay, .. } = at(now) {
            let wait = delay.as_secs();
            prop_assert!((1..=604_800).contains(&wait), "the host takes no other");
            prop_assert_eq!(at(now + wait), Decision::Default);
            let just_before = matches!(at(now + wait - 1), Decision::Postpone { .. });
            prop_assert!(just_before, "it could have run earlier");
        }
    }
}
