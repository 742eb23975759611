//! Follows one kind into its store.

use std::{collections::HashMap, fmt::Debug, sync::Arc, time::Duration};

use backon::ExponentialBuilder;
use futures::StreamExt;
use kube::{
    Api, Resource,
    runtime::{
        WatchStreamExt,
        utils::{Backoff, ResetTimerBackoff},
        watcher::{self, ExponentialBackoff},
    },
};
use serde::de::DeserializeOwned;
use tokio::{select, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::store::{Key, Store, resource_version};
use crate::faults::Faults;

/// Seconds after which the server ends a watch, which is then resumed where it ended: a connection
/// that has silently died is noticed within this time.
const WATCH_TIMEOUT_SECONDS: u32 = 60;

/// How long a watch that fails waits at first, and at most, before it is tried again; as much again
/// is added at random, so that watches that failed together do not come back together. The most is
/// what streams may wait for after an outage of the API server, however long that was: a handful of
/// watches that ask each few seconds is no load, even for one that is about to recover.
const WATCH_RETRY: (Duration, Duration) = (Duration::from_millis(800), Duration::from_secs(5));
/// A watch that has not failed for this long starts from the shortest wait again.
const WATCH_RECOVERED: Duration = Duration::from_secs(120);

/// When to try a watch again that has failed.
pub fn retry() -> Retry {
    Retry(ResetTimerBackoff::new(delays(WATCH_RETRY), WATCH_RECOVERED))
}

/// See [`retry`].
pub struct Retry(ResetTimerBackoff<ExponentialBackoff>);

impl Iterator for Retry {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next()
    }
}

impl Backoff for Retry {
    /// Called with whatever a watch delivers, which is no sign that it works: that a list is about to
    /// be tried is delivered, too. Time tells.
    fn reset(&mut self) {}
}

/// Whether this event shows that the watch works: that a list is about to be tried does not.
pub fn is_alive<K>(event: &watcher::Event<K>) -> bool {
    !matches!(event, watcher::Event::Init)
}

/// Delays from the least to the most, doubled each time, with as much again added at random.
pub fn delays((least, most): (Duration, Duration)) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(least)
        .with_max_delay(most)
        .with_jitter()
        .without_max_times()
        .into()
}

/// How to watch. Lists are read page by page and are consistent: they hold all that was written
/// before they began. What may be answered from the past (`resourceVersion=0`, which lists by
/// watching ask for) could show a request as open whose backfill is long complete, after a restart or
/// a lost watch, where an API server lags behind its peers.
pub fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_TIMEOUT_SECONDS)
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

    /// Whether the object is kept at all. Of what is not, only the version is noted.
    fn concerns(&self, object: &K) -> bool;

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
    let begin = || {
        watcher::watcher(api.clone(), config.clone())
            .backoff(retry())
            .boxed()
    };
    let mut events = begin();
    let mut incoming = Incoming {
        begun: Instant::now(),
        views: HashMap::new(),
        latest: 0,
    };
    // A list that is coming in already is not begun again.
    let mut is_listing = true;
    loop {
        let event = select! {
            () = stop.cancelled() => return,
            () = store.progress.doubted(), if !is_listing => {
                info!(resource = observer.resource(), "a write does not come; listing again");
                (events, is_listing) = (begin(), true);
                continue;
            }
            event = events.next() => event,
        };
        match event {
            Some(Ok(event)) => {
                if is_alive(&event) {
                    faults.clear(observer.resource());
                }
                is_listing = !matches!(
                    event,
                    watcher::Event::InitDone | watcher::Event::Apply(_) | watcher::Event::Delete(_)
                );
                apply(event, store, observer, &mut incoming);
            }
            Some(Err(error)) => faults.report(observer.resource(), &error),
            None => return,
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
            if observer.concerns(&object) {
                let key = Key::of(&object);
                let view = Arc::new(observer.project(object));
                incoming.views.insert(key, view);
            }
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
        // It may have concerned us before.
        watcher::Event::Apply(object) | watcher::Event::Delete(object)
            if !observer.concerns(&object) =>
        {
            let (key, version) = (Key::of(&object), resource_version(&object));
            let before = store.remove(&key);
            store.progress.advance(version);
            if let Some(view) = before {
                observer.changed(&key, Change::Deleted(&view));
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{ResourceExt, api::ObjectMeta};
    use watcher::Event;

    use super::*;

    /// Keeps what is labelled so, and tells what it was told.
    #[derive(Default)]
    struct Labelled(Mutex<Vec<String>>);

    impl Observer<ConfigMap> for Labelled {
        type View = u64;

        fn resource(&self) -> &'static str {
            "configmaps"
        }

        fn concerns(&self, object: &ConfigMap) -> bool {
            object.labels().contains_key("ours")
        }

        fn project(&self, object: ConfigMap) -> u64 {
            resource_version(&object)
        }

        fn changed(&self, key: &Key, change: Change<'_, u64>) {
            let what = match change {
                Change::Applied(_) => "applied",
                Change::Deleted(_) => "deleted",
            };
            self.0.lock().unwrap().push(format!("{what} {}", key.name));
        }
    }

    fn object(name: &str, version: &str, is_ours: bool) -> ConfigMap {
        let labels = is_ours.then(|| [("ours".to_owned(), String::new())].into());
        ConfigMap {
            metadata: ObjectMeta {
                name: Some(name.into()),
                resource_version: Some(version.into()),
                labels,
                ..ObjectMeta::default()
            },
            ..ConfigMap::default()
        }
    }

    fn run(events: Vec<Event<ConfigMap>>) -> (Store<u64>, Vec<String>) {
        let (store, observer) = (Store::new(), Labelled::default());
        let mut incoming = Incoming {
            begun: Instant::now(),
            views: HashMap::new(),
            latest: 0,
        };
        for event in events {
            apply(event, &store, &observer, &mut incoming);
        }
        (store, observer.0.into_inner().unwrap())
    }

    #[test]
    fn what_does_not_concern_us_is_not_kept_but_its_version_counts() {
        let (store, told) = run(vec![
            Event::Init,
            Event::InitApply(object("a", "1", true)),
            Event::InitApply(object("b", "2", false)),
            Event::InitDone,
            Event::Apply(object("c", "3", false)),
            Event::Delete(object("d", "4", false)),
        ]);
        assert_eq!(told, ["applied a"]);
        assert!(store.get(&Key::new("", "b")).is_none());
        assert!(store.get(&Key::new("", "c")).is_none());
        assert_eq!(store.progress.reach().version, 4);
    }

    #[test]
    fn what_no_longer_concerns_us_is_gone() {
        let (store, told) = run(vec![
            Event::Apply(object("a", "1", true)),
            Event::Apply(object("a", "2", false)),
        ]);
        assert_eq!(told, ["applied a", "deleted a"]);
        assert!(store.get(&Key::new("", "a")).is_none());
    }

    #[test]
    fn however_long_a_watch_has_failed_it_is_tried_again_within_ten_seconds() {
        let delays: Vec<_> = retry().take(40).collect();
        assert_eq!(delays.len(), 40, "it never gives up");
        let (_, most) = WATCH_RETRY;
        assert!(delays.iter().all(|delay| *delay <= 2 * most), "{delays:?}");
        assert!(
            delays[10..].iter().all(|delay| *delay >= most),
            "{delays:?}"
        );
    }

    #[test]
    fn watches_that_have_failed_together_do_not_come_back_together() {
        let (one, other) = (retry().take(10), retry().take(10));
        assert!(one.ne(other));
    }
}
