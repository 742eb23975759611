//! Writes to BackfillRequests.

use arcane_contract::{api::RecordedDecision, names};
use arcane_lifecycle::RequestPhase;
use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::{Executor, annotation};
use crate::{
    stream::{
        fence::Fenced,
        halt::{Halt, failed},
    },
    time::written,
    writer::{Error as WriteError, Path, Written},
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
        let path = self.requests();
        match self.writer().create(&path, &request).await {
            Ok(written) => self.raise(Fenced::Request, &written),
            Err(WriteError::AlreadyExists(_)) => {
                let existing: Value = self
                    .writer()
                    .read(&path, name)
                    .await
                    .map_err(failed("read a backfill request"))?;
                if existing.pointer("/spec/completed") == Some(&Value::Bool(true)) {
                    return Err(Halt::AlreadyCompleted(name.to_owned()));
                }
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
        let path = self.requests();
        let written = self.writer().merge_status(&path, name, &patch).await;
        self.note_request(written, "set the status of a backfill request")?;
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
        let written = self.writer().merge(&self.requests(), name, &patch).await;
        self.note_request(written, "complete a backfill request")?;
        self.class
            .host
            .metrics
            .backfill(&self.class.name, "completed");
        Ok(())
    }

    /// A request that the user has deleted meanwhile needs nothing more.
    fn note_request(
        &self,
        written: Result<Written, WriteError>,
        action: &'static str,
    ) -> Result<(), Halt> {
        match written {
            Ok(written) => self.raise(Fenced::Request, &written),
            Err(WriteError::NotFound(_)) => {}
            Err(error) => return Err(self.halt(action, error)),
        }
        Ok(())
    }

    /// Puts a decision on record on a request.
    pub(super) async fn record_on_request(
        &self,
        name: &str,
        decision: &RecordedDecision,
    ) -> Result<(), Halt> {
        let patch = json!({"status": {"decision": whole(decision)}});
        let path = self.requests();
        let written = self.writer().merge_status(&path, name, &patch).await;
        self.note_request(written, "put a decision on record")
    }

    /// Takes from a request whatever decision is on record: in its status, and from its beginning.
    pub(super) async fn forget_on_request(&self, name: &str) -> Result<(), Halt> {
        const ACTION: &str = "take a decision from the record";
        let path = self.requests();
        let mut requests = self.observation.requests.iter();
        let request = requests.find(|request| *request.name == *name);
        let patch = json!({"status": {"decision": null}});
        let written = self.writer().merge_status(&path, name, &patch).await;
        self.note_request(written, ACTION)?;
        if request.is_some_and(|request| request.was_decided_at_creation) {
            let annotations = json!({names::ANNOTATION_DECISION: null});
            let patch = json!({"metadata": {"annotations": annotations}});
            let written = self.writer().merge(&path, name, &patch).await;
            self.note_request(written, ACTION)?;
        }
        Ok(())
    }

    fn requests(&self) -> Path {
        Path::new(
            names::GROUP,
            names::VERSION,
            &self.namespace(),
            "backfillrequests",
        )
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
