//! Serves one class: follows its definitions and the triggers of the shared kinds, and works on
//! each stream that they touch.

use std::{
    collections::{HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arcane_contract::{
    api::StreamClass, kind::DefinitionKind, schema::StatusSchema, stream::StreamDefinition,
};
use futures::{FutureExt, Stream, StreamExt, stream};
use kube::{
    ResourceExt,
    core::DynamicObject,
    runtime::{
        Controller,
        controller::{Action, Config, Error as ControllerError},
        reflector::{self, ObjectRef},
    },
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::interval,
};
use tokio_stream::wrappers::{IntervalStream, UnboundedReceiverStream};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info_span};

use super::{
    adopt::adopt_unlabelled,
    context::{Class, ClassPlugin, Host},
    definitions::definitions,
    express,
    memory::Memories,
    reconcile::reconcile,
    rolling::Rolling,
};
use crate::{
    cache::{GroupKind, Key, Progress, Trigger},
    faults::Faults,
    health::Heartbeat,
    metrics::ClassSnapshot,
    plugins::Service,
};

/// How often a request that no object answers goes through the whole queue, to prove that the
/// loop is alive.
const CANARY_PERIOD: Duration = Duration::from_secs(10);
/// No object can have this name.
const CANARY: &str = "..canary";

/// The kind of a class's definitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Kind {
    /// Where it is.
    pub resource: DefinitionKind,
    /// What its status can hold.
    pub status_schema: StatusSchema,
}

/// A class that is to be served.
pub struct Served<'a> {
    /// The class.
    pub object: &'a StreamClass,
    /// The kind that it names.
    pub kind: Kind,
    /// The place for its plugin, if it names one.
    pub plugin: Option<Arc<Service>>,
}

/// Serves the class until `stop`. `listed` is called once its definitions are known.
pub async fn serve(
    host: Arc<Host>,
    served: Served<'_>,
    faults: Faults,
    heartbeat: Heartbeat,
    listed: impl Fn() + Send + Sync + 'static,
    stop: CancellationToken,
) {
    let Served {
        object,
        kind,
        plugin,
    } = served;
    let writer = reflector::store::Writer::new(kind.resource.clone());
    let class = Arc::new(Class {
        name: object.name_any(),
        secret_refs: object.spec.secret_refs.clone(),
        restart_policy: object.spec.restart_policy.clone().unwrap_or_default(),
        plugin: plugin.map(|service| ClassPlugin {
            service,
            policy: object
                .spec
                .plugin
                .as_ref()
                .map(|plugin| plugin.failure_policy)
                .unwrap_or_default(),
        }),
        kind: kind.resource.clone(),
        group_kind: GroupKind::of(&kind.resource.api_version, &kind.resource.kind),
        status_schema: kind.status_schema,
        definitions: writer.as_reader(),
        progress: Arc::new(Progress::new()),
        memories: Memories::default(),
        rolling: Rolling::default(),
        faults,
        host,
    });
    let queue = Arc::new(Queue::default());
    let (sender, triggers) = unbounded_channel();
    adopt_unlabelled(&class).await;
    let shared = &class.host.shared;
    shared
        .routes
        .add(&class.name, class.group_kind.clone(), sender);
    show_metrics(&class, &queue);
    run(&class, &queue, writer, triggers, heartbeat, listed, stop).await;
    class
        .host
        .metrics
        .classes
        .remove(&class.name, class.host.shard);
    class.host.shared.routes.remove(&class.name);
}

async fn run(
    class: &Arc<Class>,
    queue: &Arc<Queue>,
    writer: reflector::store::Writer<StreamDefinition>,
    triggers: UnboundedReceiver<Trigger>,
    heartbeat: Heartbeat,
    listed: impl Fn() + Send + Sync + 'static,
    stop: CancellationToken,
) {
    let (hurry, hurried) = unbounded_channel();
    let touched = definitions(class.clone(), writer, listed).inspect({
        let (class, queue) = (class.clone(), queue.clone());
        move |item| {
            if let Ok(object) = item {
                let key = Key::of(object);
                queue.enter(&key);
                if let Some(object) = express::to_stop(&class, &key) {
                    // Received for as long as there are definitions.
                    let _ = hurry.send(object);
                }
            }
        }
    });
    let triggered = triggered(class.clone(), queue.clone(), triggers);
    let config = Config::default().concurrency(class.host.concurrency_per_class);
    let mut results =
        Controller::for_stream_with(touched, class.definitions.clone(), class.kind.clone())
            .with_config(config)
            .reconcile_on(triggered)
            .reconcile_on(canary(class.kind.clone()))
            .graceful_shutdown_on(stop.cancelled_owned())
            .run(
                {
                    let queue = queue.clone();
                    move |object, class| {
                        queue.leave(&Key::of(&*object));
                        guarded(class, object)
                    }
                },
                // Reconciles settle their failures themselves.
                |_, error: &std::convert::Infallible, _| match *error {},
                class.clone(),
            )
            .boxed();
    let in_turn = async move {
        while let Some(result) = results.next().await {
            if let Err(ControllerError::ObjectNotFound(reference)) = result {
                if reference.name == CANARY {
                    heartbeat.beat();
                } else {
                    forget(class, queue, &reference);
                }
            }
        }
        // Nothing is hurried any more; what has begun comes to an end.
        drop(results);
    };
    let out_of_turn = express::serve(hurried, |object| guarded(class.clone(), object));
    tokio::join!(in_turn, out_of_turn);
}

/// One reconcile on a task of its own, so that all cores are used and a panic ends nothing else.
async fn guarded(
    class: Arc<Class>,
    object: Arc<StreamDefinition>,
) -> Result<Action, std::convert::Infallible> {
    let span = info_span!(
        "stream",
        class = %class.name,
        namespace = object.metadata.namespace.as_deref().unwrap_or_default(),
        stream = object.metadata.name.as_deref().unwrap_or_default(),
        shard = tracing::field::Empty,
    );
    let shard = class.host.shard;
    if !shard.is_sole() {
        span.record("shard", shard.index());
    }
    let delay = class.host.backoff.maximum;
    let work = AssertUnwindSafe(reconcile(class, object))
        .catch_unwind()
        .instrument(span.clone());
    Ok(match tokio::spawn(work).await {
        Ok(Ok(action)) => action,
        Ok(Err(_)) | Err(_) => {
            error!(parent: &span, "the work on this stream panicked; trying again in {delay:?}");
            Action::requeue(delay)
        }
    })
}

/// The streams that changes of shared kinds touch.
fn triggered(
    class: Arc<Class>,
    queue: Arc<Queue>,
    triggers: UnboundedReceiver<Trigger>,
) -> impl Stream<Item = ObjectRef<StreamDefinition>> + Send {
    UnboundedReceiverStream::new(triggers).flat_map(move |trigger| {
        let keys = match trigger {
            Trigger::Stream(key) => vec![key],
            Trigger::Template(template) => class.memories.users_of(&template),
            Trigger::Class => class.memories.keys(),
        };
        let (class, queue) = (class.clone(), queue.clone());
        stream::iter(keys.into_iter().map(move |key| {
            queue.enter(&key);
            ObjectRef::new_with(&key.name, class.kind.clone()).within(&key.namespace)
        }))
    })
}

fn canary(kind: DefinitionKind) -> impl Stream<Item = ObjectRef<StreamDefinition>> + Send {
    IntervalStream::new(interval(CANARY_PERIOD))
        .map(move |_| ObjectRef::new_with(CANARY, kind.clone()))
}

/// The definition is gone: so is everything that was remembered of it.
fn forget(class: &Class, queue: &Queue, reference: &ObjectRef<DynamicObject>) {
    let key = Key::new(
        reference.namespace.as_deref().unwrap_or_default(),
        &reference.name,
    );
    queue.leave(&key);
    class.memories.remove(&key);
    class.host.shared.jobs.abandon(&key);
    if let Some(next) = class.rolling.release(&key) {
        class.host.shared.routes.class(&class.name, next);
    }
}

/// Streams that wait for their reconcile.
#[derive(Default)]
struct Queue {
    waiting: Mutex<HashSet<Key>>,
}

impl Queue {
    fn enter(&self, key: &Key) {
        self.lock().insert(key.clone());
    }

    fn leave(&self, key: &Key) {
        self.lock().remove(key);
    }

    fn len(&self) -> u64 {
        self.lock().len() as u64
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<Key>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn show_metrics(class: &Arc<Class>, queue: &Arc<Queue>) {
    let (name, class, queue) = (class.name.clone(), class.clone(), queue.clone());
    let (gauges, shard) = (class.host.metrics.classes.clone(), class.host.shard);
    gauges.add(&name, shard, move || {
        let mut streams = HashMap::new();
        for object in class.definitions.state() {
            let phase = object.status.phase.as_deref().unwrap_or_default();
            let phase = if phase.is_empty() { "New" } else { phase };
            *streams.entry(phase.to_owned()).or_default() += 1;
        }
        ClassSnapshot {
            streams,
            queued: queue.len(),
            healthy: class.faults.current().is_empty() && class.host.faults.current().is_empty(),
        }
    });
}
