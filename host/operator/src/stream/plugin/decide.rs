//! Asks the class's plugin to decide on what has happened to a stream.

use std::sync::{Arc, Mutex};

use arcane_contract::{names::ENV_SPEC, stream::StreamDefinition};
use arcane_lifecycle::{
    BackfillDecision, Fenced, JobState, Outcome, Question, RunDecision, SpecDecision, Trigger,
    Unanswered, question,
};
use arcane_plugins::{self as plugins, Decision};
use jiff::Timestamp;
use kube::ResourceExt;
use serde::Deserialize;
use tracing::debug;

use super::{
    super::{
        context::{Class, ClassPlugin},
        memory::{Memory, lock},
        observe::Observation,
    },
    answers::on_record,
    context::{Run, told},
    trouble::Trouble,
};
use crate::plugins::call;

/// Asks about all that the observation gives rise to, and adds the answers to it. Without a plugin
/// nothing is asked.
pub async fn decide(
    class: &Class,
    object: &StreamDefinition,
    observation: &mut Observation,
    memory: &Mutex<Memory>,
) {
    let Some(asking) = Asking::of(class, object, memory) else {
        return;
    };
    while let Some(question) = question(&observation.observed) {
        match question {
            Question::Backfill { trigger, request } => {
                let happened = match trigger {
                    Trigger::StreamCreated => plugins::Trigger::StreamCreated,
                    Trigger::SchemaChanged => plugins::Trigger::SchemaChanged,
                    _ => plugins::Trigger::BackfillRequested,
                };
                let run = Run::backfill(observation, &request);
                let answer = asking
                    .ask(observation, trigger, happened, run, Some(request))
                    .await;
                observation.observed.decisions.backfill = Some(of_backfill(answer));
            }
            Question::JobFailed => {
                let happened = plugins::Trigger::JobFailed(failure(observation));
                let run = Run::of_job(class, object, observation);
                let answer = asking
                    .ask(observation, Trigger::JobFailed, happened, run, None)
                    .await;
                observation.observed.decisions.failure = Some(of_run(answer));
            }
            Question::JobCompleted => {
                let happened = plugins::Trigger::JobCompleted;
                let run = Run::of_job(class, object, observation);
                let answer = asking
                    .ask(observation, Trigger::JobCompleted, happened, run, None)
                    .await;
                observation.observed.decisions.completion = Some(of_run(answer));
            }
        }
    }
}

/// Asks about a changed spec, where [`arcane_lifecycle::spec_change`] says that one is at hand.
pub async fn decide_on_spec(
    class: &Class,
    object: &StreamDefinition,
    observation: &mut Observation,
    memory: &Mutex<Memory>,
) {
    let Some(asking) = Asking::of(class, object, memory) else {
        return;
    };
    let is_wanted = asking
        .plugin
        .service
        .current()
        .is_ok_and(|plugin| plugin.wants(plugins::Hook::SpecChanged));
    let previous = if is_wanted {
        previous_spec(class, object).await
    } else {
        None
    };
    let happened = plugins::Trigger::SpecChanged { previous };
    let run = Run::of_job(class, object, observation);
    let answer = asking
        .ask(observation, Trigger::SpecChanged, happened, run, None)
        .await;
    observation.observed.decisions.spec_change = Some(of_spec(answer));
}

/// Asks the plugin of one stream.
pub(super) struct Asking<'a> {
    class: &'a Class,
    plugin: &'a ClassPlugin,
    object: &'a StreamDefinition,
    memory: &'a Mutex<Memory>,
}

impl<'a> Asking<'a> {
    /// None if the class names no plugin.
    pub(super) fn of(
        class: &'a Class,
        object: &'a StreamDefinition,
        memory: &'a Mutex<Memory>,
    ) -> Option<Self> {
        let plugin = class.plugin.as_ref()?;
        Some(Asking {
            class,
            plugin,
            object,
            memory,
        })
    }

    /// The answer, which is put down in the observation. Where there is none, the failure policy
    /// says whether that counts as `default` or as no answer.
    pub(super) async fn ask(
        &self,
        observation: &mut Observation,
        trigger: Trigger,
        happened: plugins::Trigger,
        run: Run,
        request: Option<String>,
    ) -> Decision {
        let hook = happened.hook();
        let plugin = match self.plugin.service.current() {
            Ok(plugin) => plugin,
            Err(obstacle) => {
                let trouble = Trouble::absent(self.class, obstacle);
                return self.without_answer(observation, trouble);
            }
        };
        if !plugin.wants(hook) {
            return Decision::Default;
        }
        let context = run.context(self.class, self.object, &observation.definition);
        let now = Timestamp::now();
        let observed_at = u64::try_from(now.as_second()).unwrap_or_default();
        let inputs = plugin.question_hash(&plugins::Question::Decide {
            trigger: &happened,
            context: &context,
        });
        let answer = call(
            &self.class.host.metrics.plugins,
            &self.class.name,
            &self.plugin.service,
            &plugin,
            hook,
            move |plugin| plugin.decide(&happened, &context, observed_at),
        )
        .await;
        match answer {
            Ok(decision) => {
                let metrics = &self.class.host.metrics.plugins;
                metrics.decided(&self.class.name, trigger.as_str(), decision.name());
                debug!(
                    trigger = trigger.as_str(),
                    answer = decision.name(),
                    "the plugin has decided"
                );
                let record = || on_record(trigger, &decision, &plugin, self.object, inputs, now);
                match (&decision, trigger) {
                    // It comes as often as the plugin likes, and most often there is nothing to do.
                    (Decision::Default, Trigger::Tick) => {}
                    (Decision::Default, _) => observation.answers.leave(record()),
                    _ => observation.answers.add(trigger, record(), request),
                }
                lock(self.memory).plugin.answered();
                decision
            }
            Err(error) => {
                let trouble = Trouble::call(self.class, &plugin, hook, &error);
                self.without_answer(observation, trouble)
            }
        }
    }

    fn without_answer(&self, observation: &mut Observation, trouble: Trouble) -> Decision {
        let backoff = &self.class.host.backoff;
        let retry = lock(self.memory).plugin.failed(&trouble, backoff);
        if !self.plugin.falls_back() {
            observation.observed.decisions.unanswered = Some(Unanswered {
                problem: trouble.problem.clone(),
                retry,
            });
        }
        observation.trouble = Some(trouble);
        Decision::Default
    }
}

/// That an answer fits its trigger has been seen to: what does not fit never gets here.
fn of_backfill(answer: Decision) -> BackfillDecision {
    match answer {
        Decision::Default | Decision::Restart { .. } => BackfillDecision::Default,
        Decision::Backfill { reason, .. } => BackfillDecision::Run { reason },
        Decision::Skip { reason } => BackfillDecision::Skip { reason },
        Decision::Postpone { delay, reason } => BackfillDecision::Postpone { delay, reason },
        Decision::Fail { reason } => BackfillDecision::Fail { reason },
    }
}

fn of_run(answer: Decision) -> RunDecision {
    match answer {
        Decision::Default | Decision::Skip { .. } | Decision::Postpone { .. } => {
            RunDecision::Default
        }
        Decision::Restart { delay, reason } => RunDecision::Restart {
            wait: delay,
            reason,
        },
        Decision::Backfill { reason, .. } => RunDecision::Backfill { reason },
        Decision::Fail { reason } => RunDecision::Fail { reason },
    }
}

fn of_spec(answer: Decision) -> SpecDecision {
    match answer {
        Decision::Default | Decision::Restart { .. } => SpecDecision::Default,
        Decision::Skip { reason } => SpecDecision::Skip { reason },
        Decision::Postpone { delay, reason } => SpecDecision::Postpone { delay, reason },
        Decision::Backfill { reason, .. } => SpecDecision::Backfill { reason },
        Decision::Fail { reason } => SpecDecision::Fail { reason },
    }
}

fn failure(observation: &Observation) -> plugins::Failure {
    match observation.observed.own_job().map(|job| &job.state) {
        Some(JobState::Finished(Outcome::Failed(failure))) => told(failure),
        _ => plugins::Failure::default(),
    }
}

/// The spec that the running Job was made from. It is not kept in the cache, being as large as the
/// definition itself.
async fn previous_spec(class: &Class, object: &StreamDefinition) -> Option<Arc<str>> {
    let jobs = class.objects(Fenced::Job, &object.namespace()?);
    let name = object.name_any();
    let read = class.host.writer.read::<WithSpec>(&jobs, &name);
    let mut containers = read.await.ok()?.spec.template.spec.containers.into_iter();
    let variables = containers.next()?.env;
    let mut variables = variables.into_iter();
    let spec = variables.find(|it| it.name == ENV_SPEC)?.value?;
    Some(spec.into())
}

#[derive(Deserialize)]
struct WithSpec {
    spec: JobSpec,
}

#[derive(Deserialize)]
struct JobSpec {
    template: Template,
}

#[derive(Deserialize)]
struct Template {
    spec: PodSpec,
}

#[derive(Deserialize)]
struct PodSpec {
    containers: Vec<Container>,
}

#[derive(Deserialize)]
struct Container {
    #[serde(default)]
    env: Vec<Variable>,
}

#[derive(Deserialize)]
struct Variable {
    name: String,
    value: Option<String>,
}
