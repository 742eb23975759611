//! From watches of the API server to the story.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;

use anyhow::{Result, bail};
use arcane_contract::api::BackfillRequest;
use futures::{Stream, StreamExt};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event as Change, watcher};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::seen::{Fact, Watched};
use crate::story::Story;

/// Watches everything of a namespace that belongs to streams of a kind, and tells the story. Ends
/// only by being dropped.
pub async fn follow(
    client: Client,
    namespace: &str,
    kind: &ApiResource,
    story: Arc<Story>,
) -> Result<()> {
    let definitions = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, kind);
    let of_streams = watcher::Config::default().fields(&format!("regarding.kind={}", kind.kind));
    let any = watcher::Config::default;
    tokio::join!(
        each(definitions, any(), &story),
        each(
            Api::<Event>::namespaced(client.clone(), namespace),
            of_streams,
            &story
        ),
        each(
            Api::<Job>::namespaced(client.clone(), namespace),
            any(),
            &story
        ),
        each(
            Api::<CronJob>::namespaced(client.clone(), namespace),
            any(),
            &story
        ),
        each(
            Api::<BackfillRequest>::namespaced(client, namespace),
            any(),
            &story
        ),
    );
    bail!("the watches have ended")
}

async fn each<K>(api: Api<K>, config: watcher::Config, story: &Story)
where
    K: Watched + Resource + Clone + Debug + DeserializeOwned + Send + 'static,
    K::DynamicType: Clone + Eq + Hash,
{
    let watched = api.resource_url().to_owned();
    tell(&watched, watcher(api, config).default_backoff(), story).await;
}

/// A watch that fails is begun anew by the watcher: what it misses meanwhile is told when it is
/// back, and who waits for it in vain is told why.
async fn tell<K: Watched + ResourceExt>(
    watched: &str,
    changes: impl Stream<Item = Result<Change<K>, watcher::Error>>,
    story: &Story,
) {
    let mut known = Known::default();
    let mut changes = pin!(changes);
    while let Some(change) = changes.next().await {
        match change {
            Ok(change) => {
                // The watcher says so before it asks the API server.
                if !matches!(change, Change::Init) {
                    story.watches(watched);
                }
                for (stream, fact) in known.take(change) {
                    story.record(&stream, fact);
                }
            }
            Err(error) => story.cannot_watch(watched, &anyhow::Error::from(error)),
        }
    }
}

/// The objects of a kind as they were seen last.
struct Known<K> {
    by_uid: HashMap<String, K>,
    /// uids that the listing under way has named.
    listed: HashSet<String>,
}

impl<K> Default for Known<K> {
    fn default() -> Self {
        Self {
            by_uid: HashMap::new(),
            listed: HashSet::new(),
        }
    }
}

impl<K: Watched + ResourceExt> Known<K> {
    /// What the change says of streams.
    fn take(&mut self, change: Change<K>) -> Vec<(String, Fact)> {
        match change {
            Change::Init => {
                self.listed.clear();
                Vec::new()
            }
            Change::InitApply(now) => {
                self.listed.insert(now.uid().unwrap_or_default());
                self.is(now)
            }
            Change::InitDone => {
                let unlisted = |uid: &String, _: &mut K| !self.listed.contains(uid);
                let gone = self.by_uid.extract_if(unlisted);
                gone.flat_map(|(_, gone)| facts(Some(&gone), None))
                    .collect()
            }
            Change::Apply(now) => self.is(now),
            Change::Delete(gone) => {
                self.by_uid.remove(&gone.uid().unwrap_or_default());
                facts(Some(&gone), None)
            }
        }
    }

    fn is(&mut self, now: K) -> Vec<(String, Fact)> {
        let uid = now.uid().unwrap_or_default();
        let told = facts(self.by_uid.get(&uid), Some(&now));
        self.by_uid.insert(uid, now);
        told
    }
}

fn facts<K: Watched>(before: Option<&K>, now: Option<&K>) -> Vec<(String, Fact)> {
    let Some(stream) = now.or(before).map(Watched::stream) else {
        return Vec::new();
    };
    let facts = K::facts(before, now).into_iter();
    facts.map(|fact| (stream.clone(), fact)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::stream;
    use kube::core::Status;
    use serde_json::json;
    use xtask::terminal::Paint;

    use super::*;

    fn schedule(name: &str, schedule: &str) -> CronJob {
        serde_json::from_value(json!({
            "metadata": {"name": name, "uid": name},
            "spec": {"schedule": schedule, "jobTemplate": {}},
        }))
        .unwrap()
    }

    fn expired() -> watcher::Error {
        let status = Status::failure("too old resource version: 260 (261)", "Expired");
        watcher::Error::WatchError(Box::new(status.with_code(410)))
    }

    fn scheduled(name: &str, schedule: &str) -> (String, Fact) {
        let (uid, schedule) = (name.to_owned(), schedule.to_owned());
        (name.to_owned(), Fact::Scheduled { uid, schedule })
    }

    #[test]
    fn a_listing_anew_tells_what_was_missed_and_nothing_twice() {
        let mut known = Known::default();
        let mut told = |changes: Vec<Change<CronJob>>| -> Vec<_> {
            let told = changes.into_iter().flat_map(|change| known.take(change));
            told.collect()
        };
        let first = told(vec![
            Change::Init,
            Change::InitApply(schedule("kept", "1 * * * *")),
            Change::InitApply(schedule("gone", "2 * * * *")),
            Change::InitDone,
        ]);
        let expected = [
            scheduled("kept", "1 * * * *"),
            scheduled("gone", "2 * * * *"),
        ];
        assert_eq!(first, expected);
        let anew = told(vec![
            Change::Init,
            Change::InitApply(schedule("kept", "1 * * * *")),
            Change::InitApply(schedule("new", "3 * * * *")),
            Change::InitDone,
        ]);
        let gone = ("gone".to_owned(), Fact::Unscheduled);
        assert_eq!(anew, [scheduled("new", "3 * * * *"), gone]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_fails_once_goes_on() {
        let story = Story::new(Paint::plain(), Duration::from_secs(10));
        let mark = story.mark();
        let later = Ok(Change::Apply(schedule("nightly", "1 * * * *")));
        let watch = tell("cronjobs", stream::iter([Err(expired()), later]), &story);
        watch.await;
        assert_eq!(
            story.since(mark, "nightly").schedules(),
            [("nightly", "1 * * * *")]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_in_vain_is_told_which_watch_fails_and_why() {
        let story = Story::new(Paint::plain(), Duration::from_secs(10));
        let mark = story.mark();
        let failing = [
            Ok(Change::<CronJob>::Init),
            Err(expired()),
            Ok(Change::Init),
        ];
        let watch = tell("cronjobs", stream::iter(failing), &story);
        watch.await;
        let wait = story.until(mark, "orders", "scheduled", |facts| facts.is("Scheduled"));
        let error = wait.await.unwrap_err().to_string();
        assert!(error.contains("cronjobs"), "{error}");
        assert!(error.contains("too old resource version"), "{error}");

        let back = [Ok(Change::<CronJob>::InitDone)];
        let watch = tell("cronjobs", stream::iter(back), &story);
        watch.await;
        let wait = story.until(mark, "orders", "scheduled", |facts| facts.is("Scheduled"));
        let error = wait.await.unwrap_err().to_string();
        assert!(!error.contains("cronjobs"), "{error}");
    }
}
