//! Writes to BackfillRequests.

use arcane_contract::{
    api::{BackfillRequest, RecordedDecision},
    names,
};
use arcane_lifecycle::{Fenced, RequestPhase};
use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::{Executor, annotation};
use crate::{
    cache::{CachedRequest, resource_version},
    stream::{
        halt::{Halt, failed},
        memory::lock,
        unanswered::sent,
    },
    time::written,
    writer::{Error as WriteError, Written},
};

/// What a request is told.
pub(super) struct RequestCondition<'a> {
    /// `status.phase`
    pub(super) phase: RequestPhase,
    /// Whether the backfill is complete.
    pub(super) complete: bool,
    /// Reason of the condition.
    pub(super) reason: &'a str,
    /// For people.
    pub(super) message: &'a str,
}

impl Executor<'_> {
    /// Creates a request, with the decision that it follows from on record from the beginning: a
    /// second write might not come.
    pub(super) async fn create_request(
        &self,
        name: &str,
        decision: Option<&RecordedDecision>,
    ) -> Result<(), Halt> {
        let stream = self.object.name_any();
        let mut request = json!({
            "apiVersion": format!("{}/{}", names::GROUP, names::VERSION),
            "kind": "BackfillRequest",
            "metadata": {
                "name": name,
                "namespace": self.namespace(),
                // With its definition the request goes, too; it is not controlled by it.
                "ownerReferences": [{
                    "apiVersion": self.class.kind.api_version,
                    "kind": self.class.kind.kind,
                    "name": stream,
                    "uid": self.uid(),
                }],
            },
            "spec": {"streamClass": self.class.name, "streamId": stream, "completed": false},
        });
        if let Some(decision) = decision {
            request["metadata"]["annotations"] = annotation(decision);
        }
        let path = self.path(Fenced::Request);
        let write = self.writer().create(&path, &request);
        match sent(self.memory, Fenced::Request, name, write).await {
            Ok(written) => self.raise(Fenced::Request, &written),
            Err(WriteError::AlreadyExists(_)) => {
                let existing: BackfillRequest = self
                    .writer()
                    .read(&path, name)
                    .await
                    .map_err(failed("read a backfill request"))?;
                if existing.spec.completed {
                    return Err(Halt::AlreadyCompleted(name.to_owned()));
                }
                // Made before, by a write whose answer never came: the cache may not have it yet.
                lock(self.memory).wrote(Fenced::Request, resource_version(&existing));
            }
            Err(error) => return Err(self.halt("create a backfill request", error)),
        }
        Ok(())
    }

    pub(super) async fn set_request_status(
        &self,
        name: &str,
        condition: RequestCondition<'_>,
    ) -> Result<(), Halt> {
        let RequestCondition {
            phase,
            complete,
            reason,
            message,
        } = condition;
        let mut patch = json!({"status": {
            "phase": match phase {
                RequestPhase::Pending => "Pending",
                RequestPhase::Ready => "Ready",
                RequestPhase::Failed => "Failed",
                RequestPhase::Stopped => "Stopped",
            },
            "conditions": [{
                "type": "Complete",
                "status": if complete { "True" } else { "False" },
                "reason": reason,
                "message": message,
                "lastTransitionTime": written(Timestamp::now()),
            }],
        }});
        // A plugin's word that ends the request; one that does not end it has a step of its own.
        let is_end = matches!(phase, RequestPhase::Failed | RequestPhase::Stopped);
        if let Some(decision) = self.observation.answers.about(name).filter(|_| is_end) {
            patch["status"]["decision"] = whole(decision);
        }
        let path = self.path(Fenced::Request);
        let write = self.writer().merge_status(&path, name, &patch);
        let written = sent(self.memory, Fenced::Request, name, write).await;
        self.note_request(name, written, "set the status of a backfill request")?;
        let outcome = match phase {
            RequestPhase::Failed => "failed",
            RequestPhase::Stopped => "stopped",
            RequestPhase::Pending | RequestPhase::Ready => return Ok(()),
        };
        self.class.host.metrics.backfill(&self.class.name, outcome);
        Ok(())
    }

    pub(super) async fn complete_request(&self, name: &str) -> Result<(), Halt> {
        let patch = json!({"spec": {"completed": true}});
        let path = self.path(Fenced::Request);
        let write = self.writer().merge(&path, name, &patch);
        let written = sent(self.memory, Fenced::Request, name, write).await;
        self.note_request(name, written, "complete a backfill request")?;
        self.class
            .host
            .metrics
            .backfill(&self.class.name, "completed");
        Ok(())
    }

    /// A request that the user has deleted meanwhile needs nothing more.
    fn note_request(
        &self,
        name: &str,
        written: Result<Written, WriteError>,
        action: &'static str,
    ) -> Result<(), Halt> {
        match written {
            Ok(written) => self.raise(Fenced::Request, &written),
            Err(WriteError::NotFound(_)) => {
                if let Some(request) = self.observed_request(name) {
                    lock(self.memory).gone_requests.add(&request.uid);
                }
            }
            Err(error) => return Err(self.halt(action, error)),
        }
        Ok(())
    }

    fn observed_request(&self, name: &str) -> Option<&CachedRequest> {
        let mut requests = self.observation.requests.iter();
        requests
            .find(|request| *request.name == *name)
            .map(AsRef::as_ref)
    }

    /// Puts a decision on record on a request.
    pub(super) async fn record_on_request(
        &self,
        name: &str,
        decision: &RecordedDecision,
    ) -> Result<(), Halt> {
        let patch = json!({"status": {"decision": whole(decision)}});
        let path = self.path(Fenced::Request);
        let write = self.writer().merge_status(&path, name, &patch);
        let written = sent(self.memory, Fenced::Request, name, write).await;
        self.note_request(name, written, "put a decision on record")
    }

    /// Takes from a request whatever decision is on record: in its status, and from its beginning.
    pub(super) async fn forget_on_request(&self, name: &str) -> Result<(), Halt> {
        const ACTION: &str = "take a decision from the record";
        let path = self.path(Fenced::Request);
        let request = self.observed_request(name);
        let patch = json!({"status": {"decision": null}});
        let write = self.writer().merge_status(&path, name, &patch);
        let written = sent(self.memory, Fenced::Request, name, write).await;
        self.note_request(name, written, ACTION)?;
        if request.is_some_and(|request| request.was_decided_at_creation) {
            let annotations = json!({names::ANNOTATION_DECISION: null});
            let patch = json!({"metadata": {"annotations": annotations}});
            let write = self.writer().merge(&path, name, &patch);
            let written = sent(self.memory, Fenced::Request, name, write).await;
            self.note_request(name, written, ACTION)?;
        }
        Ok(())
    }
}

/// A decision with all of its fields, so that what an older one had is not merged with it.
fn whole(decision: &RecordedDecision) -> Value {
    let mut decision = json!(decision);
    if let Some(fields) = decision.as_object_mut() {
        for field in ["reason", "payload", "template", "until", "generation"] {
            fields.entry(field).or_insert(Value::Null);
        }
    }
    decision
}
