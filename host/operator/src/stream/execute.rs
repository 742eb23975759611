//! Carries out the steps of a plan, one write each.

use std::sync::{Arc, Mutex};

use arcane_contract::{names, render::Rendered, stream::StreamDefinition};
use arcane_lifecycle::{Goal, Problem, Propagation, RequestPhase, Status, Step};
use jiff::Timestamp;
use kube::{ResourceExt, api::ObjectMeta};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    context::Class,
    halt::{Halt, failed},
    memory::{Fenced, Memory, lock},
    observe::Observation,
    render,
    write_status::write_status,
};
use crate::{
    cache::{Key, Owner, Relation},
    writer::{self, Error as WriteError, Path, Written},
};

/// Carries out steps for one stream.
pub struct Executor<'a> {
    /// The stream's class.
    pub class: &'a Class,
    /// The definition that was observed.
    pub object: &'a StreamDefinition,
    /// What was observed.
    pub observation: &'a Observation,
    /// What the stream should be doing.
    pub goal: &'a Goal,
    /// Where writes are noted.
    pub memory: &'a Arc<Mutex<Memory>>,
    /// The object of the goal, once it was needed.
    rendered: Option<Rendered>,
}

impl<'a> Executor<'a> {
    /// An executor that has rendered nothing yet.
    pub fn new(
        class: &'a Class,
        object: &'a StreamDefinition,
        observation: &'a Observation,
        goal: &'a Goal,
        memory: &'a Arc<Mutex<Memory>>,
    ) -> Self {
        Executor {
            class,
            object,
            observation,
            goal,
            memory,
            rendered: None,
        }
    }

    /// Carries out one step; true if something was written.
    pub async fn carry_out(&mut self, step: &Step) -> Result<bool, Halt> {
        match step {
            Step::CreateRequest { name, .. } => self.create_request(name).await?,
            Step::SetRequestStatus {
                name,
                phase,
                complete,
                reason,
                message,
            } => {
                let condition = RequestCondition {
                    phase: *phase,
                    complete: *complete,
                    reason,
                    message,
                };
                self.set_request_status(name, condition).await?;
            }
            Step::CompleteRequest { name } => self.complete_request(name).await?,
            Step::CheckJob => self.check_job().await?,
            Step::CreateJob => self.create_job().await?,
            Step::DeleteJob { uid, propagation } => self.delete_job(uid, *propagation).await?,
            Step::CreateCronJob => self.create_cron_job().await?,
            Step::UpdateCronJob { uid } => self.update_cron_job(uid).await?,
            Step::DeleteCronJob { uid } => self.delete_cron_job(uid).await?,
            // Nobody decides anything yet.
            Step::RecordRequestDecision { .. }
            | Step::ForgetRequestDecision { .. }
            | Step::RecordJobDecision { .. } => return Ok(false),
            Step::SetStatus(wanted) => return self.set_status(wanted).await,
        }
        Ok(true)
    }

    async fn create_request(&self, name: &str) -> Result<(), Halt> {
        let stream = self.object.name_any();
        let request = json!({
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

    async fn set_request_status(
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
        let patch = json!({"status": {
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
                "lastTransitionTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            }],
        }});
        let written = self
            .writer()
            .merge_status(&self.requests(), name, &patch)
            .await;
        self.note_request(written, "set the status of a backfill request")?;
        let outcome = match phase {
            RequestPhase::Failed => "failed",
            RequestPhase::Stopped => "stopped",
            RequestPhase::Pending | RequestPhase::Ready => return Ok(()),
        };
        self.class.host.metrics.backfill(&self.class.name, outcome);
        Ok(())
    }

    async fn complete_request(&self, name: &str) -> Result<(), Halt> {
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

    async fn check_job(&mut self) -> Result<(), Halt> {
        let path = self.batch("jobs");
        let class = self.class;
        let manifest = self.manifest()?;
        let checked = class.host.writer.check(&path, manifest).await;
        checked.map_err(|error| self.halt("check the new job", error))
    }

    async fn create_job(&mut self) -> Result<(), Halt> {
        let path = self.batch("jobs");
        let class = self.class;
        let manifest = self.manifest()?;
        match class.host.writer.create(&path, manifest).await {
            Ok(written) => {
                self.raise(Fenced::Job, &written);
                Ok(())
            }
            Err(WriteError::AlreadyExists(text)) => Err(self.meet_existing(JOB, text).await),
            Err(error) => Err(self.halt("create the job", error)),
        }
    }

    /// An object of that name exists though the cache has none. If it is the stream's own but lacks
    /// the label that the watch selects by, another operator made it: it is taken over.
    async fn meet_existing(&self, kind: Kind, text: String) -> Halt {
        let Kind {
            name,
            plural,
            taken,
        } = kind;
        let key = self.key();
        let read = self.writer().read(&self.batch(plural), &key.name).await;
        let Existing { metadata } = match read {
            Ok(existing) => existing,
            Err(error) => return failed("read what has the stream's name")(error),
        };
        let owner = Owner::of(&metadata);
        let relation = Relation::of(owner.as_ref(), self.class.claimant(self.object));
        let is_labelled = metadata
            .labels
            .is_some_and(|labels| labels.contains_key(names::LABEL_STREAM_ID));
        if relation == Relation::Strange && metadata.deletion_timestamp.is_none() {
            return Halt::Problem(Problem {
                reason: taken,
                message: format!(
                    "{name} {key} does not belong to this stream, whose own {name} needs that \
                     name: delete the {name}, or give the stream another name"
                ),
            });
        }
        if relation == Relation::Own
            && !is_labelled
            && let Err(error) = super::adopt::label(self.class, plural, &key).await
        {
            return failed("take over what has the stream's name")(error);
        }
        failed("create what has the stream's name")(WriteError::AlreadyExists(text))
    }

    async fn delete_job(&self, uid: &str, propagation: Propagation) -> Result<(), Halt> {
        let key = self.key();
        let jobs = &self.class.host.shared.jobs;
        if jobs.forget_if_gone(&key, uid) {
            return Ok(());
        }
        self.writer()
            .delete(&self.batch("jobs"), &key.name, uid, propagation)
            .await
            .map_err(|error| self.halt("delete the job", error))?;
        jobs.deleted(&key, uid);
        Ok(())
    }

    async fn create_cron_job(&mut self) -> Result<(), Halt> {
        let path = self.batch("cronjobs");
        let class = self.class;
        let manifest = self.manifest()?;
        match class.host.writer.create(&path, manifest).await {
            Ok(written) => {
                self.raise(Fenced::CronJob, &written);
                Ok(())
            }
            Err(WriteError::AlreadyExists(text)) => Err(self.meet_existing(CRON_JOB, text).await),
            Err(error) => Err(self.halt("create the cron job", error)),
        }
    }

    async fn update_cron_job(&mut self, uid: &str) -> Result<(), Halt> {
        let path = self.batch("cronjobs");
        let name = self.object.name_any();
        let mut manifest = self.manifest()?.clone();
        manifest["metadata"]["uid"] = json!(uid);
        match self.writer().replace(&path, &name, &manifest).await {
            Ok(written) => {
                self.raise(Fenced::CronJob, &written);
                Ok(())
            }
            Err(error) => Err(self.halt("update the cron job", error)),
        }
    }

    async fn delete_cron_job(&self, uid: &str) -> Result<(), Halt> {
        let name = self.object.name_any();
        self.writer()
            .delete(&self.batch("cronjobs"), &name, uid, Propagation::Foreground)
            .await
            .map_err(|error| self.halt("delete the cron job", error))
    }

    async fn set_status(&self, wanted: &Status) -> Result<bool, Halt> {
        write_status(self.class, self.object, wanted, self.memory).await
    }

    /// The rendered object of the goal.
    fn manifest(&mut self) -> Result<&Value, Halt> {
        let rendered = match self.rendered.take() {
            Some(rendered) => rendered,
            None => render::manifest(self.class, self.object, self.observation, self.goal)
                .map_err(Halt::Problem)?,
        };
        Ok(&self.rendered.insert(rendered).manifest)
    }

    fn halt(&self, action: &'static str, error: WriteError) -> Halt {
        match error {
            WriteError::Refused(message) => Halt::Problem(Problem {
                reason: "ApiRefused",
                message: format!("the API server refuses to {action}: {message}"),
            }),
            error => failed(action)(error),
        }
    }

    fn raise(&self, kind: Fenced, written: &Written) {
        lock(self.memory).fence.raise(kind, written.version());
    }

    fn writer(&self) -> &writer::Writer {
        &self.class.host.writer
    }

    fn key(&self) -> Key {
        Key::of(self.object)
    }

    fn namespace(&self) -> String {
        self.object.namespace().unwrap_or_default()
    }

    fn uid(&self) -> String {
        self.object.uid().unwrap_or_default()
    }

    fn batch(&self, plural: &str) -> Path {
        Path::new("batch", "v1", &self.namespace(), plural)
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

/// A kind of which a stream has at most one object, by its own name.
struct Kind {
    name: &'static str,
    plural: &'static str,
    /// Reason of the problem that somebody else's object has the name.
    taken: &'static str,
}

const JOB: Kind = Kind {
    name: "Job",
    plural: "jobs",
    taken: "JobNameTaken",
};

const CRON_JOB: Kind = Kind {
    name: "CronJob",
    plural: "cronjobs",
    taken: "CronJobNameTaken",
};

/// What must be known of an object that has the stream's name.
#[derive(Deserialize)]
struct Existing {
    metadata: ObjectMeta,
}

struct RequestCondition<'a> {
    phase: RequestPhase,
    complete: bool,
    reason: &'a str,
    message: &'a str,
}
