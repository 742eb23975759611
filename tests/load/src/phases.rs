//! In which phase the streams are, by one watch: listing thousands over and over would cost the API
//! server more than what is measured.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use arcane_e2e::Plugin;
use futures::StreamExt;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ApiResource};
use kube::core::Object;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use xtask::terminal::time;

/// Time in which something must be heard of some stream. An API server with 10,000 streams to care for
/// may leave this watch without a word for more than a minute, and it is opened anew within five.
const STALLED: Duration = Duration::from_secs(360);
/// Between two lines of progress.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// A definition, of which only the phase is read and whether it is to be suspended.
type Definition = Object<Spec, Status>;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Spec {
    execution: Execution,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Execution {
    suspended: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Status {
    phase: String,
}

/// What was heard of the streams.
#[derive(Debug)]
struct Tally {
    /// How many are in which phase; the new ones under "".
    phases: BTreeMap<String, usize>,
    /// When the last change of a phase was seen.
    at: Instant,
    /// When it was first heard, by name, that a stream is to be suspended.
    suspended: HashMap<String, Timestamp>,
}

impl Tally {
    fn count(&self, phase: &str) -> usize {
        self.phases.get(phase).copied().unwrap_or(0)
    }

    fn show(&self) -> String {
        let phases = self.phases.iter().map(|(phase, count)| {
            let phase = if phase.is_empty() { "New" } else { phase };
            format!("{count} {phase}")
        });
        phases.collect::<Vec<_>>().join(", ")
    }
}

/// Follows the phases of a plugin's streams; dropping it ends the watch.
pub struct Phases {
    tally: watch::Receiver<Tally>,
    watch: AbortHandle,
}

impl Phases {
    /// Opens the watch, and returns once it is open: the kind is served then.
    pub async fn follow(client: Client, plugin: &Plugin<'_>) -> Result<Self> {
        let api = Api::namespaced_with(client, plugin.namespace(), plugin.kind());
        let (sender, mut tally) = watch::channel(Tally {
            phases: BTreeMap::new(),
            at: Instant::now(),
            suspended: HashMap::new(),
        });
        let watch = tokio::spawn(follow(api, sender)).abort_handle();
        let opened = timeout(STALLED, tally.changed()).await;
        opened.with_context(|| format!("no watch of {} could be opened", resource(plugin)))??;
        Ok(Self { tally, watch })
    }

    /// When this watch, which does nothing but listen, has heard that a stream is to be suspended.
    pub fn heard_suspended(&self, stream: &str) -> Option<Timestamp> {
        self.tally.borrow().suspended.get(stream).copied()
    }

    /// Waits until as many streams are Running, and returns when that was. Tells on standard error
    /// how it goes.
    ///
    /// # Errors
    /// When a stream fails, or when nothing is heard of any of them for six minutes.
    pub async fn all_running(&mut self, streams: usize) -> Result<Instant> {
        let begun = Instant::now();
        let mut told = begun;
        loop {
            {
                let tally = self.tally.borrow_and_update();
                if told.elapsed() >= TELL_EVERY {
                    eprintln!("  {:>6}  {}", time(begun.elapsed()), tally.show());
                    told = Instant::now();
                }
                if tally.count("Running") == streams {
                    return Ok(tally.at);
                }
                if tally.count("Failed") > 0 {
                    bail!("a stream has failed, which none should: {}", tally.show());
                }
            }
            match timeout(STALLED, self.tally.changed()).await {
                Ok(changed) => changed.context("the watch of the streams has ended")?,
                Err(_) => {
                    let heard = self.tally.borrow().show();
                    bail!("no stream has changed for {STALLED:?}: {heard}")
                }
            }
        }
    }
}

impl Drop for Phases {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

fn resource(plugin: &Plugin<'_>) -> String {
    let ApiResource { plural, group, .. } = plugin.kind();
    format!("{plural}.{group}")
}

async fn follow(api: Api<Definition>, tally: watch::Sender<Tally>) {
    let mut known: HashMap<String, String> = HashMap::new();
    // What goes wrong with a watch shows in the end: nothing changes any more.
    let events = watcher(api, watcher::Config::default()).default_backoff();
    let mut events = events.filter_map(async |event| event.ok()).boxed();
    while let Some(event) = events.next().await {
        let change = match event {
            watcher::Event::Init => continue,
            watcher::Event::InitDone => None,
            watcher::Event::Apply(object) | watcher::Event::InitApply(object) => {
                let phase = object.status.as_ref().map(|status| status.phase.clone());
                let phase = phase.unwrap_or_default();
                if object.spec.execution.suspended {
                    tally.send_if_modified(|tally| {
                        let heard = tally.suspended.entry(object.name_any());
                        heard.or_insert_with(Timestamp::now);
                        // Whoever waits does so for phases.
                        false
                    });
                }
                let before = known.insert(object.name_any(), phase.clone());
                if before.as_ref() == Some(&phase) {
                    continue;
                }
                Some((before, Some(phase)))
            }
            watcher::Event::Delete(object) => Some((known.remove(&object.name_any()), None)),
        };
        tally.send_modify(|tally| {
            if let Some((before, after)) = change {
                tally.at = Instant::now();
                shift(&mut tally.phases, before.as_deref(), after.as_deref());
            }
        });
    }
}

/// Moves one stream from one phase to another; `None` is not there.
fn shift(phases: &mut BTreeMap<String, usize>, before: Option<&str>, after: Option<&str>) {
    if let Some(count) = before.and_then(|phase| phases.get_mut(phase)) {
        *count -= 1;
    }
    if let Some(phase) = after {
        *phases.entry(phase.to_owned()).or_default() += 1;
    }
    phases.retain(|_, count| *count > 0);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_tally_is_what_counting_afresh_would_give(
            changes in proptest::collection::vec((0_u8..4, prop_oneof![Just(None), "[A-C]".prop_map(Some)]), 0..40),
        ) {
            let mut phases = BTreeMap::new();
            let mut known: HashMap<u8, String> = HashMap::new();
            for (stream, after) in changes {
                let before = match &after {
                    Some(phase) => known.insert(stream, phase.clone()),
                    None => known.remove(&stream),
                };
                shift(&mut phases, before.as_deref(), after.as_deref());
                let mut expected: BTreeMap<String, usize> = BTreeMap::new();
                for phase in known.values() {
                    *expected.entry(phase.clone()).or_default() += 1;
                }
                prop_assert_eq!(&phases, &expected);
            }
        }
    }

    #[test]
    fn new_streams_are_told_as_such() {
        let tally = Tally {
            phases: BTreeMap::from([(String::new(), 2), ("Running".to_owned(), 3)]),
            at: Instant::now(),
            suspended: HashMap::new(),
        };
        assert_eq!(tally.show(), "2 New, 3 Running");
        assert_eq!(tally.count("Pending"), 0);
    }
}
