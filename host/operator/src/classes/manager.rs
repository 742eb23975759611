//! Starts and stops classes as StreamClasses come, change and go.

use std::{
    collections::{BTreeMap, HashMap},
    pin::pin,
    sync::Arc,
};

use arcane_contract::api::StreamClass;
use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, ResourceExt,
    api::PartialObjectMeta,
    runtime::{WatchStreamExt, watcher},
};
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{
    kind::definition_name,
    run::{Start, run},
};
use crate::{cache, health::Health, stream::Host};

type DefinitionMeta = PartialObjectMeta<CustomResourceDefinition>;

/// Serves all StreamClasses until `stop`, then waits for what is under way.
pub async fn manage(host: Arc<Host>, health: Health, stop: CancellationToken) {
    let client = host.client.clone();
    let config = || cache::config(host.streaming_lists);
    let mut classes =
        pin!(watcher(Api::<StreamClass>::all(client.clone()), config()).default_backoff());
    let mut definitions =
        pin!(watcher(Api::<DefinitionMeta>::all(client), config()).default_backoff());
    let mut manager = Manager {
        host: host.clone(),
        health,
        known: BTreeMap::new(),
        listing: None,
        running: HashMap::new(),
        turns: HashMap::new(),
        definitions: HashMap::new(),
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(event) = classes.next() => match event {
                Ok(event) => {
                    host.faults.clear("streamclasses.streaming.sneaksanddata.com");
                    manager.class_event(event);
                }
                Err(error) => host.faults.report("streamclasses.streaming.sneaksanddata.com", &error),
            },
            Some(event) = definitions.next() => match event {
                Ok(event) => {
                    host.faults.clear("customresourcedefinitions.apiextensions.k8s.io");
                    manager.definition_event(&event);
                }
                Err(error) => host.faults.report("customresourcedefinitions.apiextensions.k8s.io", &error),
            },
        }
    }
    manager.stop().await;
}

struct Manager {
    host: Arc<Host>,
    health: Health,
    known: BTreeMap<String, StreamClass>,
    listing: Option<BTreeMap<String, StreamClass>>,
    running: HashMap<String, Running>,
    /// By the name of the CustomResourceDefinition: who may serve it.
    turns: HashMap<String, Arc<Mutex<()>>>,
    /// By the same name: told when it changes.
    definitions: HashMap<String, watch::Sender<u64>>,
}

struct Running {
    identity: Identity,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// What a running class was started with; anything else is a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    uid: Option<String>,
    generation: Option<i64>,
    conflict: Option<String>,
}

impl Manager {
    fn class_event(&mut self, event: watcher::Event<StreamClass>) {
        match event {
            watcher::Event::Init => self.listing = Some(BTreeMap::new()),
            watcher::Event::InitApply(class) => {
                self.listing
                    .get_or_insert_default()
                    .insert(class.name_any(), class);
            }
            watcher::Event::InitDone => {
                self.known = self.listing.take().unwrap_or_default();
                self.sync();
            }
            watcher::Event::Apply(class) => {
                self.known.insert(class.name_any(), class);
                self.sync();
            }
            watcher::Event::Delete(class) => {
                self.known.remove(&class.name_any());
                self.sync();
            }
        }
    }

    fn definition_event(&mut self, event: &watcher::Event<DefinitionMeta>) {
        if let watcher::Event::Apply(definition)
        | watcher::Event::InitApply(definition)
        | watcher::Event::Delete(definition) = event
            && let Some(changed) = self.definitions.get(&definition.name_any())
        {
            changed.send_modify(|version| *version += 1);
        }
    }

    /// Starts, restarts and stops until what runs is what is known.
    fn sync(&mut self) {
        let conflicts = conflicts(self.known.values());
        let wanted: BTreeMap<String, Identity> = self
            .known
            .iter()
            .map(|(name, class)| {
                let identity = Identity {
                    uid: class.uid(),
                    generation: class.metadata.generation,
                    conflict: conflicts.get(name).cloned(),
                };
                (name.clone(), identity)
            })
            .collect();
        self.running.retain(|name, running| {
            let keep = wanted.get(name) == Some(&running.identity);
            if !keep {
                info!(class = %name, "stopping to serve the class as it was");
                running.stop.cancel();
            }
            keep
        });
        for (name, identity) in wanted {
            if !self.running.contains_key(&name) {
                self.start(&name, identity);
            }
        }
    }

    fn start(&mut self, name: &str, identity: Identity) {
        let Some(class) = self.known.get(name).cloned() else {
            return;
        };
        let definition = definition_name(&class);
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(Start {
            host: self.host.clone(),
            class,
            conflict: identity.conflict.clone(),
            turn: self.turns.entry(definition.clone()).or_default().clone(),
            definition_changed: self
                .definitions
                .entry(definition)
                .or_insert_with(|| watch::Sender::new(0))
                .subscribe(),
            health: self.health.clone(),
            stop: stop.clone(),
        }));
        self.running.insert(
            name.to_owned(),
            Running {
                identity,
                stop,
                task,
            },
        );
    }

    async fn stop(self) {
        for running in self.running.values() {
            running.stop.cancel();
        }
        for (_, running) in self.running {
            // A class that panicked has nothing more to finish.
            let _ = running.task.await;
        }
    }
}

/// Of the classes that name the same kind the oldest serves it; what to tell the others.
fn conflicts<'a>(classes: impl Iterator<Item = &'a StreamClass>) -> HashMap<String, String> {
    let mut by_kind: BTreeMap<String, Vec<&StreamClass>> = BTreeMap::new();
    for class in classes {
        by_kind
            .entry(definition_name(class))
            .or_default()
            .push(class);
    }
    let mut conflicts = HashMap::new();
    for (definition, mut rivals) in by_kind {
        rivals.sort_by_key(|class| {
            let created = class.creation_timestamp().map(|time| time.0);
            (created, class.name_any())
        });
        let Some((first, others)) = rivals.split_first() else {
            continue;
        };
        for other in others {
            let message = format!(
                "StreamClass {} already serves {definition}: delete one of the two, or name \
                 another kind",
                first.name_any()
            );
            conflicts.insert(other.name_any(), message);
        }
    }
    conflicts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn class(name: &str, created: &str, plural: &str) -> StreamClass {
        serde_json::from_value(json!({
            "apiVersion": "streaming.sneaksanddata.com/v1",
            "kind": "StreamClass",
            "metadata": {"name": name, "creationTimestamp": created},
            "spec": {"apiVersion": "v1", "kindRef": "Sample", "pluralName": plural},
        }))
        .unwrap()
    }

    #[test]
    fn the_older_of_two_classes_of_one_kind_serves_it() {
        let classes = [
            class("a", "2026-01-02T00:00:00Z", "samples"),
            class("b", "2026-01-01T00:00:00Z", "samples"),
            class("c", "2026-01-01T00:00:00Z", "others"),
        ];
        let conflicts = conflicts(classes.iter());
        assert_eq!(conflicts.keys().collect::<Vec<_>>(), ["a"]);
        assert!(
            conflicts["a"].contains("StreamClass b"),
            "{}",
            conflicts["a"]
        );
    }

    #[test]
    fn of_two_classes_of_the_same_age_the_first_by_name_serves() {
        let time = "2026-01-01T00:00:00Z";
        let classes = [class("b", time, "samples"), class("a", time, "samples")];
        assert_eq!(conflicts(classes.iter()).keys().collect::<Vec<_>>(), ["b"]);
    }
}
