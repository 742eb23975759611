//! Starts and stops classes as StreamClasses come, change and go.

use std::{
    collections::{BTreeMap, HashMap},
    pin::pin,
    sync::Arc,
};

use arcane_contract::api::{StreamClass, StreamClassSpec};
use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Resource, ResourceExt, api::PartialObjectMeta, runtime::watcher};
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info};

use super::{
    kind::{Obstacle, definition_name},
    run::{Start, run},
};
use crate::{cache, health::Health, stream::Host};

/// One class that cannot be read must not hide the others.
type GuardedClass = cache::Guarded<StreamClass>;
type DefinitionMeta = PartialObjectMeta<CustomResourceDefinition>;

/// Serves all StreamClasses until `stop`, then waits for what is under way.
pub async fn manage(host: Arc<Host>, health: Health, stop: CancellationToken) {
    let client = host.client.clone();
    let mut classes = pin!(cache::watch(
        Api::<GuardedClass>::all(client.clone()),
        cache::config()
    ));
    let mut definitions = pin!(cache::watch(
        Api::<DefinitionMeta>::all(client),
        cache::config()
    ));
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
            Some(event) = classes.next() => {
                host.faults.hear("streamclasses.streaming.sneaksanddata.com", &event);
                if let Ok(event) = event {
                    manager.class_event(event);
                }
            }
            Some(event) = definitions.next() => {
                host.faults.hear("customresourcedefinitions.apiextensions.k8s.io", &event);
                if let Ok(event) = event {
                    manager.definition_event(&event);
                }
            }
        }
    }
    manager.stop().await;
}

struct Manager {
    host: Arc<Host>,
    health: Health,
    known: BTreeMap<String, Known>,
    listing: Option<BTreeMap<String, Known>>,
    running: HashMap<String, Running>,
    /// By the name of the CustomResourceDefinition: who may serve it.
    turns: HashMap<String, Arc<Mutex<()>>>,
    /// By the same name: told when it changes.
    definitions: HashMap<String, watch::Sender<u64>>,
}

/// A StreamClass, and why it cannot be read, if it cannot: then its spec is empty.
struct Known {
    class: StreamClass,
    unreadable: Option<Obstacle>,
}

impl From<GuardedClass> for Known {
    fn from(guarded: GuardedClass) -> Self {
        match guarded.read() {
            Ok(class) => Known {
                class,
                unreadable: None,
            },
            Err(invalid) => {
                let mut class = StreamClass::new("", StreamClassSpec::default());
                class.metadata = invalid.metadata;
                Known {
                    class,
                    unreadable: Some(Obstacle {
                        reason: "SpecInvalid",
                        message: format!(
                            "the StreamClass cannot be read: {}. Correct its spec",
                            invalid.error
                        ),
                    }),
                }
            }
        }
    }
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
    obstacle: Option<Obstacle>,
}

impl Manager {
    fn class_event(&mut self, event: watcher::Event<GuardedClass>) {
        match event {
            watcher::Event::Init => self.listing = Some(BTreeMap::new()),
            watcher::Event::InitApply(class) => {
                self.listing
                    .get_or_insert_default()
                    .insert(class.name_any(), class.into());
            }
            watcher::Event::InitDone => {
                self.known = self.listing.take().unwrap_or_default();
                self.sync();
            }
            watcher::Event::Apply(class) => {
                self.known.insert(class.name_any(), class.into());
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
        let readable = self
            .known
            .values()
            .filter(|known| known.unreadable.is_none());
        let mut conflicts = conflicts(readable.map(|known| &known.class));
        let wanted: BTreeMap<String, Identity> = self
            .known
            .iter()
            .map(|(name, Known { class, unreadable })| {
                let identity = Identity {
                    uid: class.uid(),
                    generation: class.meta().generation,
                    obstacle: unreadable.clone().or_else(|| conflicts.remove(name)),
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
        let with_plugin = self
            .known
            .values()
            .filter(|known| known.class.spec.plugin.is_some())
            .filter_map(|known| known.class.uid());
        self.host.plugins.retain(&with_plugin.collect());
        for (name, identity) in wanted {
            if !self.running.contains_key(&name) {
                self.start(&name, identity);
            }
        }
    }

    fn start(&mut self, name: &str, identity: Identity) {
        let Some(Known { class, .. }) = self.known.get(name) else {
            return;
        };
        let class = class.clone();
        let definition = definition_name(&class);
        let stop = CancellationToken::new();
        let work = run(Start {
            host: self.host.clone(),
            class,
            obstacle: identity.obstacle.clone(),
            turn: self.turns.entry(definition.clone()).or_default().clone(),
            definition_changed: self
                .definitions
                .entry(definition)
                .or_insert_with(|| watch::Sender::new(0))
                .subscribe(),
            health: self.health.clone(),
            stop: stop.clone(),
        });
        let task = tokio::spawn(work.in_current_span());
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
fn conflicts<'a>(classes: impl Iterator<Item = &'a StreamClass>) -> HashMap<String, Obstacle> {
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
            let obstacle = Obstacle {
                reason: "Conflict",
                message,
            };
            conflicts.insert(other.name_any(), obstacle);
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
            conflicts["a"].message.contains("StreamClass b"),
            "{}",
            conflicts["a"].message
        );
    }

    #[test]
    fn a_class_that_cannot_be_read_is_known_by_name_with_what_is_wrong() {
        let guarded: GuardedClass = serde_json::from_value(json!({
            "apiVersion": "streaming.sneaksanddata.com/v1",
            "kind": "StreamClass",
            "metadata": {"name": "c"},
        }))
        .unwrap();
        let known = Known::from(guarded);
        assert_eq!(known.class.name_any(), "c");
        let obstacle = known.unreadable.unwrap();
        assert!(obstacle.message.contains("spec"), "{}", obstacle.message);
    }

    #[test]
    fn of_two_classes_of_the_same_age_the_first_by_name_serves() {
        let time = "2026-01-01T00:00:00Z";
        let classes = [class("b", time, "samples"), class("a", time, "samples")];
        assert_eq!(conflicts(classes.iter()).keys().collect::<Vec<_>>(), ["b"]);
    }
}
