//! Carries out the steps of a plan, one write each.

mod requests;

use std::sync::{Arc, Mutex};

use arcane_contract::{api::RecordedDecision, canonical, names, stream::StreamDefinition};
use arcane_lifecycle::{Fenced, Goal, Ownership, Problem, Propagation, Status, Step, Trigger};
use kube::{ResourceExt, api::ObjectMeta};
use serde::Deserialize;
use serde_json::{Value, json};

use requests::RequestCondition;

use super::{
    context::Class,
    halt::{Halt, failed},
    memory::{Memory, lock},
    observe::Observation,
    plugin::{Shaped, refused_by_server},
    render::{self, Unmade},
    unanswered::sent,
    write_status::write_status,
};
use crate::{
    cache::{Key, Owner},
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
    /// The latest decision that is acted on, if it is news.
    pub decided: Option<&'a RecordedDecision>,
    /// The object of the goal, once it was needed.
    pub shaped: Option<Shaped>,
}

impl Executor<'_> {
    /// Carries out one step; true if something was written.
    pub async fn carry_out(&mut self, step: &Step) -> Result<bool, Halt> {
        match step {
            Step::CreateRequest { name, decision } => {
                let answers = &self.observation.answers;
                let decision = decision.and_then(|trigger| answers.to(trigger));
                self.create_request(name, decision).await?;
            }
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
            Step::CheckDefinition => return self.check_definition().await.map(|()| false),
            Step::CreateJob => self.create(JOB).await?,
            Step::DeleteJob { uid, propagation } => self.delete_job(uid, *propagation).await?,
            Step::CreateCronJob => self.create(CRON_JOB).await?,
            Step::UpdateCronJob { uid } => self.update_cron_job(uid).await?,
            Step::DeleteCronJob { uid } => self.delete_cron_job(uid).await?,
            Step::RecordRequestDecision { name } => {
                let Some(decision) = self.observation.answers.about(name) else {
                    return Ok(false);
                };
                self.record_on_request(name, decision).await?;
            }
            Step::ForgetRequestDecision { name } => self.forget_on_request(name).await?,
            Step::RecordJobDecision { uid, trigger } => {
                self.record_on_job(uid, *trigger).await?;
            }
            Step::SetStatus(wanted) => return self.set_status(wanted).await,
        }
        Ok(true)
    }

    /// Puts a decision on record on the stream's Job. One that is gone, or another by now, needs
    /// none.
    async fn record_on_job(&self, uid: &str, trigger: Trigger) -> Result<(), Halt> {
        let Some(decision) = self.observation.answers.to(trigger) else {
            return Ok(());
        };
        let key = self.key();
        let patch = json!({"metadata": {"uid": uid, "annotations": annotation(decision)}});
        let path = self.path(Fenced::Job);
        let write = self.writer().merge(&path, &key.name, &patch);
        match sent(self.memory, Fenced::Job, &key.name, write).await {
            Ok(written) => self.raise(Fenced::Job, &written),
            Err(WriteError::NotFound(_) | WriteError::Conflict(_)) => {}
            Err(error) => return Err(self.halt("put a decision on record", error)),
        }
        Ok(())
    }

    async fn check_job(&mut self) -> Result<(), Halt> {
        let path = self.path(Fenced::Job);
        let class = self.class;
        let manifest = self.manifest().await?;
        let checked = class.host.writer.check(&path, manifest).await;
        checked.map_err(|error| self.halt_shaped("check the new job", error))
    }

    /// Reads the definition. The garbage collector takes nothing before the definition is gone, or is
    /// going: whoever reads it after having seen what was taken is told so.
    async fn check_definition(&self) -> Result<(), Halt> {
        let path = self.path(Fenced::Definition);
        let read = self.writer().read(&path, &self.object.name_any()).await;
        match read {
            Ok(Existing { metadata })
                if metadata.uid == self.object.metadata.uid
                    && metadata.deletion_timestamp.is_none() =>
            {
                Ok(())
            }
            Ok(_) | Err(WriteError::NotFound(_)) => {
                lock(self.memory).definition_is_gone();
                Err(Halt::Outdated)
            }
            Err(error) => Err(failed("look whether the definition is still there")(error)),
        }
    }

    /// Creates the object of the goal.
    async fn create(&mut self, kind: Kind) -> Result<(), Halt> {
        let Kind { fenced, create, .. } = kind;
        let (class, memory) = (self.class, self.memory);
        let (path, name) = (self.path(fenced), self.object.name_any());
        let write = class.host.writer.create(&path, self.manifest().await?);
        match sent(memory, fenced, &name, write).await {
            Ok(written) => {
                self.raise(fenced, &written);
                Ok(())
            }
            Err(WriteError::AlreadyExists(text)) => Err(self.meet_existing(kind, text).await),
            Err(error) => Err(self.halt_shaped(create, error)),
        }
    }

    /// An object of that name exists though the cache has none. If it is the stream's own but lacks
    /// the label that the watch selects by, another operator made it: it is taken over.
    async fn meet_existing(&self, kind: Kind, text: String) -> Halt {
        let Kind {
            name,
            fenced,
            taken,
            ..
        } = kind;
        let key = self.key();
        let read = self.writer().read(&self.path(fenced), &key.name).await;
        let Existing { metadata } = match read {
            Ok(existing) => existing,
            Err(error) => return failed("read what has the stream's name")(error),
        };
        let owner = Owner::of(&metadata);
        let ownership = self.class.claimant(self.object).ownership(owner.as_ref());
        let is_labelled = metadata
            .labels
            .is_some_and(|labels| labels.contains_key(names::LABEL_STREAM_ID));
        if ownership == Ownership::Foreign && metadata.deletion_timestamp.is_none() {
            return Halt::Problem(Problem {
                reason: taken,
                message: format!(
                    "{name} {key} does not belong to this stream, whose own {name} needs that \
                     name: delete the {name}, or give the stream another name"
                ),
            });
        }
        if ownership == Ownership::Ours
            && !is_labelled
            && let Err(error) = super::adopt::label(self.class, fenced, &key).await
        {
            return failed("take over what has the stream's name")(error);
        }
        failed("create what has the stream's name")(WriteError::AlreadyExists(text))
    }

    async fn delete_job(&self, uid: &str, propagation: Propagation) -> Result<(), Halt> {
        let key = self.key();
        let jobs = &self.class.host.shared.jobs;
        let is_recorded = propagation == Propagation::Background;
        if is_recorded && jobs.forget_if_gone(&key, uid) {
            return Ok(());
        }
        let path = self.path(Fenced::Job);
        let write = self.writer().delete(&path, &key.name, uid, propagation);
        sent(self.memory, Fenced::Job, &key.name, write)
            .await
            .map_err(|error| self.halt("delete the job", error))?;
        jobs.deleted(&key, uid, propagation);
        Ok(())
    }

    async fn update_cron_job(&mut self, uid: &str) -> Result<(), Halt> {
        let path = self.path(Fenced::CronJob);
        let name = self.object.name_any();
        let mut manifest = self.manifest().await?.clone();
        manifest["metadata"]["uid"] = json!(uid);
        let write = self.writer().replace(&path, &name, &manifest);
        match sent(self.memory, Fenced::CronJob, &name, write).await {
            Ok(written) => {
                self.raise(Fenced::CronJob, &written);
                Ok(())
            }
            Err(error) => Err(self.halt_shaped("update the cron job", error)),
        }
    }

    async fn delete_cron_job(&self, uid: &str) -> Result<(), Halt> {
        let name = self.object.name_any();
        let (path, propagation) = (self.path(Fenced::CronJob), Propagation::Foreground);
        let write = self.writer().delete(&path, &name, uid, propagation);
        let going = sent(self.memory, Fenced::CronJob, &name, write)
            .await
            .map_err(|error| self.halt("delete the cron job", error))?;
        lock(self.memory).wrote(Fenced::CronJob, going);
        Ok(())
    }

    async fn set_status(&self, wanted: &Status) -> Result<bool, Halt> {
        let (class, object) = (self.class, self.object);
        write_status(class, object, wanted, self.decided, self.memory).await
    }

    /// The rendered object of the goal.
    async fn manifest(&mut self) -> Result<&Value, Halt> {
        let shaped = match self.shaped.take() {
            Some(shaped) => shaped,
            None => {
                let Executor {
                    class,
                    object,
                    observation,
                    goal,
                    memory,
                    ..
                } = self;
                let made = render::manifest(class, object, observation, goal, memory).await;
                made.map_err(|unmade| match unmade {
                    Unmade::Problem(problem) => Halt::Problem(problem),
                    Unmade::Plugin(trouble) => Halt::Problem(trouble.problem),
                })?
            }
        };
        Ok(&self.shaped.insert(shaped).rendered.manifest)
    }

    /// Why the object that was rendered could not be made: if a plugin has shaped it, that is
    /// named, and the next attempt can do without.
    fn halt_shaped(&self, action: &'static str, error: WriteError) -> Halt {
        let shaped = self.shaped.as_ref();
        let plugin = shaped.and_then(|shaped| Some((shaped, shaped.plugin.as_ref()?)));
        match (self.halt(action, error), plugin) {
            (Halt::Problem(problem), Some((shaped, plugin))) => {
                let message = &problem.message;
                lock(self.memory).refuse_shape(&shaped.rendered.render_hash, message);
                Halt::Problem(refused_by_server(plugin, message))
            }
            (halt, _) => halt,
        }
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
        lock(self.memory).wrote(kind, written.version());
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

    fn path(&self, kind: Fenced) -> Path {
        self.class.objects(kind, &self.namespace())
    }
}

/// A decision as objects are annotated with it.
fn annotation(decision: &RecordedDecision) -> Value {
    let text = canonical::to_string(&json!(decision));
    json!({names::ANNOTATION_DECISION: text})
}

/// A kind of which a stream has at most one object, by its own name.
struct Kind {
    name: &'static str,
    fenced: Fenced,
    /// What is done to make one.
    create: &'static str,
    /// Reason of the problem that somebody else's object has the name.
    taken: &'static str,
}

const JOB: Kind = Kind {
    name: "Job",
    fenced: Fenced::Job,
    create: "create the job",
    taken: "JobNameTaken",
};

const CRON_JOB: Kind = Kind {
    name: "CronJob",
    fenced: Fenced::CronJob,
    create: "create the cron job",
    taken: "CronJobNameTaken",
};

/// What must be known of an object that is looked up.
#[derive(Deserialize)]
struct Existing {
    metadata: ObjectMeta,
}
