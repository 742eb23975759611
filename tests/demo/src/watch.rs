//! From watches of the API server to the story.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arcane_contract::api::BackfillRequest;
use futures::StreamExt;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event as Change, watcher};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::seen::Watched;
use crate::story::Story;

/// Watches everything of a namespace that belongs to streams of a kind, and tells the story. Ends
/// only by being dropped or by an error.
pub async fn follow(
    client: Client,
    namespace: &str,
    kind: &ApiResource,
    story: Arc<Story>,
) -> Result<()> {
    let definitions = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, kind);
    let of_streams = watcher::Config::default().fields(&format!("regarding.kind={}", kind.kind));
    let any = watcher::Config::default;
    tokio::try_join!(
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
    )?;
    bail!("the watches have ended")
}

async fn each<K>(api: Api<K>, config: watcher::Config, story: &Story) -> Result<()>
where
    K: Watched + Resource + Clone + Debug + DeserializeOwned + Send + 'static,
    K::DynamicType: Clone + Eq + Hash,
{
    let mut known: HashMap<String, K> = HashMap::new();
    let mut changes = pin!(watcher(api, config).default_backoff());
    while let Some(change) = changes.next().await {
        match change.context("a watch failed")? {
            Change::Init | Change::InitDone => {}
            Change::Apply(now) | Change::InitApply(now) => {
                let before = known.get(&now.uid().unwrap_or_default());
                tell(story, before, Some(&now));
                known.insert(now.uid().unwrap_or_default(), now);
            }
            Change::Delete(gone) => {
                known.remove(&gone.uid().unwrap_or_default());
                tell(story, Some(&gone), None);
            }
        }
    }
    Ok(())
}

fn tell<K: Watched>(story: &Story, before: Option<&K>, now: Option<&K>) {
    let Some(stream) = now.or(before).map(Watched::stream) else {
        return;
    };
    for fact in K::facts(before, now) {
        story.record(&stream, fact);
    }
}
