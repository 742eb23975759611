//! Hostile calls leave nothing behind.

use std::fs;

use arcane_plugins::{BreakerSettings, HostSettings, PluginHost};

use crate::support::{bytes, context, hasty, job, patient, settings};

/// Memory of this process that is written to and present, in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .unwrap();
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1_024
}

#[test]
fn memory_is_back_where_it_was_after_hostile_calls() {
    let host = PluginHost::new(HostSettings {
        breaker: BreakerSettings {
            faults_in_a_row: u32::MAX,
            ..BreakerSettings::default()
        },
        ..settings()
    })
    .unwrap();
    let names = [
        "memory-bomb",
        "large-output",
        "log-flood",
        "recursion",
        "table-bomb",
        "deep-json",
    ];
    let mut plugins: Vec<_> = names
        .iter()
        .map(|name| host.load(&bytes(name), patient()).unwrap())
        .collect();
    plugins.push(host.load(&bytes("endless-loop"), hasty()).unwrap());
    let round = || {
        for plugin in &plugins {
            assert!(plugin.render(&context(), &job()).result.is_err());
        }
    };
    // What the allocator and the pool keep for the next call is there after the first.
    round();
    let before = resident();
    for _ in 0..20 {
        round();
    }
    // Twenty times 64 MiB were taken. Other tests of this program run at the same time.
    let grown = resident().saturating_sub(before);
    assert!(grown < 256 << 20, "{grown} bytes more than before");
}
