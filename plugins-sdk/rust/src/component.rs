//! A [`Plugin`](crate::Plugin) as the contract's functions.

use std::marker::PhantomData;
use std::time::Duration;

use crate::bindings::arcane::stream_plugin::{logging, types};
use crate::bindings::exports::arcane::stream_plugin as contract;
use crate::bindings::exports::arcane::stream_plugin::decider;
use crate::context::Pairs;
use crate::export::Exported;
use crate::{
    Answer, Context, Decision, Error, Failure, Job, Json, Level, Mode, Request, Stream, Timestamp,
    Trigger,
};

/// The component of a plugin.
#[derive(Debug)]
pub struct Component<P>(PhantomData<P>);

impl<P: Exported> contract::metadata::Guest for Component<P> {
    fn describe() -> contract::metadata::Description {
        report_panics();
        contract::metadata::Description {
            name: P::NAME.to_owned(),
            version: P::VERSION.to_owned(),
            summary: P::SUMMARY.to_owned(),
            hooks: P::HOOKS.iter().map(|&hook| hook.to_owned()).collect(),
            grants: P::GRANTS
                .iter()
                .map(|grant| crate::export::camel_case(grant))
                .collect(),
        }
    }
}

impl<P: Exported> contract::configuration::Guest for Component<P> {
    fn check(config: String) -> Result<(), String> {
        report_panics();
        answer(|| P::check(&Json::from(config).parse()?))
    }
}

impl<P: Exported> contract::renderer::Guest for Component<P> {
    fn render(
        context: types::Context,
        job: String,
    ) -> Result<contract::renderer::Rendering, String> {
        report_panics();
        answer(|| {
            let context = context_from::<P>(context)?;
            let mut job = Job::parse(&job)?;
            P::render(&context, &mut job)?;
            Ok(match job.answer() {
                Answer::Unchanged => contract::renderer::Rendering::Unchanged,
                Answer::Patch(patch) => contract::renderer::Rendering::Patch(patch),
                Answer::Job(job) => contract::renderer::Rendering::Job(job),
            })
        })
    }
}

impl<P: Exported> decider::Guest for Component<P> {
    fn decide(
        trigger: decider::Trigger,
        context: types::Context,
        observed_at: u64,
    ) -> Result<decider::Decision, String> {
        report_panics();
        answer(|| {
            let context = context_from::<P>(context)?;
            let now = Timestamp::from_seconds(observed_at);
            P::decide(&trigger_from(trigger), &context, now).map(decided)
        })
    }
}

impl<P: Exported> contract::ticker::Guest for Component<P> {
    fn next_tick(context: types::Context, observed_at: u64) -> Result<Option<u64>, String> {
        report_panics();
        answer(|| {
            let context = context_from::<P>(context)?;
            let delay = P::next_tick(&context, Timestamp::from_seconds(observed_at))?;
            Ok(delay.map(|delay| crate::decision::seconds(delay).max(1)))
        })
    }
}

fn answer<T>(ask: impl FnOnce() -> Result<T, Error>) -> Result<T, String> {
    ask().map_err(Error::into_message)
}

/// Has the host's log say why a call trapped; the trap itself says only where.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        match panic.location() {
            Some(at) => crate::error!("panicked at {}:{}: {message}", at.file(), at.line()),
            None => crate::error!("panicked: {message}"),
        }
    }));
}

pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Debug => logging::Level::Debug,
        Level::Info => logging::Level::Info,
        Level::Warn => logging::Level::Warn,
        Level::Error => logging::Level::Error,
    };
    logging::log(level, message);
}

fn context_from<P: Exported>(context: types::Context) -> Result<Context<P::Config>, Error> {
    let stream = context.stream;
    Ok(Context {
        class: context.class.name,
        config: Json::from(context.class.config)
            .parse()
            .map_err(|error| error.context("configuration"))?,
        stream: Stream {
            namespace: stream.namespace,
            name: stream.name,
            kind: stream.kind,
            layout: stream.layout,
            labels: Pairs(stream.labels),
            annotations: Pairs(stream.annotations),
            spec: stream.spec.into(),
        },
        mode: match context.mode {
            types::Mode::Streaming => Mode::Streaming,
            types::Mode::Backfill => Mode::Backfill,
            types::Mode::Scheduled => Mode::Scheduled,
        },
        request: context.request.map(|request| Request {
            name: request.name,
            payload: request.payload.map(Json::from),
        }),
        attempt: context.attempt,
        last_failure: context.last_failure.map(failure_from),
    })
}

fn failure_from(failure: types::Failure) -> Failure {
    Failure {
        reason: failure.reason,
        message: failure.message,
        exit_code: failure.exit_code,
        container_reason: failure.container_reason,
        termination_message: failure.termination_message,
    }
}

fn trigger_from(trigger: decider::Trigger) -> Trigger {
    match trigger {
        decider::Trigger::StreamCreated => Trigger::StreamCreated,
        decider::Trigger::BackfillRequested => Trigger::BackfillRequested,
        decider::Trigger::SchemaChanged => Trigger::SchemaChanged,
        decider::Trigger::SpecChanged(previous) => Trigger::SpecChanged {
            previous: previous.map(Json::from),
        },
        decider::Trigger::JobFailed(failure) => Trigger::JobFailed(failure_from(failure)),
        decider::Trigger::JobCompleted => Trigger::JobCompleted,
        decider::Trigger::Tick => Trigger::Tick,
    }
}

fn decided(decision: Decision) -> decider::Decision {
    match decision {
        Decision::Default => decider::Decision::Default,
        Decision::Skip { reason } => decider::Decision::Skip(reason),
        Decision::Backfill(backfill) => decider::Decision::Backfill(decider::Backfill {
            payload: backfill.payload.as_ref().map(crate::json::text),
            template: backfill.template,
            reason: backfill.reason,
        }),
        Decision::Postpone { delay, reason } => decider::Decision::Postpone(wait(delay, reason)),
        Decision::Fail { reason } => decider::Decision::Fail(reason),
        Decision::Restart { delay, reason } => decider::Decision::Restart(wait(delay, reason)),
    }
}

fn wait(delay: Duration, reason: String) -> decider::Delay {
    decider::Delay {
        seconds: crate::decision::seconds(delay),
        reason,
    }
}
