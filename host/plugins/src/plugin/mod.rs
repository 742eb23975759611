//! A plugin in service for a class.

mod ask;
mod introduce;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arcane_contract::canonical;
use serde_json::Value;

use crate::answer::{Decision, LogLine, Rendered, Report};
use crate::bindings;
use crate::bindings::exports::arcane::stream_plugin::renderer::Rendering;
use crate::breaker::{Breaker, Health};
use crate::call::Limits;
use crate::decision;
use crate::description::Description;
use crate::digest;
use crate::engine::OUTPUT;
use crate::error::CallError;
use crate::gate::Gate;
use crate::load_error::LoadError;
use crate::memo::{Key, Remembered};
use crate::patch;
use crate::program::Program;
use crate::question::{Context, GivenJob, Hook, Question, Trigger};
use crate::rails::{self, EffectiveGrants, Grant};
use crate::settings::{LARGEST_MEMORY, PluginSettings};
use crate::shared::Shared;

/// How much is kept of what a plugin says went wrong, in bytes.
const MESSAGE: usize = 4 << 10;

/// A plugin in service: a component with the settings of one class. Clones are the same plugin.
///
/// Its functions block for as long as a call may take, with the time spent waiting for a turn.
#[derive(Clone, Debug)]
pub struct Plugin {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    program: Arc<Program>,
    limits: Limits,
    /// Canonical JSON text of the configuration.
    config: String,
    description: Description,
    missing: BTreeSet<Grant>,
    grants: EffectiveGrants,
    identity: String,
    /// Bounds the calls of this plugin.
    gate: Gate,
    breaker: Mutex<Breaker>,
}

impl Plugin {
    /// Starts `program` with the settings of a class. What it logs is added to `lines`.
    pub(crate) fn start(
        shared: Arc<Shared>,
        program: Arc<Program>,
        settings: PluginSettings,
        lines: &mut Vec<LogLine>,
    ) -> Result<Self, LoadError> {
        let PluginSettings {
            timeout,
            memory_limit,
            config,
            grants,
        } = settings;
        let limits = Limits {
            timeout,
            memory: memory_limit.min(LARGEST_MEMORY),
        };
        let config = canonical::to_string(&config);
        let description = introduce::introduce(&shared, &program, limits, &config, lines)?;
        // Grants as JSON have a field for each that is given.
        let mut given = match serde_json::to_value(&grants) {
            Ok(Value::Object(given)) => given,
            _ => serde_json::Map::new(),
        };
        given.retain(|name, _| {
            Grant::parse(name).is_some_and(|it| description.grants.contains(&it))
        });
        let missing = description
            .grants
            .iter()
            .copied()
            .filter(|grant| !given.contains_key(grant.as_str()))
            .collect();
        let in_force = canonical::to_string(&Value::Object(given));
        let identity = digest::hex(&digest::of_fields([
            program.digest.as_bytes(),
            config.as_bytes(),
            in_force.as_bytes(),
        ]));
        Ok(Self {
            inner: Arc::new(Inner {
                limits,
                config,
                grants: EffectiveGrants::of(&grants, &description.grants),
                missing,
                description,
                identity,
                gate: Gate::new(shared.settings.concurrent_calls_per_plugin),
                breaker: Mutex::new(Breaker::new(shared.settings.breaker)),
                program,
                shared,
            }),
        })
    }

    /// SHA-256 of the component, decompressed, in lower-case hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.inner.program.digest
    }

    /// What it says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.inner.description
    }

    /// What it asks for, but its class does not grant. Answers that need it are refused.
    #[must_use]
    pub fn missing_grants(&self) -> &BTreeSet<Grant> {
        &self.inner.missing
    }

    /// What its answers depend on beside the question: SHA-256 over its digest, its configuration
    /// and the grants that are in force, in lower-case hex.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.inner.identity
    }

    /// Whether it wants to be asked at this hook. Where it does not, asking gives what the host
    /// does without a plugin, and makes no call.
    #[must_use]
    pub fn wants(&self, hook: Hook) -> bool {
        self.inner.description.hooks.contains(&hook)
    }

    /// Whether it is called at the moment, or left alone because it broke too often.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.breaker().health(Instant::now())
    }

    /// What the answer to a question depends on: SHA-256 over [`Plugin::identity`] and the question,
    /// in lower-case hex. The same hash means the same answer, except that decisions may depend on
    /// the time as well.
    #[must_use]
    pub fn question_hash(&self, question: &Question<'_>) -> String {
        digest::hex(&self.inner.key(question))
    }

    /// Has it shape `job`, a `batch/v1` Job, and holds what comes back to the guard rails.
    ///
    /// A question that was answered before is answered from memory.
    #[must_use]
    pub fn render<'a>(&self, context: &Context, job: impl Into<GivenJob<'a>>) -> Report<Rendered> {
        let (start, job) = (Instant::now(), job.into());
        if !self.wants(Hook::Render) {
            return no_call(start, rendered(&job, None));
        }
        if self.inner.shared.settings.memo_bytes == 0 {
            return self.render_uncached(context, job);
        }
        let key = self.inner.key_of(Hook::Render, context, &job.text);
        let remembered = self.inner.shared.memo().get(&key);
        // It was judged when it was given: the Job in question is the same.
        if let Some(Ok(proposed)) = remembered.map(|answer| follow(&answer, &job)) {
            return Report {
                from_memo: true,
                ..no_call(start, rendered(&job, proposed))
            };
        }
        let report = self.shape(context, &job);
        if let Ok((_, answer)) = &report.result {
            self.inner.shared.memo().put(key, answer.clone());
        }
        report.map(|(rendered, _)| rendered)
    }

    /// As [`Plugin::render`], but always with a call, and nothing is remembered.
    #[must_use]
    pub fn render_uncached<'a>(
        &self,
        context: &Context,
        job: impl Into<GivenJob<'a>>,
    ) -> Report<Rendered> {
        let report = self.shape(context, &job.into());
        report.map(|(rendered, _)| rendered)
    }

    fn shape(&self, context: &Context, job: &GivenJob<'_>) -> Report<(Rendered, Remembered)> {
        let inner = &*self.inner;
        let Some(renderer) = inner.hook(Hook::Render, inner.program.renderer.as_ref()) else {
            let answer = (rendered(job, None), Remembered::Unchanged);
            return no_call(Instant::now(), answer);
        };
        let context = bindings::context(context, &inner.config);
        let text = job.text.to_string();
        inner.ask(
            |store, instance| {
                renderer
                    .load(&mut *store, instance)?
                    .call_render(store, &context, &text)
            },
            |rendering| inner.accept(job, rendering),
        )
    }

    /// Has it decide on what has happened.
    ///
    /// `observed_at` is the time, in seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn decide(
        &self,
        trigger: &Trigger,
        context: &Context,
        observed_at: u64,
    ) -> Report<Decision> {
        let inner = &*self.inner;
        let Some(decider) = inner.hook(trigger.hook(), inner.program.decider.as_ref()) else {
            return no_call(Instant::now(), Decision::Default);
        };
        let mode = context.mode;
        let context = bindings::context(context, &inner.config);
        let asked = bindings::trigger(trigger);
        inner.ask(
            |store, instance| {
                decider.load(&mut *store, instance)?.call_decide(
                    store,
                    &asked,
                    &context,
                    observed_at,
                )
            },
            |decided| decision::check(decided, trigger, mode),
        )
    }

    /// Asks in what time from `observed_at` it wants to decide on [`Trigger::Tick`]; none for never.
    ///
    /// `observed_at` is the time, in seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn next_tick(&self, context: &Context, observed_at: u64) -> Report<Option<Duration>> {
        let inner = &*self.inner;
        let Some(ticker) = inner.hook(Hook::Tick, inner.program.ticker.as_ref()) else {
            return no_call(Instant::now(), None);
        };
        let context = bindings::context(context, &inner.config);
        inner.ask(
            |store, instance| {
                ticker
                    .load(&mut *store, instance)?
                    .call_next_tick(store, &context, observed_at)
            },
            decision::check_tick,
        )
    }
}

impl Inner {
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `interface`, if the plugin wants to be asked at `hook`.
    fn hook<'a, T>(&self, hook: Hook, interface: Option<&'a T>) -> Option<&'a T> {
        interface.filter(|_| self.description.hooks.contains(&hook))
    }

    fn key(&self, question: &Question<'_>) -> Key {
        let (hook, context, subject) = match *question {
            Question::Render { context, job } => (Hook::Render, context, canonical::to_string(job)),
            Question::Decide { trigger, context } => (trigger.hook(), context, json(trigger)),
            Question::NextTick { context } => (Hook::Tick, context, String::new()),
        };
        self.key_of(hook, context, &subject)
    }

    fn key_of(&self, hook: Hook, context: &Context, subject: &str) -> Key {
        digest::of_fields([
            self.identity.as_bytes(),
            hook.as_str().as_bytes(),
            json(&context.without_spec()).as_bytes(),
            // By itself, since it is long, and JSON text within JSON text takes long to write.
            context.stream.spec.as_bytes(),
            subject.as_bytes(),
        ])
    }

    /// Turns an answer to `render` into a Job, if that is within the guard rails, with what to
    /// remember of it.
    fn accept(
        &self,
        job: &GivenJob<'_>,
        rendering: Rendering,
    ) -> Result<(Rendered, Remembered), CallError> {
        let answer = match rendering {
            Rendering::Unchanged => Remembered::Unchanged,
            Rendering::Patch(patch) => Remembered::Patch(patch.into()),
            Rendering::Job(whole) => Remembered::Job(whole.into()),
        };
        let proposed = follow(&answer, job)?;
        let Some(proposed) = proposed.filter(|proposed| proposed != job.value) else {
            return Ok((rendered(job, None), Remembered::Unchanged));
        };
        if !proposed.is_object() {
            return Err(CallError::invalid("job", "not a JSON object"));
        }
        rails::judge(job.value, &proposed, &self.grants).map_err(CallError::Refused)?;
        Ok((rendered(job, Some(proposed)), answer))
    }
}

/// What an answer makes of a Job; `None` for nothing else.
fn follow(answer: &Remembered, job: &GivenJob<'_>) -> Result<Option<Value>, CallError> {
    match answer {
        Remembered::Unchanged => Ok(None),
        Remembered::Patch(patch) => patch::apply(job.value, job.text.len(), patch, OUTPUT)
            .map(Some)
            .map_err(|problem| CallError::invalid("patch", &problem)),
        Remembered::Job(whole) => serde_json::from_str(whole)
            .map(Some)
            .map_err(|error| CallError::invalid("job", &format!("not valid JSON: {error}"))),
    }
}

fn rendered(job: &GivenJob<'_>, proposed: Option<Value>) -> Rendered {
    let changed = proposed.is_some();
    Rendered {
        job: proposed.unwrap_or_else(|| job.value.clone()),
        changed,
    }
}

fn no_call<T>(start: Instant, answer: T) -> Report<T> {
    Report {
        result: Ok(answer),
        lines: Vec::new(),
        elapsed: start.elapsed(),
        memory_peak: 0,
        from_memo: false,
    }
}

/// JSON text of plain data, which is the same for the same data.
fn json(data: &impl serde::Serialize) -> String {
    // Only maps with keys that are no texts, and writers that fail, could make it fail.
    serde_json::to_string(data).unwrap_or_default()
}
