//! Backfills begin within windows of the week, and wait for the next one otherwise.

mod clock;
pub mod config;
mod window;

use std::time::Duration;

use arcane_plugin_sdk::{Context, Decision, Error, Plugin, Timestamp, Trigger, export_plugin};

use config::{Config, Hold};

/// The plugin.
pub struct BackfillWindow;

impl Plugin for BackfillWindow {
    type Config = Config;
    const SUMMARY: &'static str = "Backfills begin within windows of the week, and wait for the \
                                   next one otherwise; the first one is skipped where the data is \
                                   already there.";

    fn check(config: &Config) -> Result<(), Error> {
        config.schedule().map(drop)
    }

    fn decide(
        trigger: &Trigger,
        context: &Context<Config>,
        now: Timestamp,
    ) -> Result<Decision, Error> {
        let config = context.config();
        let kind = match trigger {
            Trigger::StreamCreated => Hold::Initial,
            Trigger::BackfillRequested => Hold::Requested,
            Trigger::SchemaChanged => Hold::SchemaChange,
            _ => return Ok(Decision::Default),
        };
        if kind == Hold::Initial && is_data_present(context) {
            return Ok(Decision::skip(format!(
                "the data is already there, says the annotation `{}`",
                config.data_present_annotation
            )));
        }
        if !config.hold.contains(&kind) || is_urgent(context) {
            return Ok(Decision::Default);
        }
        wait_for_window(config, now)
    }
}

fn is_data_present(context: &Context<Config>) -> bool {
    let annotation = &context.config().data_present_annotation;
    context.stream().annotation(annotation) == Some("true")
}

fn is_urgent(context: &Context<Config>) -> bool {
    let annotation = &context.config().urgent_annotation;
    context
        .stream()
        .annotation(annotation)
        .is_some_and(|value| {
            let request = context.request().map(|request| request.name());
            value == "true" || Some(value) == request
        })
}

fn wait_for_window(config: &Config, now: Timestamp) -> Result<Decision, Error> {
    let schedule = config.schedule()?;
    let second = window::second_of_week(now.seconds(), schedule.offset);
    Ok(match window::opens_in(&schedule.windows, second) {
        None | Some(0) => Decision::Default,
        Some(wait) => Decision::postpone(
            Duration::from_secs(wait.min(config.look_again_seconds.unwrap_or(wait))),
            format!(
                "outside of the window for backfills, which opens at {} ({})",
                clock::describe((second + wait) % window::WEEK),
                offset_for_people(&config.utc_offset),
            ),
        ),
    })
}

fn offset_for_people(offset: &str) -> String {
    match offset {
        "Z" => "UTC".to_owned(),
        offset => format!("UTC{offset}"),
    }
}

export_plugin!(BackfillWindow, hooks: [stream_created, backfill_requested, schema_changed]);
