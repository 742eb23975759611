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

use super::kind::Obstacle;
use crate::{
    faults::{Faults, SILENCE_CHECK},
    stream::Host,
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
}

/// Keeps the class's status in line with its state until `stop`.
pub async fn follow(
    host: Arc<Host>,
    class: StreamClass,
    mut state: watch::Receiver<State>,
    faults: Faults,
    stop: CancellationToken,
) {
    let (mut own, mut shared) = (faults.subscribe(), host.faults.subscribe());
    let mut known = known(&class);
    loop {
        let current = {
            let state = state.borrow_and_update().clone();
            effective(state, [faults.current(), host.faults.current()].concat())
        };
        let mut retry = None;
        if let Some(wanted) = wanted(&current, &known, &class)
            && wanted != known
        {
            match write(&host, &class, &known, &wanted).await {
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
            Ok(()) = own.changed() => {}
            Ok(()) = shared.changed() => {}
        }
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

/// What should stand in the status; `None` leaves it alone. A restart of the operator is no news:
/// a class that was served stays Ready while it starts.
fn wanted(state: &State, known: &Known, class: &StreamClass) -> Option<Known> {
    let generation = class.metadata.generation;
    let kind = &class.spec.kind_ref;
    let (phase, reason, message) = match state {
        State::Starting if known.phase.is_some() => return None,
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
    Some(Known {
        phase: Some(phase),
        reason: reason.to_owned(),
        message,
        generation,
    })
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
    }
}

async fn write(
    host: &Host,
    class: &StreamClass,
    known: &Known,
    wanted: &Known,
) -> Result<(), crate::writer::Error> {
    let path = Path::cluster(GROUP, VERSION, "streamclasses");
    let patch = status_patch(wanted, Timestamp::now());
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
    Ok(())
}

fn status_patch(wanted: &Known, now: Timestamp) -> Value {
    let Known {
        phase,
        reason,
        message,
        generation,
    } = wanted;
    json!({"status": {
        "phase": phase.map(Phase::as_str),
        "conditions": [{
            "type": "Ready",
            "status": if *phase == Some(Phase::Ready) { "True" } else { "False" },
            "reason": reason,
            "message": message,
            "observedGeneration": generation,
            "lastTransitionTime": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }],
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
        let first = wanted(&State::Serving, &known(&class), &class).unwrap();
        class.status =
            serde_json::from_value(status_patch(&first, Timestamp::UNIX_EPOCH)["status"].clone())
                .unwrap();
        assert_eq!(wanted(&State::Starting, &known(&class), &class), None);
        assert_eq!(
            wanted(&State::Serving, &known(&class), &class),
            Some(known(&class))
        );
    }

    #[test]
    fn a_failing_watch_makes_a_class_fail_with_what_to_do() {
        let state = effective(State::Serving, vec!["grant list".into()]);
        let class = class(json!({}));
        let failed = wanted(&state, &known(&class), &class).unwrap();
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
