//! `plugin run`

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use arcane_contract::api::{FailurePolicy, PluginSpec};
use arcane_plugins::source::verify;
use arcane_plugins::{CallError, Failure as JobFailure, Hook, Plugin, Trigger};
use clap::ValueEnum;
use serde_json::Value;

use super::{log, settings};
use crate::ask::{Reply, ask};
use crate::case::{
    Answer, Ask, Question, decision_value, json_text, not_wanted, read_failure, seconds,
};
use crate::component;
use crate::diff;
use crate::exit::{Done, Failure};
use crate::scene::{Files, Scene};
use crate::terminal::{Paint, Style, harmless, indented};
use crate::{units, yaml};

/// Arguments of `plugin run`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A component (.wasm, also compressed), or the folder of a project, which is built.
    #[arg(default_value = ".")]
    target: PathBuf,
    #[command(flatten)]
    files: Files,
    /// Ask what to do about this, rather than how to shape the Job.
    #[arg(long, value_enum, value_name = "TRIGGER")]
    trigger: Option<Happening>,
    /// When it happens, such as 2026-01-05T03:00:00Z. Now by default.
    #[arg(long, value_name = "TIME", value_parser = time, requires = "trigger")]
    now: Option<u64>,
    #[command(flatten)]
    failure: FailureArguments,
    /// How many times in a row the run was restarted after a failure.
    #[arg(long, default_value_t = 0)]
    attempt: u32,
    /// The failure that the run is restarted after, as YAML such as `{exitCode: 137,
    /// containerReason: OOMKilled}`, or a file of that.
    #[arg(long, value_name = "FILE|YAML")]
    last_failure: Option<String>,
    /// With trigger spec-changed: file of the definition as it was.
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
}

/// How the Job failed; with trigger job-failed.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "With trigger job-failed")]
struct FailureArguments {
    /// Exit code of the container that failed last.
    #[arg(long, allow_negative_numbers = true)]
    exit_code: Option<i32>,
    /// Reason of the Job's condition. BackoffLimitExceeded by default.
    #[arg(long)]
    reason: Option<String>,
    /// Message of the Job's condition.
    #[arg(long)]
    message: Option<String>,
    /// Why the container ended, by the kubelet: Error, OOMKilled, and so on.
    #[arg(long)]
    container_reason: Option<String>,
    /// What the container left as its termination message.
    #[arg(long)]
    termination_message: Option<String>,
}

/// What a plugin can decide on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Happening {
    /// The stream is new.
    StreamCreated,
    /// A BackfillRequest is next.
    BackfillRequested,
    /// The schema of the source has changed.
    SchemaChanged,
    /// The definition's spec has changed.
    SpecChanged,
    /// The Job has failed.
    JobFailed,
    /// The streaming Job has ended with success.
    JobCompleted,
    /// The time has come that the plugin named.
    Tick,
    /// None of these: in how long the plugin wants to be asked about a tick.
    NextTick,
}

/// Asks a plugin about a stream.
///
/// # Errors
/// A file cannot be read or understood, or an operator would not take the plugin into service.
pub fn run(paint: Paint, arguments: &Arguments) -> Result<Done, Failure> {
    arguments.check()?;
    let hook = arguments.trigger.map(Happening::hook);
    let mut scene = Scene::read(&arguments.files, hook)?;
    scene.context.attempt = arguments.attempt;
    scene.context.last_failure = arguments.last_failure()?;
    let question = Question {
        ask: arguments.ask(&scene)?,
        context: scene.context,
    };

    let component = component::open(&arguments.target)?;
    let host = component::host()?;
    let mut text = String::new();
    for note in &scene.notes {
        text.push_str(&format!(
            "{} {}\n",
            paint.paint(Style::Yellow, "note:"),
            harmless(note)
        ));
    }
    if let Err(error) = verify(&component.bytes, scene.plugin.sha256.as_deref()) {
        let note = paint.paint(Style::Yellow, "note:");
        text.push_str(&format!(
            "{note} in a cluster it would not be taken: {error}\n"
        ));
    }
    let mut lines = Vec::new();
    let loaded = host.load_logged(&component.bytes, settings::of(&scene.plugin)?, &mut lines);
    text.push_str(&log::lines(paint, &lines));
    let plugin = loaded.map_err(|error| {
        let path = component.path.display();
        Failure::failed(harmless(&format!(
            "{path}: not taken into service ({}): {error}",
            error.reason()
        )))
    })?;
    if let Some(hook) = question.ask.hook()
        && !plugin.wants(hook)
    {
        text.push_str(&not_wanted(&plugin, hook));
        text.push('\n');
        return Ok(Done::fine(text));
    }
    let reply = ask(&plugin, &question);
    text.push_str(&heading(paint, &plugin, &question, &reply));
    text.push_str(&log::lines(paint, &reply.lines));
    let given = match &question.ask {
        Ask::Render(job) => job,
        _ => &Value::Null,
    };
    match &reply.result {
        Ok(answer) => text.push_str(&answered(paint, given, answer)),
        Err(error) => text.push_str(&failed(paint, error, &scene.plugin)),
    }
    Ok(Done::judged(text, reply.result.is_ok()))
}

impl Arguments {
    /// Refuses options that say nothing about what is asked.
    fn check(&self) -> Result<(), Failure> {
        let failure = &self.failure;
        let tells_failure = failure.exit_code.is_some()
            || failure.reason.is_some()
            || failure.message.is_some()
            || failure.container_reason.is_some()
            || failure.termination_message.is_some();
        if tells_failure && self.trigger != Some(Happening::JobFailed) {
            return Err(Failure::usage(
                "how a Job failed says something only with --trigger job-failed: add that, or say \
                 what went before with --last-failure",
            ));
        }
        if self.previous.is_some() && self.trigger != Some(Happening::SpecChanged) {
            return Err(Failure::usage(
                "--previous says something only with --trigger spec-changed: add that, or leave it \
                 out",
            ));
        }
        Ok(())
    }

    fn last_failure(&self) -> Result<Option<JobFailure>, Failure> {
        let option = "--last-failure";
        let Some(given) = &self.last_failure else {
            return Ok(None);
        };
        let failure = read_failure(option, &yaml::option(option, given)?);
        failure.map(Some).map_err(Failure::unreadable)
    }

    fn ask(&self, scene: &Scene) -> Result<Ask, Failure> {
        let Some(happening) = self.trigger else {
            return scene.job().map(Ask::Render);
        };
        let now = match self.now {
            Some(now) => now,
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_err(|_| Failure::usage("the clock is before 1970: give a time with --now"))?
                .as_secs(),
        };
        let trigger = match happening {
            Happening::StreamCreated => Trigger::StreamCreated,
            Happening::BackfillRequested => Trigger::BackfillRequested,
            Happening::SchemaChanged => Trigger::SchemaChanged,
            Happening::SpecChanged => Trigger::SpecChanged {
                previous: match &self.previous {
                    Some(path) => {
                        let definition = yaml::object(path, &scene.context.stream.kind)?;
                        Some(json_text(&definition["spec"]))
                    }
                    None => None,
                },
            },
            Happening::JobFailed => Trigger::JobFailed(self.failure.read()),
            Happening::JobCompleted => Trigger::JobCompleted,
            Happening::Tick => Trigger::Tick,
            Happening::NextTick => return Ok(Ask::NextTick(now)),
        };
        Ok(Ask::Decide(trigger, now))
    }
}

impl FailureArguments {
    fn read(&self) -> JobFailure {
        let reason = self.reason.as_deref().unwrap_or("BackoffLimitExceeded");
        JobFailure {
            reason: reason.to_owned(),
            message: self.message.clone().unwrap_or_default(),
            exit_code: self.exit_code,
            container_reason: self.container_reason.clone(),
            termination_message: self.termination_message.clone(),
        }
    }
}

impl Happening {
    fn hook(self) -> Hook {
        match self {
            Happening::StreamCreated => Hook::StreamCreated,
            Happening::BackfillRequested => Hook::BackfillRequested,
            Happening::SchemaChanged => Hook::SchemaChanged,
            Happening::SpecChanged => Hook::SpecChanged,
            Happening::JobFailed => Hook::JobFailed,
            Happening::JobCompleted => Hook::JobCompleted,
            Happening::Tick | Happening::NextTick => Hook::Tick,
        }
    }
}

fn time(text: &str) -> Result<u64, String> {
    seconds(text).ok_or_else(|| "is no time such as 2026-01-05T03:00:00Z".to_owned())
}

fn heading(paint: Paint, plugin: &Plugin, question: &Question, reply: &Reply) -> String {
    let description = plugin.description();
    let stream = &question.context.stream;
    let hook = match &question.ask {
        Ask::NextTick(_) => "next-tick",
        ask => ask.hook().map_or("check", Hook::as_str),
    };
    let who = format!("{} {}", description.name, harmless(&description.version));
    let about = format!(
        "{hook}, {} {}/{}, mode {}",
        stream.kind,
        stream.namespace,
        stream.name,
        yaml::word(&question.context.mode),
    );
    format!(
        "{}: {about}, {} and {}\n",
        paint.paint(Style::Bold, who),
        units::time(reply.elapsed),
        units::bytes(reply.memory),
    )
}

fn answered(paint: Paint, given: &Value, answer: &Answer) -> String {
    match answer {
        Answer::Job(rendered) if !rendered.changed => "The Job stays as it is.\n".to_owned(),
        Answer::Job(rendered) => {
            let (given, changed) = (yaml::print(given), yaml::print(&rendered.job));
            diff::unified(paint, ("template", &given), ("plugin", &changed))
        }
        Answer::Decision(decision) => {
            format!(
                "Decision:\n{}",
                indented(&harmless(&yaml::print(&decision_value(decision))), 2)
            )
        }
        Answer::NextTick(None) => "It does not want to be asked again.\n".to_owned(),
        Answer::NextTick(Some(seconds)) => {
            format!("It wants to be asked again in {seconds} seconds.\n")
        }
        Answer::Checked => "The configuration is fine.\n".to_owned(),
        Answer::Refused(message) | Answer::Error(message) => format!("{}\n", harmless(message)),
    }
}

/// Why there is no answer, and what the operator makes of that.
fn failed(paint: Paint, error: &CallError, plugin: &PluginSpec) -> String {
    let mut text = String::new();
    match error {
        CallError::Refused(refusals) => {
            text.push_str(&paint.paint(Style::Red, "refused"));
            text.push_str(": the answer leaves the guard rails\n");
            for refusal in refusals {
                text.push_str(&format!("  {}\n", harmless(&refusal.to_string())));
            }
        }
        error => {
            text.push_str(&paint.paint(Style::Red, "failed"));
            text.push_str(&format!(": {}\n", harmless(&error.to_string())));
        }
    }
    text.push_str(match plugin.failure_policy {
        FailurePolicy::Fail => {
            "failurePolicy Fail: what runs goes on, and nothing new is started.\n"
        }
        FailurePolicy::UseTemplate => {
            "failurePolicy UseTemplate: it is done as if there were no plugin.\n"
        }
    });
    text
}
