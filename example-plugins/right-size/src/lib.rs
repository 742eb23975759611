//! Resources by mode and by the size of a stream's table, and more memory after an out-of-memory
//! kill.

pub mod config;
mod memory;
mod size;

use std::time::Duration;

use arcane_plugin_sdk::{
    Container, Context, Decision, Error, Failure, Job, Plugin, Timestamp, Trigger, export_plugin,
    warn,
};

use config::{Config, Resources};

/// The plugin.
pub struct RightSize;

impl Plugin for RightSize {
    type Config = Config;
    const SUMMARY: &'static str = "Resources by mode and by the size of the table, and more memory \
                                   after an out-of-memory kill.";

    fn check(config: &Config) -> Result<(), Error> {
        config.check()
    }

    fn render(context: &Context<Config>, job: &mut Job) -> Result<(), Error> {
        let tier = size::tier(context);
        let restarts = restarts_for_memory(context);
        if tier.is_none() && restarts == 0 {
            return Ok(());
        }
        let config = context.config();
        let mut container = container(config, job)?;
        if let Some(tier) = tier {
            give(&mut container, tier.resources(context.mode()))?;
        }
        if restarts > 0 {
            grow(&mut container, config, restarts)?;
        }
        Ok(())
    }

    fn decide(
        trigger: &Trigger,
        context: &Context<Config>,
        _now: Timestamp,
    ) -> Result<Decision, Error> {
        let settings = &context.config().out_of_memory;
        let failure = match trigger {
            Trigger::JobFailed(failure) if memory::was_short(settings, failure) => failure,
            _ => return Ok(Decision::Default),
        };
        Ok(restart_or_give_up(context, failure))
    }
}

/// How many restarts in a row the run had for want of memory.
fn restarts_for_memory(context: &Context<Config>) -> u32 {
    let settings = &context.config().out_of_memory;
    match context.last_failure() {
        Some(failure) if memory::was_short(settings, failure) => context.attempt(),
        _ => 0,
    }
}

fn container<'a>(config: &Config, job: &'a mut Job) -> Result<Container<'a>, Error> {
    match &config.container {
        None => job.main(),
        Some(name) => job.container(name).ok_or_else(|| {
            Error::field(
                "container",
                format_args!("the template has no container `{name}`: name one that it has, or leave it out for the first"),
            )
        }),
    }
}

fn give(container: &mut Container<'_>, resources: Resources) -> Result<(), Error> {
    if let Some(memory) = resources.memory {
        container.set_resource("memory", memory);
    }
    if let Some(cpu) = resources.cpu {
        container.set_request("cpu", cpu);
        // The API server refuses a request above its limit.
        if container.limit("cpu")?.is_some_and(|limit| limit < cpu) {
            container.set_limit("cpu", cpu);
        }
    }
    Ok(())
}

fn grow(container: &mut Container<'_>, config: &Config, restarts: u32) -> Result<(), Error> {
    let settings = &config.out_of_memory;
    let (request, limit) = (container.request("memory")?, container.limit("memory")?);
    if request.is_none() && limit.is_none() {
        warn!(
            "the template gives `{}` no memory that could grow",
            container.name()
        );
    }
    if let Some(request) = request {
        container.set_request("memory", memory::after(settings, request, restarts));
    }
    if let Some(limit) = limit {
        container.set_limit("memory", memory::after(settings, limit, restarts));
    }
    Ok(())
}

fn restart_or_give_up(context: &Context<Config>, failure: &Failure) -> Decision {
    let settings = &context.config().out_of_memory;
    let restarts = context.attempt();
    let killed = describe(failure);
    if restarts >= settings.attempts {
        return Decision::fail(format!(
            "{killed}, after {restarts} restarts with more memory each: give it more from the \
             start, or raise outOfMemory.attempts of the class"
        ));
    }
    // What the template gives is not known here, but what a tier gives is.
    let tier = size::tier(context).and_then(|tier| tier.resources(context.mode()).memory);
    if let Some(base) = tier {
        let had = memory::after(settings, base, restarts);
        if memory::after(settings, base, restarts + 1) <= had {
            return Decision::fail(format!(
                "{killed} with {had}, and outOfMemory.maximum of the class allows no more: raise it"
            ));
        }
    }
    Decision::restart(
        Duration::from_secs(settings.delay_seconds),
        format!(
            "{killed}: restart {} of {} with {} % more memory",
            restarts + 1,
            settings.attempts,
            settings.grow_percent
        ),
    )
}

fn describe(failure: &Failure) -> String {
    match failure.exit_code {
        _ if failure.is_out_of_memory() => "out of memory".to_owned(),
        Some(code) => format!("exit code {code}, taken for out of memory"),
        None => "out of memory".to_owned(),
    }
}

export_plugin!(RightSize, hooks: [render, job_failed], grants: [resources]);
