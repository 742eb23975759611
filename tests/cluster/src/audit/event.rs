//! Lines of the audit log, as far as they are of interest.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::record::Request;

/// Names the request that a backfill Job serves.
const BACKFILL_REQUEST: &str = "arcane.sneaksanddata.com/backfill-request";

/// One audit event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    stage: String,
    #[serde(rename = "requestURI")]
    pub(super) request_uri: String,
    verb: String,
    user: User,
    #[serde(default)]
    user_agent: String,
    object_ref: Option<ObjectRef>,
    response_status: Option<ResponseStatus>,
    request_object: Option<Box<RawValue>>,
    response_object: Option<ResponseObject>,
    #[serde(default)]
    request_received_timestamp: String,
}

#[derive(Debug, Deserialize)]
struct User {
    username: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct ObjectRef {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct ResponseStatus {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    message: String,
}

/// What a write was sent with: an object, a patch of any kind, or the options of a deletion.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "serde_json::Value")]
struct Sent {
    completed: Option<bool>,
    propagation: Option<String>,
}

impl From<serde_json::Value> for Sent {
    fn from(sent: serde_json::Value) -> Self {
        Self {
            completed: sent["spec"]["completed"].as_bool(),
            propagation: sent["propagationPolicy"].as_str().map(str::to_owned),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
struct ResponseObject {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
struct Spec {
    completed: Option<bool>,
}

/// Of other kinds this may be anything.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "serde_json::Value")]
struct Status {
    is_complete: bool,
}

impl From<serde_json::Value> for Status {
    fn from(status: serde_json::Value) -> Self {
        let mut conditions = status["conditions"].as_array().into_iter().flatten();
        Self {
            is_complete: conditions.any(|it| it["type"] == "Complete" && it["status"] == "True"),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Event {
    /// The request that the event tells of; none when another event tells of the same one, or when
    /// it was about no resource.
    pub(super) fn into_request(self) -> Option<Request> {
        let Self {
            stage,
            request_uri,
            verb,
            user,
            user_agent,
            object_ref,
            response_status,
            request_object,
            response_object,
            request_received_timestamp,
        } = self;
        let ResponseStatus { code, message } = response_status?;
        // A watch shows when it opens, not when it ends; one that is refused never opens.
        let shows = match stage.as_str() {
            "ResponseStarted" => verb == "watch",
            "ResponseComplete" => verb != "watch" || code >= 400,
            _ => false,
        };
        if !shows {
            return None;
        }
        let ObjectRef {
            api_group,
            resource,
            subresource,
            namespace,
            name,
        } = object_ref?;
        let ResponseObject {
            metadata,
            spec,
            status,
        } = response_object.unwrap_or_default();
        let Metadata {
            name: created,
            uid,
            resource_version,
            mut annotations,
        } = metadata;
        // Whoever asks for metadata alone is answered, and logged, with no more. Of other kinds, whose
        // bodies are most of the log, nobody asks what was sent.
        let is_telling = resource == "backfillrequests" || verb == "delete";
        let sent = request_object.filter(|_| is_telling);
        let sent = sent.and_then(|sent| serde_json::from_str(sent.get()).ok());
        let sent: Sent = sent.unwrap_or_default();
        let completed = spec.completed.or(sent.completed);
        Some(Request {
            user: user.username,
            user_agent,
            verb,
            group: api_group,
            resource: if subresource.is_empty() {
                resource
            } else {
                format!("{resource}/{subresource}")
            },
            namespace,
            name: created.unwrap_or(name),
            code,
            message,
            dry_run: request_uri.contains("dryRun=All"),
            uid,
            resource_version,
            changed: None,
            complete: completed.unwrap_or(status.is_complete),
            propagation: sent.propagation,
            backfill_request: annotations.remove(BACKFILL_REQUEST),
            received: request_received_timestamp,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(stage: &str, verb: &str, code: u16) -> Option<Request> {
        let event = json!({
            "stage": stage,
            "requestURI": "/api/v1/secrets?watch=true",
            "verb": verb,
            "user": {"username": "someone"},
            "objectRef": {"resource": "secrets", "apiVersion": "v1"},
            "responseStatus": {"metadata": {}, "code": code},
        });
        serde_json::from_value::<Event>(event)
            .unwrap()
            .into_request()
    }

    #[test]
    fn a_watch_is_one_request_when_it_opens() {
        assert!(event("ResponseStarted", "watch", 200).is_some());
        assert!(event("ResponseComplete", "watch", 200).is_none());
    }

    #[test]
    fn a_refused_watch_is_a_request() {
        assert_eq!(event("ResponseComplete", "watch", 403).unwrap().code, 403);
    }

    #[test]
    fn other_requests_count_when_they_are_answered() {
        assert!(event("ResponseStarted", "list", 200).is_none());
        assert!(event("ResponseComplete", "list", 200).is_some());
    }
}
