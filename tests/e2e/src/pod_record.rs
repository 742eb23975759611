//! A history of one stream's pods, as a watch tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, bail, ensure};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use tokio::task::JoinHandle;

use crate::act::until;

/// How many pods of a stream were there at each moment since the record began.
#[derive(Debug)]
pub struct PodRecord {
    pods: Api<Pod>,
    selector: String,
    seen: Arc<Mutex<Seen>>,
    watch: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    /// resourceVersions of the pods that exist, by name.
    versions: BTreeMap<String, String>,
    /// Those of them that have not ended.
    alive: BTreeSet<String>,
    /// Every pod there was.
    ever: BTreeSet<String>,
    most_alive: usize,
    /// Why the watch ended, if it did.
    end: Option<String>,
}

impl PodRecord {
    pub(crate) async fn start(pods: Api<Pod>, stream: &str) -> Result<Self> {
        let selector = format!("arcane/stream-id={stream}");
        let listed = pods.list(&ListParams::default().labels(&selector)).await?;
        let version = listed.metadata.resource_version.unwrap_or_default();
        let seen = Arc::new(Mutex::new(Seen::default()));
        for pod in &listed.items {
            lock(&seen).exists(pod);
        }
        let watch = tokio::spawn({
            let (pods, selector, seen) = (pods.clone(), selector.clone(), Arc::clone(&seen));
            async move {
                let end = follow(&pods, &selector, &version, &seen).await;
                lock(&seen).end = Some(format!("{end:?}"));
            }
        });
        Ok(Self {
            pods,
            selector,
            seen,
            watch,
        })
    }

    /// The most pods that were there and had not ended at one time, and how many there have been
    /// in all.
    ///
    /// # Panics
    /// When the watch ended early.
    #[track_caller]
    pub fn most_alive_and_all(&self) -> impl Future<Output = (usize, usize)> {
        until("the watch to catch up", async || {
            let params = ListParams::default().labels(&self.selector);
            let listed = self.pods.list(&params).await?;
            let listed: BTreeMap<_, _> = listed
                .into_iter()
                .map(|pod| (pod.name_any(), pod.resource_version().unwrap_or_default()))
                .collect();
            let seen = lock(&self.seen);
            ensure!(seen.end.is_none(), "the watch ended: {:?}", seen.end);
            ensure!(seen.versions == listed, "{seen:?}, listed {listed:?}");
            Ok((seen.most_alive, seen.ever.len()))
        })
    }
}

impl Drop for PodRecord {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl Seen {
    fn exists(&mut self, pod: &Pod) {
        let name = pod.name_any();
        let version = pod.resource_version().unwrap_or_default();
        self.versions.insert(name.clone(), version);
        self.ever.insert(name.clone());
        let phase = pod
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        if matches!(phase, Some("Succeeded" | "Failed")) {
            self.alive.remove(&name);
        } else {
            self.alive.insert(name);
        }
        self.most_alive = self.most_alive.max(self.alive.len());
    }

    fn is_gone(&mut self, pod: &Pod) {
        self.versions.remove(&pod.name_any());
        self.alive.remove(&pod.name_any());
    }
}

async fn follow(pods: &Api<Pod>, selector: &str, version: &str, seen: &Mutex<Seen>) -> Result<()> {
    let params = WatchParams::default().labels(selector);
    let mut events = pin!(pods.watch(&params, version).await?);
    while let Some(event) = events.try_next().await? {
        match event {
            WatchEvent::Added(pod) | WatchEvent::Modified(pod) => lock(seen).exists(&pod),
            WatchEvent::Deleted(pod) => lock(seen).is_gone(&pod),
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(status) => bail!("{status}"),
        }
    }
    Ok(())
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, phase: &str) -> Pod {
        let pod = json!({"metadata": {"name": name}, "status": {"phase": phase}});
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn pods_that_run_one_after_the_other_are_never_two_at_a_time() {
        let mut seen = Seen::default();
        seen.exists(&pod("a", "Pending"));
        seen.exists(&pod("a", "Running"));
        seen.exists(&pod("a", "Failed"));
        seen.exists(&pod("b", "Running"));
        seen.is_gone(&pod("b", "Running"));
        seen.exists(&pod("c", "Running"));
        assert_eq!((seen.most_alive, seen.ever.len()), (1, 3));
    }

    #[test]
    fn a_pod_that_is_made_before_another_has_ended_is_noticed() {
        let mut seen = Seen::default();
        seen.exists(&pod("a", "Running"));
        seen.exists(&pod("b", "Pending"));
        seen.is_gone(&pod("a", "Running"));
        assert_eq!(seen.most_alive, 2);
    }
}
