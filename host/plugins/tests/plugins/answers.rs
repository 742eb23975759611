//! What plugins are told, and what they answer.

use std::time::Duration;

use arcane_guests::{Builder, Decide, Render};
use arcane_plugins::{
    CallError, Decision, Failure, Hook, Mode, Plugin, PluginSettings, Question, Trigger,
};
use serde_json::json;

use crate::support::{context, host, job, load, load_with, patient};

fn lines(
    plugin: &Plugin,
    ask: impl FnOnce(&Plugin) -> Vec<arcane_plugins::LogLine>,
) -> Vec<String> {
    ask(plugin).into_iter().map(|line| line.message).collect()
}

#[test]
fn a_plugin_is_told_everything_about_the_question() {
    let plugin = load_with(
        "log-question",
        PluginSettings {
            config: json!({"zone": "a"}),
            ..patient()
        },
    );
    let told = [
        "orders-class",
        "{\"zone\":\"a\"}",
        "data",
        "orders",
        "ParquetStream",
        "v2",
        "{\"a\":1}",
        "tenant",
        "acme",
        "note",
        "größer",
        "0",
        "3",
        "again",
        "{\"from\":1}",
    ];
    let render = lines(&plugin, |it| it.render_uncached(&context(), &job()).lines);
    assert_eq!(render[..told.len()], told);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&render[told.len()]).unwrap(),
        job()
    );

    let trigger = Trigger::JobFailed(Failure {
        reason: "BackoffLimitExceeded".into(),
        ..Failure::default()
    });
    let decide = lines(&plugin, |it| it.decide(&trigger, &context(), 1_234).lines);
    assert_eq!(decide[..told.len()], told);
    assert_eq!(decide[told.len()..], ["1234"]);

    let mut scheduled = context();
    scheduled.mode = Mode::Scheduled;
    scheduled.request = None;
    let trigger = Trigger::JobCompleted;
    let decide = lines(&plugin, |it| {
        it.decide(&trigger, &scheduled, u64::MAX).lines
    });
    assert_eq!(decide[11..], ["2", "3", u64::MAX.to_string().as_str()]);
}

#[test]
fn a_patch_is_applied() {
    let report = load("patch").render_uncached(&context(), &job());
    let rendered = report.result.unwrap();
    let mut expected = job();
    expected["metadata"]["annotations"]["example.com/shaped"] = json!("yes");
    assert_eq!(rendered.job, expected);
    assert!(rendered.changed);
    assert!(report.memory_peak >= 64 << 10);
    assert!(report.elapsed > Duration::ZERO);
}

#[test]
fn a_job_that_comes_back_as_it_was_is_unchanged() {
    for name in ["unchanged", "whole-job"] {
        let rendered = load(name).render(&context(), &job()).result.unwrap();
        assert_eq!(rendered.job, job(), "{name}");
        assert!(!rendered.changed, "{name}");
    }
}

#[test]
fn each_trigger_has_its_decision() {
    let plugin = load("decide-all");
    let decide = |trigger: Trigger| {
        plugin
            .decide(&trigger, &context(), 0)
            .result
            .unwrap_or_else(|error| panic!("{trigger:?}: {error}"))
    };
    assert_eq!(
        decide(Trigger::StreamCreated),
        Decision::Skip {
            reason: "the data is there already".into()
        }
    );
    assert_eq!(
        decide(Trigger::BackfillRequested),
        Decision::Backfill {
            payload: Some(json!({"from": "2026-01-01"})),
            template: Some("large".into()),
            reason: "in a larger Job".into(),
        }
    );
    assert_eq!(
        decide(Trigger::SchemaChanged),
        Decision::Postpone {
            delay: Duration::from_secs(3_600),
            reason: "not at this hour".into()
        }
    );
    assert_eq!(
        decide(Trigger::SpecChanged {
            previous: Some("{}".into())
        }),
        Decision::Fail {
            reason: "the spec must not change".into()
        }
    );
    assert_eq!(
        decide(Trigger::JobFailed(Failure::default())),
        Decision::Restart {
            delay: Duration::from_secs(60),
            reason: "it may work again".into()
        }
    );
    assert_eq!(
        decide(Trigger::JobCompleted),
        Decision::Backfill {
            payload: None,
            template: None,
            reason: "once more from the start".into(),
        }
    );
    assert_eq!(decide(Trigger::Tick), Decision::Default);
}

#[test]
fn a_tick_comes_from_the_time_that_is_given() {
    let plugin = load("ticker");
    let next = |now| plugin.next_tick(&context(), now).result.unwrap();
    assert_eq!(next(7_200), Some(Duration::from_secs(3_600)));
    assert_eq!(next(7_199), Some(Duration::from_secs(1)));
}

#[test]
fn a_plugin_is_not_called_at_hooks_that_it_does_not_name() {
    let plugin = host()
        .load(
            &Builder::new("renders")
                .render(Render::Unchanged)
                .build()
                .unwrap(),
            patient(),
        )
        .unwrap();
    assert!(!plugin.wants(Hook::Tick));
    let decided = plugin.decide(&Trigger::JobCompleted, &context(), 0);
    assert_eq!(decided.result.unwrap(), Decision::Default);
    assert_eq!(decided.memory_peak, 0);
    assert_eq!(plugin.next_tick(&context(), 0).result.unwrap(), None);
    let rendered = load("skip").render(&context(), &job());
    assert!(!rendered.result.unwrap().changed);
    assert_eq!(rendered.memory_peak, 0);
}

#[test]
fn an_interface_whose_hook_is_not_named_is_not_called() {
    let silent = Builder::new("silent")
        .render(Render::Error("called".into()))
        .decide(Decide::Error("called".into()))
        .describe(|said| said.hooks.clear())
        .build()
        .unwrap();
    let plugin = host().load(&silent, patient()).unwrap();
    assert!(plugin.render(&context(), &job()).result.is_ok());
    let decided = plugin.decide(&Trigger::StreamCreated, &context(), 0);
    assert!(decided.result.is_ok());
}

#[test]
fn the_configuration_of_the_class_is_what_a_plugin_gets() {
    for (config, text) in [
        (json!({}), "{}"),
        (json!({"b": 1, "a": [2]}), "{\"a\":[2],\"b\":1}"),
    ] {
        let plugin = load_with(
            "echo-config",
            PluginSettings {
                config,
                ..patient()
            },
        );
        match plugin.render(&context(), &job()).result {
            Err(CallError::Plugin(message)) => assert_eq!(message, text),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn each_call_has_an_instance_of_its_own() {
    let plugin = load("counter");
    for _ in 0..3 {
        match plugin.render(&context(), &job()).result {
            Err(CallError::Plugin(count)) => assert_eq!(count, "1"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_a_plugin_says_cannot_steer_a_terminal() {
    match load("gives-up").render(&context(), &job()).result {
        Err(error @ CallError::Plugin(_)) => {
            let text = error.to_string();
            assert!(
                text.contains("gave up: no size for this table\u{FFFD}[31m"),
                "{text}"
            );
        }
        other => panic!("{other:?}"),
    }
    let report = load("log-control").render_uncached(&context(), &job());
    assert_eq!(report.lines[0].message, "\u{FFFD}[2Jgone  faked line");
    assert_eq!(report.lines[0].level.as_str(), "info");
}

#[test]
fn a_question_that_was_answered_is_answered_from_memory() {
    for (name, changed) in [("patch", true), ("unchanged", false)] {
        let plugin = load(name);
        let mut context = context();
        context.stream.name = format!("memo-{name}");
        let first = plugin.render(&context, &job());
        assert!(!first.from_memo, "{name}");
        let second = plugin.render(&context, &job());
        assert!(second.from_memo, "{name}");
        assert_eq!(second.memory_peak, 0);
        let (first, second) = (first.result.unwrap(), second.result.unwrap());
        assert_eq!(first, second);
        assert_eq!(second.changed, changed);
        assert!(!plugin.render_uncached(&context, &job()).from_memo);

        context.attempt += 1;
        assert!(!plugin.render(&context, &job()).from_memo, "{name}");
        let mut other = job();
        other["spec"]["backoffLimit"] = json!(4);
        assert!(!plugin.render(&context, &other).from_memo, "{name}");
    }
}

#[test]
fn what_was_refused_is_not_remembered() {
    let plugin = load("counter");
    let _ = plugin.render(&context(), &job());
    assert!(!plugin.render(&context(), &job()).from_memo);
}

#[test]
fn another_configuration_is_another_identity_and_another_question() {
    let plain = load("everything");
    let host = host();
    let bytes = crate::support::bytes("patch");
    let configured = |config| {
        host.load(
            &bytes,
            PluginSettings {
                config,
                ..patient()
            },
        )
        .unwrap()
    };
    let (a, b) = (configured(json!({"a": 1})), configured(json!({"a": 2})));
    assert_eq!(a.digest(), b.digest());
    assert_ne!(a.identity(), b.identity());
    assert_ne!(a.identity(), plain.identity());
    assert_eq!(a.identity(), configured(json!({"a": 1})).identity());

    let (context, job) = (context(), job());
    let render = Question::Render {
        context: &context,
        job: &job,
    };
    assert_ne!(a.question_hash(&render), b.question_hash(&render));
    assert_eq!(a.question_hash(&render), a.clone().question_hash(&render));
    let decide = |trigger| {
        let question = Question::Decide {
            trigger: &trigger,
            context: &context,
        };
        a.question_hash(&question)
    };
    assert_ne!(decide(Trigger::StreamCreated), decide(Trigger::Tick));
    assert_ne!(
        decide(Trigger::SpecChanged { previous: None }),
        decide(Trigger::SpecChanged {
            previous: Some("{}".into())
        })
    );
}

#[test]
fn a_grant_is_in_force_when_it_is_asked_for_and_given() {
    let placing = |asked: &[&str]| {
        Builder::new("placing")
            .grants(asked)
            .render(Render::Patch(
                br#"[{"op":"add","path":"/spec/template/spec/nodeSelector","value":{"pool":"big"}}]"#
                    .to_vec(),
            ))
            .build()
            .unwrap()
    };
    let granting = |placement: bool| {
        let mut settings = patient();
        settings.grants.placement = placement;
        settings
    };
    for (asked, given, allowed) in [
        (&["placement"][..], true, true),
        (&["placement"], false, false),
        (&[], true, false),
    ] {
        let plugin = host().load(&placing(asked), granting(given)).unwrap();
        let result = plugin.render(&context(), &job()).result;
        assert_eq!(result.is_ok(), allowed, "{asked:?} {given}: {result:?}");
        assert_eq!(
            plugin.missing_grants().len(),
            usize::from(!asked.is_empty() && !given)
        );
    }
    // A grant that is not asked for changes nothing, not even the identity.
    let without = host().load(&placing(&[]), granting(false)).unwrap();
    let with = host().load(&placing(&[]), granting(true)).unwrap();
    assert_eq!(without.identity(), with.identity());
    let asking = |given| {
        host()
            .load(&placing(&["placement"]), granting(given))
            .unwrap()
    };
    assert_ne!(asking(true).identity(), asking(false).identity());
}
