//! Follows one kind into its store.

use std::{collections::HashMap, fmt::Debug, pin::pin, sync::Arc};

use futures::StreamExt;
use kube::{
    Api, Resource,
    runtime::{WatchStreamExt, watcher},
};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::store::{Key, Store, resource_version};
use crate::faults::Faults;

/// Seconds after which the server ends a watch, which is then resumed where it ended: a connection
/// that has silently died is noticed within this time.
const WATCH_TIMEOUT_SECONDS: u32 = 60;

/// How to watch; `streaming` where the server can list by watching, which spares its memory.
pub fn config(streaming: bool) -> watcher::Config {
    let config = watcher::Config::default().timeout(WATCH_TIMEOUT_SECONDS);
    if streaming {
        config.streaming_lists()
    } else {
        config
    }
}

/// What happened to one object.
pub enum Change<'a, V> {
    /// It is new, changed, or was listed again.
    Applied(&'a V),
    /// It is gone; this is what was known of it.
    Deleted(&'a V),
}

impl<V> Change<'_, V> {
    /// What is, or was, known of the object.
    pub fn view(&self) -> &V {
        match self {
            Change::Applied(view) | Change::Deleted(view) => view,
        }
    }
}

/// What becomes of the objects that a watch delivers.
pub trait Observer<K>: Send + Sync {
    /// What is kept of an object.
    type View: Send + Sync;

    /// Name of the kind in faults, e.g. `jobs.batch`.
    fn resource(&self) -> &'static str;

    /// Reduces an object to what is kept.
    fn project(&self, object: K) -> Self::View;

    /// Called after the store has changed.
    fn changed(&self, key: &Key, change: Change<'_, Self::View>);

    /// What to keep of a deleted object; usually nothing.
    fn tombstone(&self, _last: K) -> Option<Self::View> {
        None
    }
}

/// Follows a kind into `store` until `stop`; failures are reported in `faults` and retried with
/// backoff.
pub async fn follow<K, O>(
    api: Api<K>,
    config: watcher::Config,
    store: &Store<O::View>,
    observer: &O,
    faults: &Faults,
    stop: &CancellationToken,
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    O: Observer<K>,
{
    let mut events = pin!(watcher(api, config).default_backoff());
    let mut incoming = Incoming {
        begun: Instant::now(),
        views: HashMap::new(),
        latest: 0,
    };
    while let Some(event) = stop.run_until_cancelled(events.next()).await.flatten() {
        match event {
            Ok(event) => {
                faults.clear(observer.resource());
                apply(event, store, observer, &mut incoming);
            }
            Err(error) => faults.report(observer.resource(), &error),
        }
    }
}

/// A list that is still coming in.
struct Incoming<V> {
    begun: Instant,
    views: HashMap<Key, Arc<V>>,
    latest: u64,
}

fn apply<K: Resource, O: Observer<K>>(
    event: watcher::Event<K>,
    store: &Store<O::View>,
    observer: &O,
    incoming: &mut Incoming<O::View>,
) {
    match event {
        watcher::Event::Init => {
            *incoming = Incoming {
                begun: Instant::now(),
                views: HashMap::new(),
                latest: 0,
            };
        }
        watcher::Event::InitApply(object) => {
            incoming.latest = incoming.latest.max(resource_version(&object));
            let key = Key::of(&object);
            incoming
                .views
                .insert(key, Arc::new(observer.project(object)));
        }
        watcher::Event::InitDone => {
            let views = std::mem::take(&mut incoming.views);
            let now = views.clone();
            let before = store.replace(views);
            store.progress.advance(incoming.latest);
            store.progress.listed(incoming.begun);
            for (key, view) in &before {
                if !now.contains_key(key) {
                    observer.changed(key, Change::Deleted(view));
                }
            }
            for (key, view) in &now {
                observer.changed(key, Change::Applied(view));
            }
        }
        watcher::Event::Apply(object) => {
            let (key, version) = (Key::of(&object), resource_version(&object));
            let view = observer.project(object);
            store.insert(key.clone(), view);
            store.progress.advance(version);
            if let Some(view) = store.get(&key) {
                observer.changed(&key, Change::Applied(&view));
            }
        }
        watcher::Event::Delete(object) => {
            let (key, version) = (Key::of(&object), resource_version(&object));
            let before = match observer.tombstone(object) {
                Some(tombstone) => store.insert(key.clone(), tombstone),
                None => store.remove(&key),
            };
            store.progress.advance(version);
            if let Some(view) = before {
                observer.changed(&key, Change::Deleted(&view));
            }
        }
    }
}
