//! A cache of projected objects that knows how far its watch has come.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use arcane_lifecycle::Reach;
use futures::FutureExt;
use kube::{Resource, ResourceExt};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

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
    /// Somebody doubts that the watch will ever deliver what is missing.
    doubted: Notify,
}

impl Progress {
    /// Not listed yet.
    pub fn new() -> Self {
        Progress {
            seen: AtomicU64::new(0),
            listed: watch::Sender::new(None),
            doubted: Notify::new(),
        }
    }

    /// Returns once the kind has been listed.
    pub async fn ready(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.listed.subscribe().wait_for(Option::is_some).await;
    }

    /// How far it is.
    pub fn reach(&self) -> Reach<Instant> {
        Reach {
            version: self.seen.load(Ordering::Acquire),
            listed: *self.listed.borrow(),
        }
    }

    /// The watch has delivered this version.
    pub fn advance(&self, version: u64) {
        self.seen.fetch_max(version, Ordering::AcqRel);
    }

    /// Asks for a new list: what was written does not come.
    pub fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Returns once there is a doubt.
    pub async fn doubted(&self) {
        self.doubted.notified().await;
    }

    /// A list that began then is complete.
    pub fn listed(&self, begun: Instant) {
        // What was doubted before is in it, or will be told of.
        let _ = self.doubted().now_or_never();
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
    async fn progress_never_goes_back() {
        let progress = Progress::new();
        progress.advance(8);
        progress.advance(5);
        assert_eq!(progress.reach().version, 8);
        let begun = Instant::now();
        advance(Duration::from_secs(1)).await;
        progress.listed(begun);
        assert_eq!(progress.reach().listed, Some(begun));
    }

    #[tokio::test]
    async fn a_doubt_lasts_until_the_next_list() {
        let progress = Progress::new();
        progress.doubt();
        assert!(progress.doubted().now_or_never().is_some());
        progress.doubt();
        progress.listed(Instant::now());
        assert!(progress.doubted().now_or_never().is_none());
    }
}
