//! Kubernetes events.
//!
//! kube's own recorder keeps every event for six minutes and looks through all of them at each new
//! one, which does not scale to thousands of streams. Repetition is prevented where events are
//! decided on: they tell transitions, and problems that are new.

use arcane_lifecycle::Severity;
use jiff::Timestamp;
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::api::ObjectMeta;
use tracing::warn;

use crate::writer::Writer;

/// Bytes of a note at most; the API server refuses longer ones.
const LONGEST_NOTE: usize = 1024;

/// Publishes events in the name of this replica.
#[derive(Clone)]
pub struct Events {
    writer: Writer,
    instance: String,
}

impl Events {
    /// `instance` is the name of this replica.
    pub fn new(writer: Writer, instance: String) -> Self {
        Events { writer, instance }
    }

    /// Publishes one event. A failure is logged and changes nothing: events are for people.
    pub async fn publish(
        &self,
        regarding: &ObjectReference,
        severity: Severity,
        reason: &str,
        message: &str,
    ) {
        // Events about cluster-wide objects live in the default namespace.
        let namespace = regarding.namespace.as_deref().unwrap_or("default");
        let event = event(
            &self.instance,
            regarding,
            namespace,
            severity,
            reason,
            message,
            Timestamp::now(),
        );
        if let Err(error) = self.writer.publish(namespace, &event).await {
            warn!(reason, "failed to publish an event: {error}");
        }
    }
}

fn event(
    instance: &str,
    regarding: &ObjectReference,
    namespace: &str,
    severity: Severity,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> Event {
    let name = regarding.name.as_deref().unwrap_or_default();
    Event {
        metadata: ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(event_name(name, now)),
            ..ObjectMeta::default()
        },
        action: Some("Reconcile".into()),
        event_time: Some(MicroTime(now)),
        note: Some(shorten(message, LONGEST_NOTE)),
        reason: Some(reason.to_owned()),
        regarding: Some(regarding.clone()),
        reporting_controller: Some("arcane-host".into()),
        reporting_instance: Some(shorten(instance, 128)),
        type_: Some(
            match severity {
                Severity::Normal => "Normal",
                Severity::Warning => "Warning",
            }
            .into(),
        ),
        ..Event::default()
    }
}

/// The object's name and the time, as is usual; a long name is cut to leave room.
fn event_name(object: &str, now: Timestamp) -> String {
    const LONGEST_NAME: usize = 253;
    let suffix = format!(".{:x}", now.as_nanosecond());
    let stem = shorten(object, LONGEST_NAME - suffix.len());
    format!("{}{suffix}", stem.trim_end_matches(['.', '-', '…']))
}

/// At most `limit` bytes, cut between characters and marked where it was cut.
pub fn shorten(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    const MARK: &str = "…";
    let mut end = limit - MARK.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_is_cut_between_characters_and_says_so() {
        let cut = shorten(&"é".repeat(2000), LONGEST_NOTE);
        assert!(cut.len() <= LONGEST_NOTE && cut.ends_with("é…"), "{cut}");
    }

    #[test]
    fn a_short_note_is_left_alone() {
        assert_eq!(shorten("fine", 4), "fine");
    }

    #[test]
    fn the_event_of_a_long_name_has_a_valid_name() {
        let name = event_name(&"a.".repeat(126), Timestamp::UNIX_EPOCH);
        assert!(name.len() <= 253 && name.is_ascii(), "{name}");
    }
}
