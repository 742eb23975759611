//! Several calls at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arcane_plugins::{HostSettings, PluginHost, PluginSettings};

use crate::support::{bytes, context, job, patient, settings};

#[test]
fn calls_from_many_threads_each_get_their_answer() {
    let host = PluginHost::new(HostSettings {
        concurrent_calls: 3,
        concurrent_calls_per_plugin: 2,
        memo_bytes: 0,
        ..settings()
    })
    .unwrap();
    let plugins: Vec<_> = ["patch", "whole-job", "unchanged"]
        .iter()
        .map(|name| (*name, host.load(&bytes(name), patient()).unwrap()))
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let plugins = &plugins;
            scope.spawn(move || {
                let mut context = context();
                context.stream.name = format!("stream-{thread}");
                for round in 0..30 {
                    let (name, plugin) = &plugins[(thread + round) % plugins.len()];
                    let mut job = job();
                    job["metadata"]["annotations"]["round"] = round.to_string().into();
                    let rendered = plugin.render(&context, &job).result.unwrap();
                    assert_eq!(rendered.changed, *name == "patch");
                    assert_eq!(
                        rendered.job["metadata"]["annotations"]["round"],
                        round.to_string()
                    );
                }
            });
        }
    });
}

#[test]
fn a_slow_plugin_leaves_room_for_the_others() {
    let host = PluginHost::new(HostSettings {
        concurrent_calls: 3,
        concurrent_calls_per_plugin: 2,
        memo_bytes: 0,
        ..settings()
    })
    .unwrap();
    let slow = host
        .load(
            &bytes("endless-loop"),
            PluginSettings {
                timeout: Duration::from_millis(200),
                ..patient()
            },
        )
        .unwrap();
    let quick = host.load(&bytes("patch"), patient()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let slow_threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    while !done.load(Ordering::SeqCst) {
                        let _ = slow.render(&context(), &job());
                    }
                })
            })
            .collect();
        for _ in 0..50 {
            assert!(quick.render(&context(), &job()).result.is_ok());
        }
        done.store(true, Ordering::SeqCst);
        for thread in slow_threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_call_that_does_not_get_its_turn_says_so() {
    let host = PluginHost::new(HostSettings {
        concurrent_calls: 1,
        concurrent_calls_per_plugin: 1,
        call_wait: Duration::ZERO,
        ..settings()
    })
    .unwrap();
    let slow = host
        .load(
            &bytes("endless-loop"),
            PluginSettings {
                timeout: Duration::from_secs(5),
                ..patient()
            },
        )
        .unwrap();
    let quick = host.load(&bytes("patch"), patient()).unwrap();
    std::thread::scope(|scope| {
        let loops = scope.spawn(|| {
            // The quick one may have the turn as well.
            loop {
                let error = slow.render(&context(), &job()).result.unwrap_err();
                if error.kind() != "busy" {
                    break error;
                }
            }
        });
        // As soon as the slow one has the turn, there is none left.
        let error = loop {
            if let Err(error) = quick.render_uncached(&context(), &job()).result {
                break error;
            }
        };
        assert_eq!(error.kind(), "busy");
        assert!(!error.is_plugins_fault());
        assert!(error.to_string().contains("took up every turn"), "{error}");
        assert_eq!(loops.join().unwrap().kind(), "timeout");
    });
    assert!(quick.render_uncached(&context(), &job()).result.is_ok());
}
