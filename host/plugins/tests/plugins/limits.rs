//! What a plugin runs into, and what is said about it.

use std::time::Duration;

use arcane_guests::{Builder, Deed, Render};
use arcane_plugins::{CallError, Health, HostSettings, Plugin, PluginHost};

use crate::support::{context, hasty, host, job, load, load_with, patient, roomy, settings};

fn error(plugin: &Plugin) -> CallError {
    plugin.render(&context(), &job()).result.unwrap_err()
}

#[test]
fn a_plugin_that_does_not_end_is_stopped() {
    let plugin = load_with("endless-loop", hasty());
    let report = plugin.render(&context(), &job());
    assert!(report.elapsed >= hasty().timeout);
    let text = report.result.unwrap_err().to_string();
    assert!(text.contains("longer than 50 ms"), "{text}");
    assert!(text.contains("spec.plugin.timeoutMilliseconds"), "{text}");
}

#[test]
fn a_loop_in_any_function_of_a_plugin_is_stopped() {
    for (deeds, name) in [
        ("endless-describe", "DescribeFailed"),
        ("endless-start", "StartFailed"),
    ] {
        let loaded = host().load(&crate::support::bytes(deeds), hasty());
        let error = loaded.map(drop).unwrap_err();
        assert_eq!(error.reason(), name);
        assert!(error.to_string().contains("longer than 50 ms"), "{error}");
    }
}

#[test]
fn memory_is_limited_by_the_class() {
    let limit = 4 << 20;
    let plugin = load_with("memory-bomb", roomy(limit));
    let report = plugin.render(&context(), &job());
    assert!(report.memory_peak <= limit);
    assert!(report.memory_peak > limit - (64 << 10) * 2);
    let text = report.result.unwrap_err().to_string();
    assert!(text.contains("4 MiB are allowed"), "{text}");
    assert!(text.contains("spec.plugin.memoryLimit"), "{text}");
}

#[test]
fn no_class_can_allow_more_memory_than_there_is_room_for() {
    let plugin = load_with("memory-bomb", roomy(usize::MAX));
    let text = error(&plugin).to_string();
    assert!(text.contains("1 GiB are allowed"), "{text}");
}

#[test]
fn a_plugin_may_have_the_memory_that_it_begins_with_if_the_class_allows_it() {
    let plugin = load_with("large-start", roomy(129 << 20));
    assert!(plugin.render(&context(), &job()).result.is_ok());
    let error = host()
        .load(&crate::support::bytes("large-start"), patient())
        .map(drop)
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("cannot be started"), "{text}");
    assert!(text.contains("64 MiB are allowed"), "{text}");
}

#[test]
fn recursion_ends_as_a_crash() {
    let text = error(&load("recursion")).to_string();
    assert!(text.contains("call stack exhausted"), "{text}");
}

#[test]
fn a_crash_tells_where_and_keeps_what_was_logged() {
    let report = load("trap").render(&context(), &job());
    assert_eq!(report.lines[0].message, "about to fall");
    let text = report.result.unwrap_err().to_string();
    assert!(text.contains("unreachable"), "{text}");
    assert!(text.contains("guest::renderer::render"), "{text}");
}

#[test]
fn an_answer_of_any_size_takes_no_more_than_its_limit() {
    let text = error(&load("large-output")).to_string();
    assert!(text.contains("more than 2 MiB at once"), "{text}");
    let text = error(&load("log-line")).to_string();
    assert!(text.contains("more than 2 MiB at once"), "{text}");
}

#[test]
fn a_flood_in_the_log_ends_the_call_and_keeps_what_came_before() {
    let report = load("log-flood").render(&context(), &job());
    assert!(report.lines.len() > 1_000);
    let logged: usize = report.lines.iter().map(|line| line.message.len() + 1).sum();
    assert!(logged <= 64 << 10);
    let text = report.result.unwrap_err().to_string();
    assert!(text.contains("more than 64 KiB in one call"), "{text}");
}

#[test]
fn a_long_line_is_cut() {
    let guest = Builder::new("long-line")
        .render_after(vec![Deed::LogBytes(10_000)], Render::Unchanged)
        .build()
        .unwrap();
    let report = host()
        .load(&guest, patient())
        .unwrap()
        .render_uncached(&context(), &job());
    assert_eq!(report.lines[0].message.len(), 4 << 10);
}

#[test]
fn text_that_is_none_is_told_apart() {
    let text = error(&load("invalid-utf8")).to_string();
    assert!(text.contains("utf-8"), "{text}");
    let text = error(&load("invalid-json")).to_string();
    assert!(text.contains("not a list of RFC 6902 operations"), "{text}");
    let text = error(&load("invalid-job")).to_string();
    assert!(text.contains("not valid JSON"), "{text}");
    let text = error(&load("deep-json")).to_string();
    assert!(text.contains("recursion limit"), "{text}");
    let text = error(&load("patch-nowhere")).to_string();
    assert!(text.contains("remove /spec/nothing"), "{text}");
    let text = error(&load("patch-bomb")).to_string();
    assert!(text.contains("larger than"), "{text}");
}

#[test]
fn a_plugin_that_keeps_breaking_is_left_alone_until_a_probe() {
    let host = PluginHost::new(HostSettings {
        breaker: arcane_plugins::BreakerSettings {
            faults_in_a_row: 3,
            first_pause: Duration::from_secs(3_600),
            longest_pause: Duration::from_secs(3_600),
        },
        ..settings()
    })
    .unwrap();
    let plugin = host
        .load(&crate::support::bytes("trap"), patient())
        .unwrap();
    for _ in 0..3 {
        assert_eq!(plugin.health(), Health::Closed);
        assert_eq!(error(&plugin).kind(), "trap");
    }
    assert!(matches!(plugin.health(), Health::Open { .. }));
    let refused = error(&plugin);
    assert!(!refused.is_plugins_fault());
    let text = refused.to_string();
    assert!(text.contains("left alone for another 3600 s"), "{text}");
    assert!(text.contains("unreachable"), "{text}");

    // The same component in another class is not concerned.
    let other = host
        .load(&crate::support::bytes("trap"), patient())
        .unwrap();
    assert_eq!(error(&other).kind(), "trap");
}

#[test]
fn a_probe_is_let_through_when_the_pause_is_over() {
    let host = PluginHost::new(HostSettings {
        breaker: arcane_plugins::BreakerSettings {
            faults_in_a_row: 1,
            first_pause: Duration::ZERO,
            ..arcane_plugins::BreakerSettings::default()
        },
        ..settings()
    })
    .unwrap();
    let plugin = host
        .load(&crate::support::bytes("trap"), patient())
        .unwrap();
    for _ in 0..3 {
        assert_eq!(error(&plugin).kind(), "trap");
        assert!(matches!(plugin.health(), Health::HalfOpen { .. }));
    }
}

#[test]
fn errors_and_refusals_of_one_stream_do_not_hold_up_the_others() {
    let plugin = load("gives-up");
    for _ in 0..20 {
        assert_eq!(error(&plugin).kind(), "plugin_error");
    }
    assert_eq!(plugin.health(), Health::Closed);
    let attempt = arcane_guests::ATTEMPTS[0].guest().unwrap();
    let plugin = host().load(&attempt, patient()).unwrap();
    for _ in 0..20 {
        assert_eq!(error(&plugin).kind(), "refused");
    }
    assert_eq!(plugin.health(), Health::Closed);
}
