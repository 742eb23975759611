//! The work on one stream: observe, decide, render, plan, carry out, report.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use arcane_contract::stream::StreamDefinition;
use arcane_lifecycle::{
    Drift, Event, Goal, JobState, Observed, Outcome, Plan, Problem, Rendering, Run, Severity, Step,
};
use kube::{ResourceExt, runtime::controller::Action};
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::{
    context::Class,
    execute::Executor,
    halt::Halt,
    inputs::{digest, inputs},
    memory::{Memory, lock},
    observe::{self, Observation},
    plugin::{self, Shaped},
    render,
    tell::Teller,
    unanswered::look_up,
    write_status::write_status,
};
use crate::cache::Key;

/// How long to wait for a cache that is behind; its watch wakes the stream much sooner.
const CACHE_BEHIND: Duration = Duration::from_secs(1);

/// What came of a look at a stream.
#[derive(Clone, Copy)]
enum Done {
    /// All is as it should be.
    Unchanged,
    /// Something was written.
    Changed,
    /// Nothing was done yet: a cache is behind, or an attempt must wait.
    Waiting,
    /// It will be tried again.
    Failed,
}

impl Done {
    /// As metrics show it.
    fn as_str(self) -> &'static str {
        match self {
            Done::Unchanged => "unchanged",
            Done::Changed => "changed",
            Done::Waiting => "waiting",
            Done::Failed => "failed",
        }
    }
}

/// Looks at a stream and does what is due; tells when to look again. Never fails: a failure is
/// logged, counted and retried with backoff.
pub async fn reconcile(class: Arc<Class>, object: Arc<StreamDefinition>) -> Action {
    let begun = Instant::now();
    let memory = class
        .memories
        .of(&Key::of(&*object), &object.uid().unwrap_or_default());
    let turn = lock(&memory).turn.clone();
    let work = async {
        let _turn = turn.lock().await;
        // Closed only when the process ends, and then nobody waits for the answer.
        let _permit = class.host.permits.acquire().await;
        Reconcile {
            class: &class,
            object: &object,
            memory: &memory,
        }
        .run()
        .await
    };
    let (done, action) = match timeout(class.host.reconcile_timeout, work).await {
        Ok(outcome) => outcome,
        Err(_) => {
            warn!(
                "gave up after {:?}; trying again later",
                class.host.reconcile_timeout
            );
            let delay = lock(&memory).failed(0, &class.host.backoff);
            (Done::Failed, Action::requeue(delay))
        }
    };
    class
        .host
        .metrics
        .reconciled(&class.name, done.as_str(), begun.elapsed());
    action
}

/// Where a stream should be going.
struct Aim {
    goal: Goal,
    rendering: Rendering,
    /// The object of the goal, where it had to be rendered.
    shaped: Option<Shaped>,
}

struct Reconcile<'a> {
    class: &'a Arc<Class>,
    object: &'a StreamDefinition,
    memory: &'a Arc<Mutex<Memory>>,
}

impl Reconcile<'_> {
    async fn run(&self) -> (Done, Action) {
        if self.object.metadata.deletion_timestamp.is_some() {
            // Its Jobs go with it, through their owner references.
            return (Done::Unchanged, Action::await_change());
        }
        if let Err(halt) = look_up(self.class, self.object, self.memory).await {
            return self.retry(0, &halt);
        }
        if !observe::is_current(self.class, &mut lock(self.memory)) {
            debug!("waiting for a cache to have what was written");
            return (Done::Waiting, Action::requeue(CACHE_BEHIND));
        }
        let definition = observe::understand(self.object, &mut lock(self.memory));
        match definition {
            Ok(definition) => {
                let observation =
                    observe::observe(self.class, self.object, definition, self.memory).await;
                self.pursue(observation).await
            }
            Err(problem) => self.refuse(&problem).await,
        }
    }

    /// The definition cannot be understood: what runs goes on.
    async fn refuse(&self, problem: &Problem) -> (Done, Action) {
        let inputs = digest(&(self.object.metadata.generation, &problem.message));
        if let Some(wait) = lock(self.memory).wait(inputs) {
            return (Done::Waiting, Action::requeue(wait));
        }
        let plan = arcane_lifecycle::reject(observe::phase(self.object), problem);
        let mut written = false;
        for step in &plan.steps {
            if let Step::SetStatus(wanted) = step {
                match write_status(self.class, self.object, wanted, None, self.memory).await {
                    Ok(changed) => written |= changed,
                    Err(halt) => return self.retry(inputs, &halt),
                }
            }
        }
        self.teller()
            .tell(&plan.events, plan.problem.as_ref())
            .await;
        self.settle(written, plan.revisit)
    }

    async fn pursue(&self, mut observation: Observation) -> (Done, Action) {
        plugin::decide(self.class, self.object, &mut observation, self.memory).await;
        let Aim {
            goal,
            rendering,
            shaped,
        } = self.aim(&mut observation).await;
        observation.observed.drift = self.drift(&observation, &rendering);
        if let Some(wait) = self.throttle(&observation.observed, &goal) {
            let problem = ends_at_once();
            let event = Event {
                severity: Severity::Warning,
                reason: problem.reason,
                message: problem.message.clone(),
            };
            self.teller().tell(&[event], Some(&problem)).await;
            return (Done::Waiting, Action::requeue(wait));
        }
        let inputs = inputs(&observation.observed, &goal, &rendering);
        if let Some(wait) = lock(self.memory).wait(inputs) {
            return (Done::Waiting, Action::requeue(wait));
        }
        if self.is_template_late(&observation, &goal, &rendering).await {
            return (Done::Waiting, Action::requeue(CACHE_BEHIND));
        }
        let mut plan = arcane_lifecycle::plan(&observation.observed, &goal, &rendering);
        render::tell_ignored_fields(self.class, &observation, &goal, &mut plan);
        self.teller().tell_of_plugin(&observation, &mut plan).await;
        self.carry_out(&observation, &goal, shaped, plan, inputs)
            .await
    }

    /// What the stream should be doing, and what that looks like: with what the class's plugin has
    /// to say about ticks and about a changed spec, either of which may change the goal.
    async fn aim(&self, observation: &mut Observation) -> Aim {
        let (class, object, memory) = (self.class, self.object, self.memory);
        let mut goal = arcane_lifecycle::goal(&observation.observed);
        if plugin::tick(class, object, observation, &goal, memory).await {
            goal = arcane_lifecycle::goal(&observation.observed);
        }
        let (mut rendering, mut shaped) =
            render::fingerprint(class, object, observation, &goal, memory).await;
        if class.plugin.is_some()
            && arcane_lifecycle::spec_change(&observation.observed, &goal, &rendering)
        {
            plugin::decide_on_spec(class, object, observation, memory).await;
            let next = arcane_lifecycle::goal(&observation.observed);
            if next != goal {
                goal = next;
                (rendering, shaped) =
                    render::fingerprint(class, object, observation, &goal, memory).await;
            }
        }
        Aim {
            goal,
            rendering,
            shaped,
        }
    }

    /// Whether a template that the cache lacks is only late. One that is known to be missing is not
    /// asked for again: its watch tells when it comes.
    async fn is_template_late(
        &self,
        observation: &Observation,
        goal: &Goal,
        rendering: &Rendering,
    ) -> bool {
        let is_news = match rendering {
            Rendering::Impossible(problem) => lock(self.memory).told.as_ref() != Some(problem),
            Rendering::Ready(_) | Rendering::NotNeeded => false,
        };
        is_news && render::is_template_about_to_come(self.class, observation, goal).await
    }

    async fn carry_out(
        &self,
        observation: &Observation,
        goal: &Goal,
        shaped: Option<Shaped>,
        plan: Plan,
        inputs: u64,
    ) -> (Done, Action) {
        let left = self.teller().left(observation);
        let acted_on = plan.decided.last();
        let mut executor = Executor {
            class: self.class,
            object: self.object,
            observation,
            goal,
            memory: self.memory,
            decided: acted_on
                .and_then(|decided| observation.answers.to(decided.trigger))
                .or(left.last().copied()),
            shaped,
        };
        let mut done = Vec::new();
        match run_steps(&mut executor, &plan.steps, &mut done).await {
            Ok(written) => {
                self.teller().tell_left(&left).await;
                self.teller()
                    .tell(&plan.events, plan.problem.as_ref())
                    .await;
                self.settle(written, plan.revisit)
            }
            Err(Halt::Problem(problem)) => {
                // What the plan would have been, had it been known that the object cannot be made:
                // what was done already is left out.
                let refused = Rendering::Impossible(problem.clone());
                let fallback = arcane_lifecycle::plan(&observation.observed, goal, &refused);
                match run_steps(&mut executor, &fallback.steps, &mut done).await {
                    Ok(_) => {
                        self.teller()
                            .tell(&fallback.events, fallback.problem.as_ref())
                            .await
                    }
                    Err(halt) => debug!("{halt}"),
                }
                self.retry(inputs, &Halt::Problem(problem))
            }
            Err(Halt::AlreadyCompleted(request)) => {
                lock(self.memory).completed_requests.push(request);
                (Done::Changed, Action::requeue(Duration::ZERO))
            }
            Err(halt) => self.retry(inputs, &halt),
        }
    }

    /// How long a stream waits whose Jobs succeed as soon as they have begun.
    fn throttle(&self, observed: &Observed, goal: &Goal) -> Option<Duration> {
        let job = observed.own_job().filter(|job| {
            *goal == Goal::Stream
                && job.run == Run::Streaming
                && !job.schema_mismatch
                && job.state == JobState::Finished(Outcome::Succeeded)
        })?;
        let host = &self.class.host;
        let lived = host.shared.jobs.store.get(&Key::of(self.object))?.lived?;
        lock(self.memory)
            .exits
            .wait(&job.uid, lived, observed.stream.generation, &host.backoff)
    }

    /// What to do with a Job from an older template, by the class's restart policy.
    fn drift(&self, observation: &Observation, rendering: &Rendering) -> Drift {
        let key = Key::of(self.object);
        let observed = &observation.observed;
        let job = observed.own_job();
        let drifted = match (job, rendering) {
            (Some(job), Rendering::Ready(fingerprint)) => job
                .render_hash
                .as_ref()
                .is_some_and(|hash| *hash != fingerprint.render_hash),
            _ => false,
        };
        let shared = &self.class.host.shared;
        let ready = shared.jobs.store.get(&key).is_some_and(|job| job.ready);
        let active = job.is_some_and(|job| job.state == JobState::Active && !job.terminating);
        if !drifted {
            // Its turn ends when its new pod is ready, or when it no longer wants one.
            let restarting = job.is_none() || (active && !ready);
            if !restarting && let Some(next) = self.class.rolling.release(&key) {
                shared.routes.class(&self.class.name, next);
            }
            return Drift::Report;
        }
        // All shards together, as far as one of them can know.
        let shard = self.class.host.shard;
        let running = self.class.definitions.len() * usize::from(shard.of());
        match self.class.restart_policy.at_once(running) {
            0 => Drift::Report,
            limit if self.class.rolling.acquire(&key, shard.share(limit)) => Drift::Restart,
            _ => Drift::Wait,
        }
    }

    fn teller(&self) -> Teller<'_> {
        Teller {
            class: self.class,
            object: self.object,
            memory: self.memory,
        }
    }

    fn settle(&self, written: bool, revisit: Option<Duration>) -> (Done, Action) {
        lock(self.memory).attempts = None;
        let action = revisit.map_or_else(Action::await_change, Action::requeue);
        (
            if written {
                Done::Changed
            } else {
                Done::Unchanged
            },
            action,
        )
    }

    fn retry(&self, inputs: u64, halt: &Halt) -> (Done, Action) {
        if let Halt::Outdated = halt {
            debug!("{halt}");
            return (Done::Waiting, Action::requeue(CACHE_BEHIND));
        }
        let delay = lock(self.memory).failed(inputs, &self.class.host.backoff);
        match halt {
            Halt::Problem(problem) => debug!(reason = problem.reason, "{halt}"),
            halt => info!("{halt}; trying again in {delay:?}"),
        }
        (Done::Failed, Action::requeue(delay))
    }
}

/// Carries out steps in order, noting those that are done; true if something was written.
async fn run_steps(
    executor: &mut Executor<'_>,
    steps: &[Step],
    done: &mut Vec<Step>,
) -> Result<bool, Halt> {
    let mut written = false;
    for step in steps {
        if !done.contains(step) {
            written |= executor.carry_out(step).await?;
            done.push(step.clone());
        }
    }
    Ok(written)
}

fn ends_at_once() -> Problem {
    Problem {
        reason: "StreamEndsAtOnce",
        message: "The stream's Jobs succeed within a minute of their start, one after the other: \
                  the next starts after a delay that doubles each time. See the log of the \
                  stream's pods for why it does not go on."
            .into(),
    }
}
