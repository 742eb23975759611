//! What was listed once, to be listed again when it is no longer true.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Uri};

/// A list as it was answered: the whole answer, or the lines of a watch up to the list's end.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) headers: HeaderMap,
    pub(super) parts: Vec<Bytes>,
    /// Where a watch goes on that begins with this list.
    pub(super) version: String,
}

/// The first answer to each list.
#[derive(Debug, Default)]
pub(super) struct Past(Mutex<HashMap<String, Arc<Listed>>>);

impl Past {
    /// What was answered to the same question, if anything was.
    pub(super) fn get(&self, uri: &Uri) -> Option<Arc<Listed>> {
        self.lists().get(&question(uri)).cloned()
    }

    /// Whether nothing was answered yet.
    pub(super) fn lacks(&self, uri: &Uri) -> bool {
        !self.lists().contains_key(&question(uri))
    }

    /// Remembers an answer, unless there was one before.
    pub(super) fn keep(&self, uri: &Uri, listed: Listed) {
        let mut lists = self.lists();
        lists
            .entry(question(uri))
            .or_insert_with(|| Arc::new(listed));
    }

    fn lists(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Listed>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is asked, whatever version and time it is asked for.
fn question(uri: &Uri) -> String {
    with(
        uri,
        &["resourceVersion", "resourceVersionMatch", "timeoutSeconds"],
        &[],
    )
}

/// The question that goes on where a list has ended.
pub(super) fn continued(uri: &Uri, version: &str) -> Option<Uri> {
    let without = [
        "sendInitialEvents",
        "resourceVersionMatch",
        "resourceVersion",
    ];
    with(uri, &without, &[("resourceVersion", version)])
        .parse()
        .ok()
}

fn with(uri: &Uri, without: &[&str], more: &[(&str, &str)]) -> String {
    let query = uri.query().unwrap_or_default();
    let kept = query.split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !without.contains(&name)
    });
    let more = more.iter().map(|(name, value)| format!("{name}={value}"));
    let query: Vec<String> = kept.map(str::to_owned).chain(more).collect();
    format!("{}?{}", uri.path(), query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(version: &str) -> Listed {
        Listed {
            headers: HeaderMap::new(),
            parts: Vec::new(),
            version: version.into(),
        }
    }

    #[test]
    fn a_question_is_the_same_whatever_version_it_is_about_and_its_first_answer_stays() {
        let past = Past::default();
        let first: Uri = "/api/v1/pods?watch=true&resourceVersion=0&labelSelector=a"
            .parse()
            .unwrap();
        let again: Uri = "/api/v1/pods?watch=true&resourceVersion=9&labelSelector=a"
            .parse()
            .unwrap();
        let other: Uri = "/api/v1/pods?watch=true&labelSelector=b".parse().unwrap();
        assert!(past.lacks(&first));
        past.keep(&first, listed("1"));
        past.keep(&again, listed("2"));
        assert_eq!(past.get(&again).unwrap().version, "1");
        assert!(past.get(&other).is_none());
    }

    #[test]
    fn a_watch_goes_on_without_a_list() {
        let uri: Uri = "/api/v1/pods?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0"
            .parse()
            .unwrap();
        let expected = "/api/v1/pods?watch=true&resourceVersion=7";
        assert_eq!(continued(&uri, "7").unwrap().to_string(), expected);
    }
}
