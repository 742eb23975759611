//! Follows one kind into its store.

use std::{collections::HashMap, fmt::Debug, pin::pin, sync::Arc};

use futures::StreamExt;
use kube::{Api, Resource, runtime::watcher};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    events::watch_surely,
    store::{Key, Store, resource_version},
};
use crate::faults::Faults;

/// What happened to one object.
pub enum Change<'a, V> {
    /// It is new or was listed again, or something of what is kept of it changed.
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
    type View: PartialEq + Send + Sync;

    /// Name of the kind in faults, e.g. `jobs.batch`.
    fn resource(&self) -> &'static str;

    /// Whether the object is kept at all. Of what is not, only the version is noted.
    fn concerns(&self, object: &K) -> bool;

    /// Reduces an object to what is kept.
    fn project(&self, object: K) -> Self::View;

    /// Called after the store has changed. A change of nothing that is kept is not told: a Job's
    /// status is written several times while its pods come and go.
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
    let resource = observer.resource();
    let mut events = pin!(watch_surely(api, config, resource, &store.progress));
    let mut incoming = Incoming::begin();
    while let Some(event) = stop.run_until_cancelled(events.next()).await.flatten() {
        faults.hear(resource, &event);
        if let Ok(event) = event {
            apply(event, store, observer, &mut incoming);
        }
    }
}

/// A list that is still coming in.
struct Incoming<V> {
    begun: Instant,
    views: HashMap<Key, Arc<V>>,
    latest: u64,
}

impl<V> Incoming<V> {
    /// One that begins now.
    fn begin() -> Self {
        Incoming {
            begun: Instant::now(),
            views: HashMap::new(),
            latest: 0,
        }
    }
}

fn apply<K: Resource, O: Observer<K>>(
    event: watcher::Event<K>,
    store: &Store<O::View>,
    observer: &O,
    incoming: &mut Incoming<O::View>,
) {
    match event {
        watcher::Event::Init => {
            *incoming = Incoming::begin();
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
            let before = store.insert(key.clone(), view);
            store.progress.advance(version);
            if let Some(view) = store.get(&key)
                && before.is_none_or(|before| before != view)
            {
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
    use std::{collections::BTreeMap, sync::Mutex};

    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{ResourceExt, api::ObjectMeta};
    use watcher::Event;

    use super::*;

    type Data = Option<BTreeMap<String, String>>;

    /// Keeps the data of what is labelled so, and tells what it was told.
    #[derive(Default)]
    struct Labelled(Mutex<Vec<String>>);

    impl Observer<ConfigMap> for Labelled {
        type View = Data;

        fn resource(&self) -> &'static str {
            "configmaps"
        }

        fn concerns(&self, object: &ConfigMap) -> bool {
            object.labels().contains_key("ours")
        }

        fn project(&self, object: ConfigMap) -> Data {
            object.data
        }

        fn changed(&self, key: &Key, change: Change<'_, Data>) {
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

    fn run(events: Vec<Event<ConfigMap>>) -> (Store<Data>, Vec<String>) {
        let (store, observer) = (Store::new(), Labelled::default());
        let mut incoming = Incoming::begin();
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
    fn a_change_of_what_is_not_kept_is_not_told_but_its_version_counts() {
        let mut changed = object("a", "3", true);
        changed.data = Some([("key".to_owned(), String::new())].into());
        let (store, told) = run(vec![
            Event::Apply(object("a", "1", true)),
            Event::Apply(object("a", "2", true)),
        ]);
        assert_eq!(told, ["applied a"]);
        assert_eq!(store.progress.reach().version, 2);
        let (_, told) = run(vec![
            Event::Apply(object("a", "2", true)),
            Event::Apply(changed),
        ]);
        assert_eq!(told, ["applied a", "applied a"]);
    }

    #[test]
    fn a_list_is_told_as_a_whole() {
        let listed = || {
            let object = object("a", "1", true);
            [Event::Init, Event::InitApply(object), Event::InitDone]
        };
        let (_, told) = run([listed(), listed()].concat());
        assert_eq!(told, ["applied a", "applied a"]);
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
}
