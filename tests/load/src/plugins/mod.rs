//! `cargo xtask bench plugins`: the course of it.

mod bare;
mod calls;
pub mod cold;
mod loading;
mod looping;
mod reconcile;
mod sample;
mod turns;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use arcane_plugin_build::{Options, build_plugin};
use arcane_plugins::{HostSettings, PluginHost, PluginSettings};
use xtask::cli::Plugins;

use crate::figures::Figures;
use crate::machine::{Moment, cores};
use crate::measure;
use crate::report::Subject;

/// What the report says beside the figures.
pub fn subject(options: &Plugins) -> Subject {
    Subject {
        benchmark: "plugins",
        of: "classes",
        size: options.classes,
        notes: format!(
            "  The plugin is the example right-size; every call has an instance of its own. Calls \
             that are compared\n  take turns. The bare call has the same component, engine and \
             arguments, but no question is encoded,\n  nothing is limited, and no answer is read or \
             judged. What renders add to a stream's lifecycle is for its\n  two Jobs, beside the \
             {:.1} ms of CPU that the operator takes for it without a plugin\n  (`cargo xtask bench \
             lifecycle`). {} cores.\n",
            reconcile::LIFECYCLE_MICROSECONDS / 1000.0,
            cores(),
        ),
    }
}

/// Measures everything.
///
/// # Errors
/// The example cannot be built, or does not do what it should.
pub fn run(options: &Plugins) -> Result<Figures> {
    let component = right_size()?;
    let mut figures = Figures::default();
    let before = Moment::now()?;
    let begun = Instant::now();

    eprintln!("Loads and memory");
    figures.extend(loading::measure(&component, options.classes)?);

    let host = PluginHost::new(HostSettings {
        memo_bytes: 0,
        ..HostSettings::default()
    })?;
    let plugin = host.load(&component, sample::settings()?)?;
    let bare = bare::Bare::new(host.engine(), &component)?;
    let small = sample::Sample::of(4 << 10)?;
    let large = sample::Sample::of(64 << 10)?;

    eprintln!("Calls");
    for (size, sample, calls) in [
        ("4k", &small, options.calls),
        ("64k", &large, options.calls / 5),
    ] {
        figures.extend(calls::measure(size, sample, calls, &plugin, &bare)?);
    }
    figures.extend(calls::throughput(&small, options.calls, &plugin)?);

    eprintln!("Renders");
    figures.extend(reconcile::measure(&small, options.calls, &component)?);

    eprintln!("Beside a plugin that loops");
    figures.extend(looping::measure(&component, &small)?);

    figures.extend(measure::others(&before, begun)?);
    Ok(figures)
}

/// The example right-size, built.
fn right_size() -> Result<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../example-plugins/right-size");
    eprintln!("Building the example right-size");
    let built = build_plugin(&folder, &Options::default())
        .context("the example right-size, which is what is measured, cannot be built")?;
    Ok(built.component)
}

/// Settings of a class that gives the plugin all the time it wants.
fn patient(settings: PluginSettings) -> PluginSettings {
    PluginSettings {
        timeout: std::time::Duration::from_secs(10),
        ..settings
    }
}
