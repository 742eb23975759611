//! The calls of one plugin while another one loops.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use arcane_guests::{Builder, Deed, Render};
use arcane_plugins::{BreakerSettings, HostSettings, PluginHost, PluginSettings};

use super::sample::{Sample, settings};
use crate::figures::{Across, Figures, Unit};
use crate::times::Times;

/// How often quiet and loops take turns.
const ROUNDS: usize = 4;
/// Calls in a round.
const CALLS: usize = 1_000;
/// How long a call of the looping plugin lasts.
const TIMEOUT: Duration = Duration::from_millis(250);

/// The latency of `component`, alone and beside a plugin that loops until its timeout in as many
/// calls as it is allowed at a time, again and again.
pub fn measure(component: &[u8], sample: &Sample) -> Result<Figures> {
    let host_settings = HostSettings {
        memo_bytes: 0,
        // What would otherwise leave the looping plugin alone after a few calls.
        breaker: BreakerSettings {
            faults_in_a_row: u32::MAX,
            ..BreakerSettings::default()
        },
        ..HostSettings::default()
    };
    let loops = host_settings.concurrent_calls_per_plugin;
    let host = PluginHost::new(host_settings)?;
    let plugin = host.load(component, settings()?)?;
    let looping = Builder::new("loops")
        .render_after(vec![Deed::Loop], Render::Unchanged)
        .build()?;
    let looping = host.load(
        &looping,
        PluginSettings {
            timeout: TIMEOUT,
            ..PluginSettings::default()
        },
    )?;

    let call = || -> Result<Duration> {
        let begun = Instant::now();
        plugin
            .render_uncached(&sample.context, &sample.job)
            .result?;
        Ok(begun.elapsed())
    };
    let calls = || -> Result<Vec<Duration>> { (0..CALLS).map(|_| call()).collect() };
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.extend(calls()?);
        let enough = AtomicBool::new(false);
        let round = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..loops)
                .map(|_| {
                    scope.spawn(|| {
                        let mut last = None;
                        while !enough.load(Ordering::SeqCst) {
                            let report = looping.render_uncached(&sample.context, &sample.job);
                            last = report.result.err();
                        }
                        last
                    })
                })
                .collect();
            // The first loops are under way.
            std::thread::sleep(TIMEOUT / 5);
            let round = calls();
            enough.store(true, Ordering::SeqCst);
            for thread in threads {
                let last = thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                let kind = last.as_ref().map(|error| error.kind());
                ensure!(
                    kind == Some("timeout"),
                    "the looping plugin did not loop: {kind:?}"
                );
            }
            round
        })?;
        beside.extend(round);
    }

    let (alone, beside) = (Times::new(alone), Times::new(beside));
    let mut figures = Figures::default();
    let mut add =
        |name, label: &str, unit, value| figures.add(name, label, unit, Across::Median, value);
    let micro = Unit::Microseconds;
    let loops = format!("beside {loops} loops of another plugin");
    add("alone", "fresh call, alone", micro, alone.median());
    add("alone_p99", "fresh call, alone, p99", micro, alone.p99());
    add(
        "beside",
        &format!("fresh call, {loops}"),
        micro,
        beside.median(),
    );
    add(
        "beside_p99",
        &format!("fresh call, {loops}, p99"),
        micro,
        beside.p99(),
    );
    add(
        "beside_to_alone",
        "beside loops to alone",
        Unit::Times,
        beside.median() / alone.median(),
    );
    add(
        "beside_to_alone_p99",
        "beside loops to alone, p99",
        Unit::Times,
        beside.p99() / alone.p99(),
    );
    Ok(figures)
}
