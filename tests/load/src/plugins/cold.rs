//! A process of its own, in which nothing has been loaded: what a start of the operator sees.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use arcane_plugins::{HostSettings, PluginHost};
use serde::{Deserialize, Serialize};

use super::loading::distinct;
use super::sample::{Sample, settings};
use crate::times::Times;

/// The variable that has such a process do its work: an [`Order`] as JSON.
pub const ORDER: &str = "ARCANE_LOAD_ORDER";
/// Loads of what is loaded already, of which the median counts.
const KNOWN: u32 = 100;

/// What the process is to do.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// File of a component, from which distinct ones are made.
    pub component: PathBuf,
    /// Directory of compiled components, which has all of them, and one more.
    pub cache: PathBuf,
    /// Numbers of plugins at which memory is looked at, ascending; the last one is how many are
    /// loaded.
    pub counts: Vec<u32>,
}

/// What it has found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Found {
    /// Median of a load from the cache, in microseconds.
    pub cached: f64,
    /// Median of a load of what is loaded already, in microseconds.
    pub known: f64,
    /// Seconds until all were ready, one after the other, with the host itself.
    pub ready: f64,
    /// Memory, at each count.
    pub resident: Vec<Resident>,
}

/// Memory that plugins take, each called once, beside that of the process before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resident {
    /// How many are loaded.
    pub plugins: u32,
    /// In bytes, with pages of files, which the system takes back when it needs them.
    pub bytes: u64,
    /// In bytes, without.
    pub own: u64,
}

/// What this process has been started for, if it has been by [`ORDER`].
pub fn asked() -> Option<Result<Order>> {
    let order = std::env::var(ORDER).ok()?;
    Some(serde_json::from_str(&order).context("the order cannot be read"))
}

/// Follows the order, and tells what was found on standard output.
pub fn run(order: &Order) -> Result<ExitCode> {
    println!("{}", serde_json::to_string(&follow(order)?)?);
    Ok(ExitCode::SUCCESS)
}

fn follow(order: &Order) -> Result<Found> {
    let component = std::fs::read(&order.component)?;
    let sample = Sample::of(4 << 10)?;
    let all = order.counts.last().copied().unwrap_or_default();

    let begun = Instant::now();
    let host = PluginHost::new(HostSettings {
        cache_dir: Some(order.cache.clone()),
        memo_bytes: 0,
        ..HostSettings::default()
    })?;
    let mut ready = begun.elapsed();
    // The pages of the instances' pool, which come with the first call, are not the plugins'.
    let warm = host.load(&distinct(&component, all), settings()?)?;
    let call = |plugin: &arcane_plugins::Plugin| plugin.render(&sample.context, &sample.job).result;
    call(&warm)?;
    let before = Memory::now()?;

    let mut plugins = Vec::new();
    let mut times = Vec::new();
    let mut resident = Vec::new();
    for number in 0..all {
        let bytes = distinct(&component, number);
        let begun = Instant::now();
        let plugin = host.load(&bytes, settings()?)?;
        times.push(begun.elapsed());
        drop(bytes);
        call(&plugin)?;
        plugins.push(plugin);
        if order.counts.contains(&(number + 1)) {
            resident.push(Memory::now()?.since(&before, number + 1));
        }
    }
    let compiled = host.statistics().compile.compiled_here;
    ensure!(
        compiled == 0,
        "the cache was not warm: {compiled} were compiled"
    );
    ready += times.iter().sum::<Duration>();

    let bytes = distinct(&component, 0);
    let mut known = Vec::new();
    for _ in 0..KNOWN {
        let begun = Instant::now();
        host.load(&bytes, settings()?)?;
        known.push(begun.elapsed());
    }
    Ok(Found {
        cached: Times::new(times).median(),
        known: Times::new(known).median(),
        ready: ready.as_secs_f64(),
        resident,
    })
}

/// Memory of this process that is present, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Memory {
    all: u64,
    own: u64,
}

impl Memory {
    fn now() -> Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        Self::read(&status).context("/proc/self/status tells no memory")
    }

    fn read(status: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
            Some(kilobytes * 1024)
        };
        Some(Self {
            all: field("VmRSS:")?,
            own: field("RssAnon:")?,
        })
    }

    fn since(&self, before: &Self, plugins: u32) -> Resident {
        Resident {
            plugins,
            bytes: self.all.saturating_sub(before.all),
            own: self.own.saturating_sub(before.own),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes_and_told_beside_what_was_there() {
        let status = "Name:\tx\nVmRSS:\t    2048 kB\nRssAnon:\t    1024 kB\n";
        let memory = Memory::read(status).unwrap();
        let before = Memory {
            all: 1 << 20,
            own: 1 << 20,
        };
        assert_eq!(
            memory.since(&before, 7),
            Resident {
                plugins: 7,
                bytes: 1 << 20,
                own: 0
            }
        );
        assert_eq!(Memory::read("VmRSS: much"), None);
        assert!(Memory::now().unwrap().all > 0);
    }
}
