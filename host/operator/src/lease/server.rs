//! An API server that knows nothing but Leases, for tests in time that does not pass by itself.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use http::{Method, Request, Response, StatusCode};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Client, ResourceExt, client::Body};
use serde_json::{Value, json};

use super::{LABEL_SHARDS, Leases, Settings, Shard, claim};
use crate::shards::Layout;

/// Times as they are by default.
pub fn settings(identity: &str) -> Settings {
    Settings {
        namespace: "ns".into(),
        name: "leader".into(),
        identity: identity.into(),
        duration: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry_period: Duration::from_secs(2),
    }
}

/// One of so many shards.
pub fn shard(index: u16, of: u16) -> Shard {
    Layout::of(of).shard(index)
}

/// The server. Clones are one.
#[derive(Clone, Default)]
pub struct Server(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    leases: BTreeMap<String, Lease>,
    version: u64,
    writes: usize,
    /// What others are about to write.
    arriving: Vec<Lease>,
}

impl Server {
    /// The Leases, as a replica of this name reads and writes them.
    pub fn leases(&self, identity: &str) -> Leases {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                let body = serde_json::from_slice(&body).unwrap_or_default();
                let (status, answer) = server.answer(&head, body);
                let mut response = Response::new(Body::from(answer.to_string().into_bytes()));
                *response.status_mut() = status;
                Ok::<_, Infallible>(response)
            }
        });
        Leases::new(Client::new(service, "ns"), settings(identity))
    }

    /// Somebody takes a Lease.
    pub fn take(&self, shard: Shard, identity: &str) {
        let name = shard.lease_name("leader");
        self.stored()
            .store(claim(&name, shard, None, &settings(identity)));
    }

    /// Somebody takes a Lease at the moment of the next write, unseen until then.
    pub fn take_with_next_write(&self, shard: Shard, identity: &str) {
        let name = shard.lease_name("leader");
        let lease = claim(&name, shard, None, &settings(identity));
        self.stored().arriving.push(lease);
    }

    /// Puts something in the place of a Lease.
    pub fn change(&self, name: &str, change: impl FnOnce(Lease) -> Lease) {
        let mut stored = self.stored();
        let lease = stored.leases[name].clone();
        stored.store(change(lease));
    }

    /// How often somebody wrote, by requests.
    pub fn writes(&self) -> usize {
        self.stored().writes
    }

    /// Who holds a Lease; empty if nobody does.
    pub fn holder(&self, name: &str) -> String {
        let stored = self.stored();
        let lease = stored.leases.get(name);
        lease.and_then(super::holder).unwrap_or_default().to_owned()
    }

    fn answer(&self, head: &http::request::Parts, body: Value) -> (StatusCode, Value) {
        let mut stored = self.stored();
        let name = head.uri.path().split("/leases").nth(1).unwrap_or_default();
        let name = name.trim_start_matches('/').to_owned();
        if head.method != Method::GET {
            let lease: Lease = serde_json::from_value(body).unwrap();
            let before = stored.leases.get(&lease.name_any());
            let version = before.and_then(ResourceExt::resource_version);
            if version != lease.resource_version() {
                return (StatusCode::CONFLICT, failure(409, "Conflict"));
            }
            stored.writes += 1;
            for arriving in std::mem::take(&mut stored.arriving) {
                stored.store(arriving);
            }
            let written = stored.store(lease);
            return (StatusCode::OK, json!(written));
        }
        if name.is_empty() {
            let leases = stored.leases.values();
            let labelled = leases.filter(|lease| lease.labels().contains_key(LABEL_SHARDS));
            let items: Vec<&Lease> = labelled.collect();
            let list = json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "LeaseList",
                "metadata": {}, "items": items,
            });
            return (StatusCode::OK, list);
        }
        match stored.leases.get(&name) {
            Some(lease) => (StatusCode::OK, json!(lease)),
            None => (StatusCode::NOT_FOUND, failure(404, "NotFound")),
        }
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().unwrap()
    }
}

impl Stored {
    fn store(&mut self, mut lease: Lease) -> Lease {
        self.version += 1;
        lease.metadata.resource_version = Some(self.version.to_string());
        self.leases.insert(lease.name_any(), lease.clone());
        lease
    }
}

fn failure(code: u16, reason: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason, "message": reason,
    })
}
