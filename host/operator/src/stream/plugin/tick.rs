//! Asks a plugin when it wants to be asked, and asks it then.

use std::{sync::Mutex, time::Duration};

use arcane_contract::stream::StreamDefinition;
use arcane_lifecycle::{Goal, JobState, JobView, TickDecision, Trigger};
use arcane_plugins::{self as plugins, Decision, Hook, Plugin};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    super::{
        context::{Class, ClassPlugin},
        memory::{Memory, lock},
        observe::Observation,
    },
    context::Run,
    decide::Asking,
    trouble::Trouble,
};
use crate::plugins::call;

/// When a plugin wants to be asked about a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct NextTick {
    /// The plugin, the Job and the definition that this was said about.
    about: (String, String, i64),
    /// None for never.
    at: Option<Instant>,
}

impl NextTick {
    /// Time until then; none for never.
    pub fn remaining(&self) -> Option<Duration> {
        let at = self.at?;
        Some(at.saturating_duration_since(Instant::now()))
    }
}

/// Sees to ticks of a stream that runs: has the plugin say when, and asks it when the time has come.
/// True if there is an answer that may change the goal.
pub async fn tick(
    class: &Class,
    object: &StreamDefinition,
    observation: &mut Observation,
    goal: &Goal,
    memory: &Mutex<Memory>,
) -> bool {
    let Some((class_plugin, plugin)) = ticking(class) else {
        return false;
    };
    let running = observation
        .observed
        .own_job()
        .filter(|job| *goal == Goal::Stream && job.state == JobState::Active && !job.terminating);
    let Some(job) = running else {
        lock(memory).next_tick = None;
        return false;
    };
    let about = about(&plugin, job, object);
    let known = lock(memory)
        .next_tick
        .take()
        .filter(|next| next.about == about);
    let is_due = known
        .as_ref()
        .is_some_and(|next| next.remaining().is_some_and(|left| left.is_zero()));
    if let Some(next) = known.filter(|_| !is_due) {
        lock(memory).next_tick = Some(next);
        return false;
    }
    let mut is_decided = false;
    if let Some(asking) = Asking::of(class, object, memory).filter(|_| is_due) {
        let run = Run::of_job(class, object, observation);
        let key = Timestamp::now().as_second().to_string();
        let answer = asking
            .ask(
                observation,
                Trigger::Tick,
                plugins::Trigger::Tick,
                run,
                None,
            )
            .await;
        let decision = of_tick(answer, key);
        // A tick without an answer holds nothing up.
        observation.observed.decisions.unanswered = None;
        is_decided = decision != TickDecision::Default;
        observation.observed.decisions.tick = Some(decision);
    }
    if let Ok(at) = ask_when(class, class_plugin, &plugin, object, observation, memory).await {
        lock(memory).next_tick = Some(Box::new(NextTick { about, at }));
    }
    is_decided
}

fn ticking(class: &Class) -> Option<(&ClassPlugin, Plugin)> {
    let class_plugin = class.plugin.as_ref()?;
    let plugin = class_plugin.service.current().ok()?;
    plugin.wants(Hook::Tick).then_some((class_plugin, plugin))
}

fn about(plugin: &Plugin, job: &JobView, object: &StreamDefinition) -> (String, String, i64) {
    let generation = object.metadata.generation.unwrap_or_default();
    (plugin.identity().to_owned(), job.uid.clone(), generation)
}

async fn ask_when(
    class: &Class,
    class_plugin: &ClassPlugin,
    plugin: &Plugin,
    object: &StreamDefinition,
    observation: &mut Observation,
    memory: &Mutex<Memory>,
) -> Result<Option<Instant>, ()> {
    let run = Run::of_job(class, object, observation);
    let context = run.context(class, object, &observation.definition);
    let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
    let (metrics, service) = (&class.host.metrics.plugins, &class_plugin.service);
    let answer = call(
        metrics,
        &class.name,
        service,
        plugin,
        Hook::Tick,
        move |plugin| plugin.next_tick(&context, now),
    );
    match answer.await {
        Ok(delay) => Ok(delay.map(|delay| Instant::now() + delay)),
        Err(error) => {
            let trouble = Trouble::call(class, plugin, Hook::Tick, &error);
            lock(memory).plugin.failed(&trouble, &class.host.backoff);
            observation.trouble = Some(trouble);
            Err(())
        }
    }
}

fn of_tick(answer: Decision, key: String) -> TickDecision {
    match answer {
        Decision::Default | Decision::Skip { .. } | Decision::Postpone { .. } => {
            TickDecision::Default
        }
        Decision::Restart { reason, .. } => TickDecision::Restart { reason },
        Decision::Backfill { reason, .. } => TickDecision::Backfill { key, reason },
        Decision::Fail { reason } => TickDecision::Fail { reason },
    }
}
