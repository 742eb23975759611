//! The status of a StreamClass, and its events.

use std::{sync::Arc, time::Duration};

use arcane_contract::{
    api::{Phase, StreamClass},
    names::{GROUP, VERSION},
};
use arcane_lifecycle::Severity;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::ResourceExt;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    kind::Obstacle,
    plugin::{self, Word},
};
use crate::{
    faults::{Faults, SILENCE_CHECK},
    plugins,
    stream::Host,
    time::written,
    writer::Path,
};

/// How a class fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Its definitions are not known yet.
    Starting,
    /// Its streams are worked on.
    Serving,
    /// It cannot be served.
    Broken(Obstacle),
}

/// Time between attempts to write a status.
const RETRY: Duration = Duration::from_secs(5);

/// What is known to stand in the status.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    phase: Option<Phase>,
    reason: String,
    message: String,
    generation: Option<i64>,
    plugin: Option<Word>,
}

/// Keeps the class's status in line with its state, and that of its plugin, until `stop`. It is
/// written for one shard only: what the others find out stands in metrics and logs.
pub async fn follow(
    host: Arc<Host>,
    class: StreamClass,
    mut state: watch::Receiver<State>,
    mut plugin: Option<watch::Receiver<plugins::State>>,
    faults: Faults,
    stop: CancellationToken,
) {
    let (mut own, mut shared) = (faults.subscribe(), host.faults.subscribe());
    let (mut known, mut times) = (known(&class), Times::of(&class));
    loop {
        let current = {
            let state = state.borrow_and_update().clone();
            effective(state, [faults.current(), host.faults.current()].concat())
        };
        let said = plugin.as_mut().and_then(|plugin| {
            plugin::word(&plugin.borrow_and_update(), class.metadata.generation)
        });
        if let Some(word) = &said {
            let metrics = &host.metrics.plugins;
            metrics.fares(
                &class.name_any(),
                host.shard,
                word.ready,
                word.is_left_alone(),
            );
        }
        let mut retry = None;
        let wanted = wanted(&current, said, &known, &class);
        // Two replicas would overwrite each other's words for ever.
        if wanted != known && host.shard.speaks_for_classes() {
            times.pass(&known, &wanted, Timestamp::now());
            match write(&host, &class, &known, &wanted, &times).await {
                Ok(()) => known = wanted,
                Err(error) => {
                    warn!(class = %class.name_any(), "failed to write the status of the class: {error}");
                    retry = Some(RETRY);
                }
            }
        }
        // Faults may end without a word.
        let again = tokio::time::sleep(retry.unwrap_or(SILENCE_CHECK));
        tokio::select! {
            () = stop.cancelled() => return,
            () = again => {}
            // The senders live as long as their classes; an end is followed by `stop`.
            Ok(()) = state.changed() => {}
            () = change_of(&mut plugin) => {}
            Ok(()) = own.changed() => {}
            Ok(()) = shared.changed() => {}
        }
    }
}

async fn change_of(plugin: &mut Option<watch::Receiver<plugins::State>>) {
    let is_over = match plugin {
        Some(plugin) => plugin.changed().await.is_err(),
        None => true,
    };
    if is_over {
        std::future::pending::<()>().await;
    }
}

/// A watch that fails outweighs everything but what keeps the class from being watched at all.
fn effective(state: State, faults: Vec<String>) -> State {
    match state {
        State::Broken(_) => state,
        _ if faults.is_empty() => state,
        _ => State::Broken(Obstacle {
            reason: "WatchFailed",
            message: faults.join("; "),
        }),
    }
}

/// What should stand in the status. A restart of the operator is no news:
/// a class that was served stays Ready while it starts.
fn wanted(state: &State, said: Option<Word>, known: &Known, class: &StreamClass) -> Known {
    let generation = class.metadata.generation;
    let kind = &class.spec.kind_ref;
    let is_named = class.spec.plugin.is_some();
    let plugin = said.or_else(|| known.plugin.clone().filter(|_| is_named));
    let (phase, reason, message) = match state {
        State::Starting if known.phase.is_some() => {
            return Known {
                plugin,
                ..known.clone()
            };
        }
        State::Starting => (
            Phase::Pending,
            "Starting",
            format!("the operator is about to watch {kind}"),
        ),
        State::Serving => (
            Phase::Ready,
            "Serving",
            format!("the operator serves {kind}"),
        ),
        State::Broken(Obstacle { reason, message }) => (Phase::Failed, *reason, message.clone()),
    };
    Known {
        phase: Some(phase),
        reason: reason.to_owned(),
        message,
        generation,
        plugin,
    }
}

fn known(class: &StreamClass) -> Known {
    let status = class.status.as_ref();
    let condition = status.and_then(|status| {
        status
            .conditions
            .iter()
            .find(|condition| condition.type_ == "Ready")
    });
    Known {
        phase: status.and_then(|status| status.phase),
        reason: condition.map(|c| c.reason.clone()).unwrap_or_default(),
        message: condition.map(|c| c.message.clone()).unwrap_or_default(),
        generation: condition.and_then(|c| c.observed_generation),
        plugin: plugin::known(class),
    }
}

/// Since when the conditions have the status that they have.
struct Times {
    ready: String,
    plugin: String,
}

impl Times {
    fn of(class: &StreamClass) -> Self {
        let conditions = class.status.as_ref().map(|status| &status.conditions);
        let since = |kind: &str| {
            let found = conditions?.iter().find(|it| it.type_ == kind)?;
            Some(written(found.last_transition_time.0))
        };
        Times {
            ready: since("Ready").unwrap_or_default(),
            plugin: since(plugin::PLUGIN_READY).unwrap_or_default(),
        }
    }

    /// A condition that changes from True to False, or back, or is new, does so now.
    fn pass(&mut self, before: &Known, after: &Known, now: Timestamp) {
        let is_ready = |known: &Known| known.phase.map(|phase| phase == Phase::Ready);
        if is_ready(before) != is_ready(after) || self.ready.is_empty() {
            self.ready = written(now);
        }
        let is_in_service = |known: &Known| known.plugin.as_ref().map(|word| word.ready);
        if is_in_service(before) != is_in_service(after) || self.plugin.is_empty() {
            self.plugin = written(now);
        }
    }
}

async fn write(
    host: &Host,
    class: &StreamClass,
    known: &Known,
    wanted: &Known,
    times: &Times,
) -> Result<(), crate::writer::Error> {
    let path = Path::cluster(GROUP, VERSION, "streamclasses");
    let patch = status_patch(wanted, times);
    host.writer
        .merge_status(&path, &class.name_any(), &patch)
        .await?;
    // Another reason for the same failure is news, other words for the same reason are not.
    let is_news = known.phase != wanted.phase || known.reason != wanted.reason;
    if let Some((severity, reason)) = event(known.phase, wanted.phase).filter(|_| is_news) {
        info!(class = %class.name_any(), reason, "{}", wanted.message);
        host.events
            .publish(&reference(class), severity, reason, &wanted.message)
            .await;
    }
    let told = plugin::event(known.plugin.as_ref(), wanted.plugin.as_ref());
    if let (Some((severity, reason)), Some(word)) = (told, &wanted.plugin) {
        host.events
            .publish(&reference(class), severity, reason, &word.message)
            .await;
    }
    Ok(())
}

fn status_patch(wanted: &Known, times: &Times) -> Value {
    let Known {
        phase,
        reason,
        message,
        generation,
        plugin,
    } = wanted;
    let ready = json!({
        "type": "Ready",
        "status": if *phase == Some(Phase::Ready) { "True" } else { "False" },
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": times.ready,
    });
    let plugin_ready = plugin
        .as_ref()
        .map(|word| plugin::condition(word, &times.plugin));
    let conditions: Vec<_> = [ready].into_iter().chain(plugin_ready).collect();
    let in_service = plugin.as_ref().and_then(|word| word.status.as_ref());
    json!({"status": {
        "phase": phase.map(Phase::as_str),
        "conditions": conditions,
        "plugin": in_service,
    }})
}

fn event(before: Option<Phase>, now: Option<Phase>) -> Option<(Severity, &'static str)> {
    match (before, now?) {
        (_, Phase::Failed) => Some((Severity::Warning, "StreamControllerError")),
        (Some(Phase::Failed), Phase::Ready) => Some((Severity::Warning, "StreamClassRecovered")),
        (Some(Phase::Ready), Phase::Ready) => None,
        (_, Phase::Ready) => Some((Severity::Normal, "StreamClassReady")),
        (None, Phase::Pending) => Some((Severity::Normal, "StreamClassCreated")),
        _ => None,
    }
}

fn reference(class: &StreamClass) -> ObjectReference {
    ObjectReference {
        api_version: Some(format!("{GROUP}/{VERSION}")),
        kind: Some("StreamClass".into()),
        name: class.metadata.name.clone(),
        uid: class.metadata.uid.clone(),
        resource_version: class.metadata.resource_version.clone(),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: Value) -> StreamClass {
        serde_json::from_value(json!({
            "apiVersion": "streaming.sneaksanddata.com/v1",
            "kind": "StreamClass",
            "metadata": {"name": "c", "generation": 2},
            "spec": {"apiVersion": "v1", "kindRef": "Sample", "pluralName": "samples"},
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn a_restart_of_the_operator_writes_nothing_on_a_class_that_is_ready() {
        let mut class = class(json!({}));
        let first = wanted(&State::Serving, None, &known(&class), &class);
        let mut times = Times::of(&class);
        times.pass(&known(&class), &first, Timestamp::UNIX_EPOCH);
        class.status =
            serde_json::from_value(status_patch(&first, &times)["status"].clone()).unwrap();
        assert_eq!(
            wanted(&State::Starting, None, &known(&class), &class),
            known(&class)
        );
        assert_eq!(
            wanted(&State::Serving, None, &known(&class), &class),
            known(&class)
        );
    }

    #[test]
    fn a_failing_watch_makes_a_class_fail_with_what_to_do() {
        let state = effective(State::Serving, vec!["grant list".into()]);
        let class = class(json!({}));
        let failed = wanted(&state, None, &known(&class), &class);
        assert_eq!(failed.phase, Some(Phase::Failed));
        assert_eq!(failed.message, "grant list");
    }

    #[test]
    fn events_tell_transitions_only() {
        use Phase::{Failed, Pending, Ready};
        let reason = |before, now| event(before, Some(now)).map(|(_, reason)| reason);
        assert_eq!(reason(None, Pending), Some("StreamClassCreated"));
        assert_eq!(reason(Some(Pending), Ready), Some("StreamClassReady"));
        assert_eq!(reason(Some(Ready), Ready), None);
        assert_eq!(reason(Some(Ready), Failed), Some("StreamControllerError"));
        assert_eq!(reason(Some(Failed), Ready), Some("StreamClassRecovered"));
    }
}
