//! Watches that fail, with what to do about it: shown on every class that needs them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use kube::runtime::watcher;
use tokio::sync::watch;
use tracing::{info, warn};

/// The failing watches of the kinds that all classes share.
#[derive(Clone)]
pub struct Faults {
    inner: Arc<Mutex<BTreeMap<String, String>>>,
    changed: Arc<watch::Sender<u64>>,
}

impl Faults {
    /// None failing.
    pub fn new() -> Self {
        Faults {
            inner: Arc::default(),
            changed: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Notes that the watch of `resource` fails; transient ends of a watch are no faults.
    pub fn report(&self, resource: &str, error: &watcher::Error) {
        if is_routine(error) {
            return;
        }
        self.report_text(resource, explain(resource, error));
    }

    /// Notes that something about `resource` fails, in words.
    pub fn report_text(&self, resource: &str, text: String) {
        let before = self.lock().insert(resource.to_owned(), text.clone());
        if before.as_deref() != Some(&text) {
            warn!(resource, "{text}");
            self.changed.send_modify(|version| *version += 1);
        }
    }

    /// Notes that the watch of `resource` works.
    pub fn clear(&self, resource: &str) {
        if self.lock().remove(resource).is_some() {
            info!(resource, "works again");
            self.changed.send_modify(|version| *version += 1);
        }
    }

    /// One sentence for each failing watch.
    pub fn current(&self) -> Vec<String> {
        self.lock().values().cloned().collect()
    }

    /// Changes whenever [`Faults::current`] does.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A watch that the server ended or that fell out of its window is resumed or listed again at
/// once: nobody has to do anything.
fn is_routine(error: &watcher::Error) -> bool {
    matches!(
        error,
        watcher::Error::WatchFailed(_) | watcher::Error::WatchError(_)
    )
}

/// What failed and what to do.
pub fn explain(resource: &str, error: &watcher::Error) -> String {
    let (verb, source) = match error {
        watcher::Error::InitialListFailed(source) => ("list", source),
        watcher::Error::WatchStartFailed(source) => ("watch", source),
        other => return format!("{resource}: {other}"),
    };
    match source {
        kube::Error::Api(status) if status.is_forbidden() => format!(
            "the operator may not {verb} {resource}: grant its service account get, list and watch \
             on {resource} with a ClusterRole ({})",
            status.message
        ),
        kube::Error::Api(status) if status.is_not_found() => format!(
            "the API server does not serve {resource}: install its CustomResourceDefinition"
        ),
        kube::Error::Api(status) => format!("failed to {verb} {resource}: {}", status.message),
        other => format!("failed to {verb} {resource}: {other}"),
    }
}
