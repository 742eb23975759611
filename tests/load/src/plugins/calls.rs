//! Fresh calls, against the bare call and the native change.

use anyhow::{Result, ensure};
use arcane_plugins::Plugin;
use serde_json::Value;

use super::bare::{Bare, Question};
use super::sample::{Sample, natively};
use super::turns::{in_turns, per_second};
use crate::figures::{Across, Figures, Unit};

/// Calls with a Job of one size. `size` ends the figures' names.
pub fn measure(
    size: &str,
    sample: &Sample,
    calls: u32,
    plugin: &Plugin,
    bare: &Bare,
) -> Result<Figures> {
    let rendered = plugin
        .render_uncached(&sample.context, &sample.job)
        .result?;
    let native: Value = serde_json::from_str(&natively(&sample.job.text)?)?;
    ensure!(
        rendered.job == native,
        "the plugin does not do what is done natively"
    );
    let question = Question::of(sample)?;
    let [fresh, bare, native] = in_turns(
        calls,
        [
            &mut || fresh(plugin, sample),
            &mut || bare.call(&question),
            &mut || natively(&sample.job.text).map(drop),
        ],
    )?;

    let mut figures = Figures::default();
    let mut add = |name: &str, label: &str, unit, value| {
        let (name, label) = (format!("{name}_{size}"), format!("{label}, {size}B Job"));
        figures.add(&name, &label, unit, Across::Median, value);
    };
    let micro = Unit::Microseconds;
    add("fresh", "fresh call", micro, fresh.median());
    add("fresh_p99", "fresh call, p99", micro, fresh.p99());
    add(
        "fresh_p99_to_median",
        "fresh call, p99 to median",
        Unit::Times,
        fresh.p99() / fresh.median(),
    );
    add("bare", "bare call", micro, bare.median());
    add("bare_p99", "bare call, p99", micro, bare.p99());
    add(
        "overhead",
        "what the host adds to the bare call",
        Unit::Share,
        fresh.median() / bare.median() - 1.0,
    );
    add("native", "the change made natively", micro, native.median());
    add(
        "fresh_to_native",
        "fresh call to native change",
        Unit::Times,
        fresh.median() / native.median(),
    );
    Ok(figures)
}

/// Calls in a second, by one thread and by two.
pub fn throughput(sample: &Sample, calls: u32, plugin: &Plugin) -> Result<Figures> {
    let calls = usize::try_from(calls)?;
    let [one, two] = [1, 2].map(|threads| per_second(threads, calls, || fresh(plugin, sample)));
    let (one, two) = (one?, two?);
    let mut figures = Figures::default();
    let mut add = |name, label, unit, value| figures.add(name, label, unit, Across::Median, value);
    let rate = Unit::CallsPerSecond;
    add("per_second", "calls per second, one thread", rate, one);
    add(
        "per_second_of_two",
        "calls per second, two threads",
        rate,
        two,
    );
    add("two_to_one", "two threads to one", Unit::Times, two / one);
    Ok(figures)
}

fn fresh(plugin: &Plugin, sample: &Sample) -> Result<()> {
    let report = plugin.render_uncached(&sample.context, &sample.job);
    Ok(report.result.map(drop)?)
}
