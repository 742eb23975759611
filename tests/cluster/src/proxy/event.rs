//! The lines of a watch's answer: one event each.

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::json;

/// Marks the bookmark that ends the list which a watch begins with.
const END_OF_LIST: &str = "k8s.io/initial-events-end";

/// What is known of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) version: String,
    /// With this bookmark the list that the watch began with is complete.
    pub(super) ends_list: bool,
}

impl Event {
    /// Reads a line; none if it is no event.
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Line {
            #[serde(rename = "type")]
            kind: String,
            object: Object,
        }
        #[derive(Deserialize)]
        struct Object {
            #[serde(default)]
            metadata: Metadata,
        }
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "camelCase", default)]
        struct Metadata {
            namespace: String,
            name: String,
            resource_version: String,
            annotations: std::collections::BTreeMap<String, String>,
        }
        let Line { kind, object } = serde_json::from_slice(line).ok()?;
        let metadata = object.metadata;
        Some(Self {
            ends_list: kind == "BOOKMARK" && metadata.annotations.contains_key(END_OF_LIST),
            kind,
            namespace: metadata.namespace,
            name: metadata.name,
            version: metadata.resource_version,
        })
    }

    /// The line that says that a watch cannot go on from where it is.
    pub(super) fn gone() -> Bytes {
        let event = json!({"type": "ERROR", "object": {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": "too old resource version: injected",
            "reason": "Expired",
            "code": 410,
        }});
        format!("{event}\n").into()
    }
}

/// Cuts what comes in into lines.
#[derive(Debug, Default)]
pub(super) struct Lines(BytesMut);

impl Lines {
    /// Takes more.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// What is left when nothing more comes.
    pub(super) fn rest(&mut self) -> Bytes {
        self.0.split().freeze()
    }
}

impl Iterator for Lines {
    type Item = Bytes;

    /// The next whole line, with its end.
    fn next(&mut self) -> Option<Bytes> {
        let end = self.0.iter().position(|&byte| byte == b'\n')?;
        Some(self.0.split_to(end + 1).freeze())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_event_tells_its_type_and_its_object() {
        let line = br#"{"type":"ADDED","object":{"metadata":{"namespace":"n","name":"a","resourceVersion":"7"}}}"#;
        let expected = Event {
            kind: "ADDED".into(),
            namespace: "n".into(),
            name: "a".into(),
            version: "7".into(),
            ends_list: false,
        };
        assert_eq!(Event::of(line), Some(expected));
        assert_eq!(Event::of(b"{}"), None);
    }

    #[test]
    fn the_end_of_a_list_is_a_bookmark_that_says_so() {
        let line = br#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7","annotations":{"k8s.io/initial-events-end":"true"}}}}"#;
        assert!(Event::of(line).unwrap().ends_list);
        let plain = br#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}"#;
        assert!(!Event::of(plain).unwrap().ends_list);
    }

    #[test]
    fn a_history_that_is_gone_is_an_error_event() {
        assert_eq!(Event::of(&Event::gone()).unwrap().kind, "ERROR");
    }

    proptest! {
        #[test]
        fn however_a_text_comes_in_its_lines_are_the_same(
            text in "[ab\n]{0,60}",
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            for part in cuts.windows(2) {
                lines.push(&text.as_bytes()[part[0]..part[1]]);
                found.extend(&mut lines);
            }
            found.push(lines.rest());
            let expected: Vec<_> = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).collect();
            prop_assert_eq!(&found[..found.len() - 1], &expected.iter().map(|line| Bytes::copy_from_slice(line.as_bytes())).collect::<Vec<_>>()[..]);
            prop_assert_eq!(found.concat(), text.into_bytes());
        }
    }
}
