//! Open BackfillRequests, by the stream that they are for.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
};

use arcane_contract::{
    api::{BackfillRequest, BackfillRequestSpec, Phase, RecordedDecision},
    names::ANNOTATION_DECISION,
};
use arcane_lifecycle::{RequestPhase, RequestView};
use jiff::Timestamp;
use kube::{Api, Client, ResourceExt};
use tokio_util::sync::CancellationToken;

use super::{
    Change, Guarded, Key, Observer, Store, events::config, follow as follow_kind, record,
    resource_version, routes::Routes,
};
use crate::{faults::Faults, shards::Shard};

/// What is kept of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct CachedRequest {
    /// `metadata.creationTimestamp`
    created: Option<Timestamp>,
    /// `metadata.resourceVersion`
    pub version: u64,
    /// `metadata.name`
    pub name: Box<str>,
    /// `metadata.uid`
    pub uid: Box<str>,
    /// `spec.streamClass`
    pub class: Box<str>,
    /// `spec.streamId`
    pub stream: Box<str>,
    /// `spec.payload`
    pub payload: Option<serde_json::Value>,
    /// The payload is nested too deep to be read, and so is not all of it.
    pub is_too_deep: bool,
    /// `status.decision`, or else the annotation that the request was created with.
    pub decision: Option<Box<RecordedDecision>>,
    /// There is such an annotation.
    pub was_decided_at_creation: bool,
    /// `status.phase`
    phase: Option<RequestPhase>,
}

impl CachedRequest {
    /// As the lifecycle sees it.
    pub fn view(&self) -> RequestView {
        RequestView {
            name: self.name.to_string(),
            uid: self.uid.to_string(),
            phase: self.phase,
            record: self
                .decision
                .as_ref()
                .and_then(|it| record::of_request(it, Timestamp::now())),
        }
    }
}

/// Open requests.
pub struct Requests {
    /// By their own name.
    pub store: Store<CachedRequest>,
    /// Names of the requests by stream; whatever its class.
    by_stream: RwLock<HashMap<Key, HashSet<Box<str>>>>,
}

impl Requests {
    /// None.
    pub fn new() -> Self {
        Requests {
            store: Store::new(),
            by_stream: RwLock::default(),
        }
    }

    /// The open requests of one stream of this class, oldest first.
    pub fn of(&self, class: &str, stream: &Key) -> Vec<Arc<CachedRequest>> {
        let index = self
            .by_stream
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let names = index.get(stream).into_iter().flatten();
        let mut found: Vec<_> = names
            .filter_map(|name| self.store.get(&Key::new(&stream.namespace, name)))
            .filter(|request| *request.class == *class && request.stream == stream.name)
            .collect();
        found.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
        found
    }

    fn index(&self, key: &Key, change: &Change<'_, CachedRequest>) {
        let stream = Key::new(&key.namespace, &change.view().stream);
        let mut index = self
            .by_stream
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match change {
            Change::Applied(_) => {
                index.entry(stream).or_default().insert(key.name.clone());
            }
            Change::Deleted(_) => {
                if let Some(names) = index.get_mut(&stream) {
                    names.remove(&key.name);
                    if names.is_empty() {
                        index.remove(&stream);
                    }
                }
            }
        }
    }
}

fn phase(phase: Phase) -> RequestPhase {
    match phase {
        Phase::Pending => RequestPhase::Pending,
        Phase::Ready => RequestPhase::Ready,
        Phase::Failed => RequestPhase::Failed,
        Phase::Stopped => RequestPhase::Stopped,
    }
}

/// Follows the requests that are not completed.
pub async fn follow(
    client: Client,
    requests: Arc<Requests>,
    routes: Arc<Routes>,
    shard: Shard,
    faults: Faults,
    stop: CancellationToken,
) {
    let config = config().fields("spec.completed=false");
    let observer = RequestObserver {
        shard,
        requests: requests.clone(),
        routes,
    };
    follow_kind(
        Api::<Guarded<BackfillRequest>>::all(client),
        config,
        &requests.store,
        &observer,
        &faults,
        &stop,
    )
    .await;
}

struct RequestObserver {
    shard: Shard,
    requests: Arc<Requests>,
    routes: Arc<Routes>,
}

impl Observer<Guarded<BackfillRequest>> for RequestObserver {
    type View = CachedRequest;

    fn resource(&self) -> &'static str {
        "backfillrequests.streaming.sneaksanddata.com"
    }

    /// It is the stream's, whatever its own name is.
    fn concerns(&self, guarded: &Guarded<BackfillRequest>) -> bool {
        let (metadata, stream) = match &guarded.object.0 {
            Ok(object) => (&object.metadata, object.spec.stream_id.as_str()),
            Err(invalid) => (&invalid.metadata, ""),
        };
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        self.shard.owns(namespace, stream)
    }

    fn project(&self, guarded: Guarded<BackfillRequest>) -> CachedRequest {
        let is_too_deep = guarded.is_too_deep;
        // One that its own schema forbids asks for nothing, of a stream that has no name.
        let object = guarded.object.0.unwrap_or_else(|invalid| BackfillRequest {
            metadata: invalid.metadata,
            ..BackfillRequest::new("", BackfillRequestSpec::default())
        });
        let at_creation = object.annotations().get(ANNOTATION_DECISION).cloned();
        CachedRequest {
            is_too_deep,
            was_decided_at_creation: at_creation.is_some(),
            version: resource_version(&object),
            phase: object
                .status
                .as_ref()
                .and_then(|status| status.phase)
                .map(phase),
            created: object.creation_timestamp().map(|time| time.0),
            name: object.name_any().into(),
            uid: object.uid().unwrap_or_default().into(),
            decision: object
                .status
                .and_then(|status| status.decision)
                .or_else(|| serde_json::from_str(&at_creation?).ok())
                .map(Box::new),
            class: object.spec.stream_class.into(),
            stream: object.spec.stream_id.into(),
            payload: object.spec.payload.map(serde_json::Value::Object),
        }
    }

    fn changed(&self, key: &Key, change: Change<'_, CachedRequest>) {
        self.requests.index(key, &change);
        let request = change.view();
        self.routes
            .class(&request.class, Key::new(&key.namespace, &request.stream));
    }
}
