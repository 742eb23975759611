//! Loads: from nothing, from a warm cache, and of what is there already; and memory.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use arcane_plugins::{HostSettings, PluginHost};

use super::cold::{self, Found, Order};
use super::sample::settings;
use crate::figures::{Across, Figures, Unit};
use crate::measure::mebibytes;
use crate::times::Times;

/// Loads from nothing, of which the median counts.
const COMPILED: u32 = 7;
/// Numbers of distinct plugins at which memory is looked at.
const COUNTS: [u32; 2] = [1, 100];

/// Loads `classes` distinct plugins, made from `component`.
pub fn measure(component: &[u8], classes: u32) -> Result<Figures> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("plugin.wasm");
    std::fs::write(&file, component)?;
    let cache = folder.path().join("cache");
    let host = PluginHost::new(HostSettings {
        cache_dir: Some(cache.clone()),
        ..HostSettings::default()
    })?;
    eprintln!("  compiling {classes} distinct plugins");
    let mut compiled = Vec::new();
    // One more, for what a process does before it is measured.
    for number in 0..=classes {
        let bytes = distinct(component, number);
        let begun = Instant::now();
        host.load(&bytes, settings()?)?;
        if number < COMPILED {
            compiled.push(begun.elapsed());
        }
    }
    drop(host);

    eprintln!("  loading them in a new process");
    let mut counts: Vec<_> = COUNTS
        .into_iter()
        .filter(|count| *count < classes)
        .collect();
    counts.push(classes);
    let order = Order {
        component: file,
        cache,
        counts,
    };
    let found = in_new_process(&order)?;

    let mut figures = Figures::default();
    let mut add = |name: &str, label: &str, unit, value| {
        figures.add(name, label, unit, Across::Median, value)
    };
    add(
        "load_compiled",
        "load, compiled first",
        Unit::Milliseconds,
        Times::new(compiled).median() / 1e3,
    );
    add(
        "load_cached",
        "load from a warm cache, new process",
        Unit::Microseconds,
        found.cached,
    );
    add(
        "load_known",
        "load of what is loaded already",
        Unit::Microseconds,
        found.known,
    );
    add(
        "classes_ready",
        "all classes ready, warm cache, new process",
        Unit::Seconds,
        found.ready,
    );
    for resident in &found.resident {
        let cold::Resident {
            plugins,
            bytes,
            own,
        } = resident;
        add(
            &format!("resident_{plugins}"),
            &format!("resident for {plugins} plugins, beside the host itself"),
            Unit::Mebibytes,
            mebibytes(*bytes),
        );
        add(
            &format!("resident_own_{plugins}"),
            "  of that not of files",
            Unit::Mebibytes,
            mebibytes(*own),
        );
    }
    Ok(figures)
}

fn in_new_process(order: &Order) -> Result<Found> {
    let output = Command::new(std::env::current_exe()?)
        .env(cold::ORDER, serde_json::to_string(order)?)
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("a new process cannot be started")?;
    ensure!(output.status.success(), "the new process has failed");
    serde_json::from_slice(&output.stdout).context("the new process tells nothing")
}

/// The component with a section at its end that nothing reads: another digest, the same code.
pub fn distinct(component: &[u8], number: u32) -> Vec<u8> {
    const NAME: &[u8] = b"number";
    let mut bytes = component.to_vec();
    // A custom section: its kind, its length, the length of its name, all below 128.
    let length = 1 + NAME.len() + size_of::<u32>();
    bytes.extend([0, length.to_le_bytes()[0], NAME.len().to_le_bytes()[0]]);
    bytes.extend(NAME);
    bytes.extend(number.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinct_plugins_have_other_digests_and_can_be_loaded() {
        let component = arcane_guests::guest("unchanged").unwrap().bytes;
        let host = PluginHost::new(HostSettings::default()).unwrap();
        let load = |number| {
            let bytes = distinct(&component, number);
            host.load(&bytes, Default::default()).unwrap()
        };
        let (one, other) = (load(1), load(300));
        assert_ne!(one.digest(), other.digest());
        assert_eq!(one.description(), other.description());
        assert_eq!(one.digest(), load(1).digest());
    }
}
