//! What the work on the streams of one class has in common.

use std::{sync::Arc, time::Duration};

use arcane_contract::{
    api::{FailurePolicy, RestartPolicy},
    kind::DefinitionKind,
    names, render,
    schema::StatusSchema,
    stream::StreamDefinition,
};
use arcane_lifecycle::Fenced;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Client, runtime::reflector};
use tokio::sync::Semaphore;

use super::{backoff::Backoff, memory::Memories, rolling::Rolling};
use crate::{
    cache::{Claimant, GroupKind, Progress, Shared},
    events::Events,
    faults::Faults,
    metrics::Metrics,
    plugins::{Plugins, Service},
    shards::Shard,
    writer::{Path, Writer},
};

/// What all classes have in common.
pub struct Host {
    /// Reads what is not cached.
    pub client: Client,
    /// Writes.
    pub writer: Writer,
    /// Tells people.
    pub events: Events,
    /// Counts.
    pub metrics: Metrics,
    /// Caches of the shared kinds.
    pub shared: Shared,
    /// Failing watches of the shared kinds.
    pub faults: Faults,
    /// The streams that all this is about.
    pub shard: Shard,
    /// Bounds the streams of all classes that are worked on at once, whatever their shard.
    pub permits: Arc<Semaphore>,
    /// Plugins of all classes.
    pub plugins: Arc<Plugins>,
    /// How Jobs are rendered.
    pub render: render::Settings,
    /// When to try again.
    pub backoff: Backoff,
    /// Time that the work on one stream may take.
    pub reconcile_timeout: Duration,
    /// Streams of one class that are worked on at once.
    pub concurrency_per_class: u16,
}

/// The plugin of a class.
pub struct ClassPlugin {
    /// What is in service.
    pub service: Arc<Service>,
    /// What to do when it gives no answer.
    pub policy: FailurePolicy,
}

/// One class while it is served.
pub struct Class {
    /// Name of the StreamClass.
    pub name: String,
    /// `spec.secretRefs`
    pub secret_refs: Vec<String>,
    /// `spec.restartPolicy`
    pub restart_policy: RestartPolicy,
    /// `spec.plugin`
    pub plugin: Option<ClassPlugin>,
    /// The kind of its definitions.
    pub kind: DefinitionKind,
    /// The same, as owner references name it.
    pub group_kind: GroupKind,
    /// What their status can hold.
    pub status_schema: StatusSchema,
    /// The definitions.
    pub definitions: reflector::Store<StreamDefinition>,
    /// How far the watch of the definitions has come.
    pub progress: Arc<Progress>,
    /// What is remembered of each stream.
    pub memories: Memories,
    /// Restarts under way.
    pub rolling: Rolling,
    /// What keeps this class from being served.
    pub faults: Faults,
    /// What all classes have in common.
    pub host: Arc<Host>,
}

impl Class {
    /// Where the objects of a kind are in a namespace.
    pub fn objects(&self, kind: Fenced, namespace: &str) -> Path {
        let (group, version, plural) = match kind {
            Fenced::Definition => (
                self.kind.group.as_str(),
                self.kind.version.as_str(),
                self.kind.plural.as_str(),
            ),
            Fenced::Job => ("batch", "v1", "jobs"),
            Fenced::CronJob => ("batch", "v1", "cronjobs"),
            Fenced::Request => (names::GROUP, names::VERSION, "backfillrequests"),
        };
        Path::new(group, version, namespace, plural)
    }

    /// The definition as one that asks whose an object is.
    pub fn claimant<'a>(&'a self, definition: &'a StreamDefinition) -> Claimant<'a> {
        let metadata = &definition.metadata;
        Claimant {
            uid: metadata.uid.as_deref().unwrap_or_default(),
            name: metadata.name.as_deref().unwrap_or_default(),
            kind: &self.group_kind,
        }
    }

    /// The definition as events name it.
    pub fn reference(&self, definition: &StreamDefinition) -> ObjectReference {
        ObjectReference {
            api_version: Some(self.kind.api_version.clone()),
            kind: Some(self.kind.kind.clone()),
            namespace: definition.metadata.namespace.clone(),
            name: definition.metadata.name.clone(),
            uid: definition.metadata.uid.clone(),
            resource_version: definition.metadata.resource_version.clone(),
            field_path: None,
        }
    }
}
