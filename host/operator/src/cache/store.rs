//! A cache of projected objects that knows how far its watch has come.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use kube::{Resource, ResourceExt};
use tokio::{sync::watch, time::Instant};

/// Namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Namespace.
    pub namespace: Box<str>,
    /// Name.
    pub name: Box<str>,
}

impl Key {
    /// A key of these parts.
    pub fn new(namespace: &str, name: &str) -> Self {
        Key {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// The key of an object.
    pub fn of(object: &impl Resource) -> Self {
        Key {
            namespace: object.namespace().unwrap_or_default().into(),
            name: object.name_any().into(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The object's resourceVersion as a number: versions of one kind can be compared so
/// (Kubernetes guarantees it since 1.35, and etcd revisions have always been numbers).
/// 0 if there is none.
pub fn resource_version(object: &impl Resource) -> u64 {
    object
        .meta()
        .resource_version
        .as_deref()
        .and_then(|version| version.parse().ok())
        .unwrap_or(0)
}

/// How far a watch has come.
pub struct Progress {
    /// The greatest resourceVersion that the watch has delivered.
    seen: AtomicU64,
    /// When the last complete list was begun.
    listed: watch::Sender<Option<Instant>>,
}

impl Progress {
    /// Not listed yet.
    pub fn new() -> Self {
        Progress {
            seen: AtomicU64::new(0),
            listed: watch::Sender::new(None),
        }
    }

    /// Returns once the kind has been listed.
    pub async fn ready(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.listed.subscribe().wait_for(Option::is_some).await;
    }

    /// Whether the cache reflects a write that returned this resourceVersion at this time: the
    /// watch has delivered it, or the kind has been listed again since.
    pub fn reflects(&self, version: u64, written: Instant) -> bool {
        self.seen.load(Ordering::Acquire) >= version
            || self.listed.borrow().is_some_and(|begun| begun > written)
    }

    /// The watch has delivered this version.
    pub fn advance(&self, version: u64) {
        self.seen.fetch_max(version, Ordering::AcqRel);
    }

    /// A list that began then is complete.
    pub fn listed(&self, begun: Instant) {
        self.listed.send_replace(Some(begun));
    }
}

/// Projected objects of one kind.
pub struct Store<V> {
    entries: RwLock<HashMap<Key, Arc<V>>>,
    /// How far the watch that feeds this store has come.
    pub progress: Progress,
}

impl<V> Store<V> {
    /// An empty store that is not ready.
    pub fn new() -> Self {
        Store {
            entries: RwLock::default(),
            progress: Progress::new(),
        }
    }

    /// The view of this name.
    pub fn get(&self, key: &Key) -> Option<Arc<V>> {
        self.read().get(key).cloned()
    }

    /// Puts one view in place and returns the one before.
    pub fn insert(&self, key: Key, view: V) -> Option<Arc<V>> {
        self.write().insert(key, Arc::new(view))
    }

    /// Takes one view out.
    pub fn remove(&self, key: &Key) -> Option<Arc<V>> {
        self.write().remove(key)
    }

    /// Puts a whole list in place and returns the views before.
    pub fn replace(&self, views: HashMap<Key, Arc<V>>) -> HashMap<Key, Arc<V>> {
        std::mem::replace(&mut *self.write(), views)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<Key, Arc<V>>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<Key, Arc<V>>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_write_is_reflected_once_the_watch_has_delivered_its_version() {
        let progress = Progress::new();
        let written = Instant::now();
        progress.advance(6);
        assert!(!progress.reflects(7, written));
        progress.advance(8);
        progress.advance(5);
        assert!(progress.reflects(7, written));
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_is_reflected_by_a_list_that_began_after_it() {
        let progress = Progress::new();
        let before = Instant::now();
        advance(Duration::from_secs(1)).await;
        let written = Instant::now();
        progress.listed(before);
        assert!(
            !progress.reflects(7, written),
            "the list began before the write"
        );
        advance(Duration::from_secs(1)).await;
        progress.listed(Instant::now());
        assert!(progress.reflects(7, written));
    }
}
