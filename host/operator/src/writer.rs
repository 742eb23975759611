//! The one place that writes to the API server: each call has a deadline, is counted, keeps to the
//! budget, and is made only while this replica holds the lease.

use std::{sync::Arc, time::Duration};

use arcane_lifecycle::Propagation;
use http::{Method, Request};
use k8s_openapi::api::events::v1::Event;
use kube::Client;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    budget::Budget,
    lease::Tenure,
    metrics::{Metrics, WriteLabels},
};

/// Why a call failed, by what can be done about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object is not there.
    #[error("not found: {0}")]
    NotFound(String),
    /// An object of that name is there already.
    #[error("already exists: {0}")]
    AlreadyExists(String),
    /// The object is not the one that was observed.
    #[error("changed meanwhile: {0}")]
    Conflict(String),
    /// The API server refuses the object or the caller; the text is its own.
    #[error("{0}")]
    Refused(String),
    /// No answer, or one that says to try again.
    #[error("{0}")]
    Unavailable(String),
    /// The lease is lost: nothing was sent.
    #[error("this replica no longer holds the lease")]
    NotLeader,
}

impl Error {
    /// Whether the write may have been made all the same.
    pub fn is_open(&self) -> bool {
        matches!(self, Error::Unavailable(_))
    }

    /// What went wrong with a call of the client.
    pub fn of(error: kube::Error) -> Self {
        let kube::Error::Api(status) = error else {
            return Error::Unavailable(error.to_string());
        };
        let message = status.message.clone();
        match status.code {
            404 => Error::NotFound(message),
            409 if status.is_already_exists() => Error::AlreadyExists(message),
            // Quota and admission answer "please try again" conflicts as well: all of them mean
            // that a fresh look may help.
            409 => Error::Conflict(message),
            400..=499 if ![408, 429].contains(&status.code) => Error::Refused(message),
            // So etcd says that it will never take the object.
            500 if message.contains("request is too large") => Error::Refused(message),
            _ => Error::Unavailable(message),
        }
    }
}

/// What is known of an object after a write.
#[derive(Debug, Deserialize)]
pub struct Written {
    metadata: Version,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    resource_version: Option<String>,
}

impl Written {
    /// The resourceVersion that the write made; see [`crate::cache::resource_version`].
    pub fn version(&self) -> u64 {
        let version = self.metadata.resource_version.as_deref();
        version
            .and_then(|version| version.parse().ok())
            .unwrap_or(0)
    }
}

/// Where objects of a kind are.
#[derive(Clone, Debug)]
pub struct Path {
    /// Up to the plural name, e.g. `/apis/batch/v1/namespaces/ns/jobs`.
    pub collection: String,
    /// Name of the resource in metrics.
    pub resource: String,
}

impl Path {
    /// Namespaced objects of a group and version.
    pub fn new(group: &str, version: &str, namespace: &str, plural: &str) -> Self {
        let base = if group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{group}/{version}")
        };
        Path {
            collection: format!("{base}/namespaces/{namespace}/{plural}"),
            resource: plural.to_owned(),
        }
    }

    /// Cluster-wide objects of a group and version.
    pub fn cluster(group: &str, version: &str, plural: &str) -> Self {
        Path {
            collection: format!("/apis/{group}/{version}/{plural}"),
            resource: plural.to_owned(),
        }
    }
}

/// Writes objects.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    timeout: Duration,
    tenure: Tenure,
    budget: Arc<Budget>,
    metrics: Metrics,
}

/// Field manager of all writes.
const FIELD_MANAGER: &str = "fieldManager=arcane-host";
/// Whoever wrote a template may have written fields that the API server does not know. It says so in
/// a header for each, and an answer with a hundred of them cannot be read.
const NO_WARNINGS: &str = "fieldValidation=Ignore";

impl Writer {
    /// `client` must not retry by itself: every failure goes through the stream's own backoff.
    pub fn new(
        client: Client,
        timeout: Duration,
        tenure: Tenure,
        budget: Arc<Budget>,
        metrics: Metrics,
    ) -> Self {
        Writer {
            client,
            timeout,
            tenure,
            budget,
            metrics,
        }
    }

    /// Creates an object.
    pub async fn create(&self, path: &Path, object: &Value) -> Result<Written, Error> {
        let uri = format!("{}?{FIELD_MANAGER}&{NO_WARNINGS}", path.collection);
        self.send(
            "create",
            &path.resource,
            json_request(Method::POST, uri, JSON, object)?,
        )
        .await
    }

    /// Asks whether the object would be accepted in the place of the one that has its name. Neither
    /// that name counts against it, which the API server looks at last, nor a quota that is used
    /// up: the object that makes way frees its share.
    pub async fn check(&self, path: &Path, object: &Value) -> Result<(), Error> {
        let uri = format!(
            "{}?{FIELD_MANAGER}&{NO_WARNINGS}&dryRun=All",
            path.collection
        );
        let request = json_request(Method::POST, uri, JSON, object)?;
        match self.send::<Written>("check", &path.resource, request).await {
            Ok(_) | Err(Error::AlreadyExists(_)) => Ok(()),
            Err(Error::Refused(message)) if message.contains("exceeded quota: ") => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Replaces an object.
    pub async fn replace(&self, path: &Path, name: &str, object: &Value) -> Result<Written, Error> {
        let uri = format!("{}/{name}?{FIELD_MANAGER}&{NO_WARNINGS}", path.collection);
        self.send(
            "update",
            &path.resource,
            json_request(Method::PUT, uri, JSON, object)?,
        )
        .await
    }

    /// Merges a change into an object.
    pub async fn merge(&self, path: &Path, name: &str, patch: &Value) -> Result<Written, Error> {
        let uri = format!("{}/{name}?{FIELD_MANAGER}", path.collection);
        let request = json_request(Method::PATCH, uri, MERGE_PATCH, patch)?;
        self.send("patch", &path.resource, request).await
    }

    /// Merges a change into an object's status.
    pub async fn merge_status(
        &self,
        path: &Path,
        name: &str,
        patch: &Value,
    ) -> Result<Written, Error> {
        let uri = format!("{}/{name}/status?{FIELD_MANAGER}", path.collection);
        let request = json_request(Method::PATCH, uri, MERGE_PATCH, patch)?;
        self.send("patch", &format!("{}/status", path.resource), request)
            .await
    }

    /// Deletes the object with this uid. Returns the resourceVersion from which on it is going; 0 if
    /// it has gone at once, or had before.
    pub async fn delete(
        &self,
        path: &Path,
        name: &str,
        uid: &str,
        propagation: Propagation,
    ) -> Result<u64, Error> {
        let options = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": match propagation {
                Propagation::Foreground => "Foreground",
                Propagation::Background => "Background",
            },
        });
        let uri = format!("{}/{name}", path.collection);
        let request = json_request(Method::DELETE, uri, JSON, &options)?;
        match self
            .send::<Written>("delete", &path.resource, request)
            .await
        {
            Ok(going) => Ok(going.version()),
            Err(Error::NotFound(_)) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Creates an event.
    pub async fn publish(&self, namespace: &str, event: &Event) -> Result<(), Error> {
        let path = Path::new("events.k8s.io", "v1", namespace, "events");
        let body =
            serde_json::to_value(event).map_err(|error| Error::Refused(error.to_string()))?;
        self.create(&path, &body).await.map(drop)
    }

    /// Reads an object, as part of a write.
    pub async fn read<T: DeserializeOwned>(&self, path: &Path, name: &str) -> Result<T, Error> {
        let request = Request::get(format!("{}/{name}", path.collection))
            .body(Vec::new())
            .map_err(|error| Error::Refused(error.to_string()))?;
        self.answer(request).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        verb: &'static str,
        resource: &str,
        request: Request<Vec<u8>>,
    ) -> Result<T, Error> {
        self.budget.take().await;
        let Some(_writing) = self.tenure.write().await else {
            return Err(Error::NotLeader);
        };
        let answer = self.answer(request).await;
        self.metrics
            .api_writes
            .get_or_create(&WriteLabels {
                verb,
                resource: resource.to_owned(),
                result: result(&answer),
            })
            .inc();
        answer
    }

    async fn answer<T: DeserializeOwned>(&self, request: Request<Vec<u8>>) -> Result<T, Error> {
        let what = format!("{} {}", request.method(), request.uri().path());
        match timeout(self.timeout, self.client.request(request)).await {
            Ok(answer) => answer.map_err(Error::of),
            Err(_) => Err(Error::Unavailable(format!(
                "no answer to {what} within {:?}",
                self.timeout
            ))),
        }
    }
}

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";
/// Nothing else is read of what a write has made: the API server need not send a spec back.
const METADATA: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

fn json_request(
    method: Method,
    uri: String,
    content_type: &str,
    body: &Value,
) -> Result<Request<Vec<u8>>, Error> {
    let refused = |error: &dyn std::fmt::Display| Error::Refused(error.to_string());
    let body = serde_json::to_vec(body).map_err(|error| refused(&error))?;
    Request::builder()
        .method(method)
        .uri(uri)
        .header(http::header::CONTENT_TYPE, content_type)
        .header(http::header::ACCEPT, METADATA)
        .body(body)
        .map_err(|error| refused(&error))
}

fn result<T>(answer: &Result<T, Error>) -> &'static str {
    match answer {
        Ok(_) => "done",
        Err(Error::NotFound(_)) => "not_found",
        Err(Error::AlreadyExists(_)) => "already_exists",
        Err(Error::Conflict(_)) => "conflict",
        Err(Error::Refused(_)) => "refused",
        Err(Error::Unavailable(_) | Error::NotLeader) => "unavailable",
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn error(code: u16, reason: &str) -> Error {
        Error::of(kube::Error::Api(
            Status::failure("the server's words", reason)
                .with_code(code)
                .boxed(),
        ))
    }

    #[test]
    fn an_object_that_is_too_large_will_always_be() {
        let status = Status::failure("etcdserver: request is too large", "").with_code(500);
        let error = Error::of(kube::Error::Api(status.boxed()));
        assert!(matches!(error, Error::Refused(_)));
    }

    #[test]
    fn an_answer_is_sorted_by_what_can_be_done_about_it() {
        assert!(matches!(error(404, "NotFound"), Error::NotFound(_)));
        assert!(matches!(
            error(409, "AlreadyExists"),
            Error::AlreadyExists(_)
        ));
        assert!(matches!(error(409, "Conflict"), Error::Conflict(_)));
        assert!(matches!(error(403, "Forbidden"), Error::Refused(_)));
        assert!(matches!(error(422, "Invalid"), Error::Refused(_)));
        assert!(matches!(
            error(429, "TooManyRequests"),
            Error::Unavailable(_)
        ));
        assert!(matches!(
            error(503, "ServiceUnavailable"),
            Error::Unavailable(_)
        ));
    }

    #[test]
    fn a_write_asks_for_nothing_but_metadata_in_answer() {
        let request = json_request(Method::POST, "/jobs".into(), JSON, &json!({})).unwrap();
        let accepted = request.headers()[http::header::ACCEPT].to_str().unwrap();
        assert!(accepted.starts_with("application/json;as=PartialObjectMetadata;"));
        assert!(accepted.ends_with(",application/json"), "for a refusal");
    }

    #[test]
    fn a_write_tells_the_version_it_made() {
        let written =
            |answer: Value| serde_json::from_value::<Written>(answer).map(|w| w.version());
        let whole = json!({"kind": "Job", "metadata": {"resourceVersion": "17"}, "spec": {}});
        assert_eq!(written(whole).unwrap(), 17);
        assert_eq!(written(json!({"metadata": {}})).unwrap(), 0);
    }

    #[test]
    fn a_refusal_keeps_the_servers_own_words() {
        assert_eq!(error(422, "Invalid").to_string(), "the server's words");
    }
}
