//! What a plugin adds to the operator's rendering of a Job.

use anyhow::{Result, ensure};
use arcane_plugins::{HostSettings, Plugin, PluginHost};

use super::sample::{Sample, settings};
use super::turns::in_turns;
use crate::figures::{Across, Figures, Unit};

/// CPU that the operator takes for a stream from its creation to Running, without a plugin: what
/// `cargo xtask bench lifecycle` has found.
pub const LIFECYCLE_MICROSECONDS: f64 = 4_400.0;
/// Jobs that are rendered meanwhile: one that backfills, one that streams.
const JOBS: f64 = 2.0;

/// The render step with no plugin, with one whose answer is remembered, and with one that is called.
pub fn measure(sample: &Sample, calls: u32, component: &[u8]) -> Result<Figures> {
    let plugin_of = |memo_bytes| -> Result<Plugin> {
        let host = PluginHost::new(HostSettings {
            memo_bytes,
            ..HostSettings::default()
        })?;
        Ok(host.load(component, settings()?)?)
    };
    let remembering = plugin_of(HostSettings::default().memo_bytes)?;
    let forgetful = plugin_of(0)?;
    shaped(sample, &remembering, false)?;
    let [alone, remembered, fresh] = in_turns(
        calls,
        [
            &mut || sample.render().map(drop),
            &mut || shaped(sample, &remembering, true),
            &mut || shaped(sample, &forgetful, false),
        ],
    )?;

    let mut figures = Figures::default();
    let mut add = |name, label, unit, value| figures.add(name, label, unit, Across::Median, value);
    let micro = Unit::Microseconds;
    let [alone, remembered, fresh] = [alone, remembered, fresh].map(|times| times.median());
    add("render", "render and hash, no plugin", micro, alone);
    add(
        "render_remembered",
        "render and hash, answer remembered",
        micro,
        remembered,
    );
    add("render_fresh", "render and hash, fresh call", micro, fresh);
    let added = |with: f64| JOBS * (with - alone) / LIFECYCLE_MICROSECONDS;
    add(
        "lifecycle_remembered",
        "added to a stream's lifecycle, remembered",
        Unit::Share,
        added(remembered),
    );
    add(
        "lifecycle_fresh",
        "added to a stream's lifecycle, fresh calls",
        Unit::Share,
        added(fresh),
    );
    Ok(figures)
}

/// The operator's render step with a plugin: renders, asks, and hashes what came of it.
fn shaped(sample: &Sample, plugin: &Plugin, from_memo: bool) -> Result<()> {
    let rendered = sample.render()?;
    let report = plugin.render(&sample.context, &rendered.job());
    ensure!(
        report.from_memo == from_memo,
        "the answer was remembered or forgotten against expectation"
    );
    let answer = report.result?;
    ensure!(answer.changed, "the plugin has changed nothing");
    std::hint::black_box(rendered.with_job(answer.job, plugin.digest()));
    Ok(())
}
