//! `plugin check`

use std::path::PathBuf;
use std::time::Duration;

use arcane_plugins::source::verify;
use arcane_plugins::{CallError, LoadError, LogLine, Plugin};

use super::{log, settings};
use crate::ask::ask;
use crate::case::Answer;
use crate::component::{self, Component};
use crate::exit::{Done, Failure};
use crate::inspect;
use crate::pack::{self, Compression};
use crate::samples::{self, Sample};
use crate::terminal::{Paint, Style, harmless, table};
use crate::units;

/// How often a sample is asked about: enough for a median.
const CALLS: usize = 15;

/// Arguments of `plugin check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A component (.wasm, also compressed), or the folder of a project, which is built.
    #[arg(default_value = ".")]
    target: PathBuf,
    #[command(flatten)]
    settings: settings::OfClass,
}

/// Tells what a component is, and whether it is fine.
///
/// # Errors
/// It cannot be read or built.
pub fn run(paint: Paint, arguments: &Arguments) -> Result<Done, Failure> {
    let component = component::open(&arguments.target)?;
    let settings = arguments.settings.read()?;
    let host = component::host()?;
    let mut text = facts(&component)?;
    let mut lines = Vec::new();
    match host.load_logged(&component.bytes, settings, &mut lines) {
        Err(error) => {
            text.push_str(&log::lines(paint, &lines));
            text.push_str(&refusal(paint, &error));
            Ok(Done::judged(text, false))
        }
        Ok(plugin) => {
            text.push_str(&description(paint, &plugin));
            text.push_str(&log::lines(paint, &lines));
            let (answers, fine) = answers(paint, &plugin, arguments.settings.tells_grants())?;
            text.push_str(&answers);
            Ok(Done::judged(text, fine))
        }
    }
}

/// What can be said without asking the plugin.
fn facts(component: &Component) -> Result<String, Failure> {
    let bytes = &component.bytes;
    let digest = verify(bytes, None).map_err(Failure::failed)?;
    let packed = pack::compress(bytes, Compression::Zstd)
        .map_err(|error| Failure::failed(format!("cannot compress: {error}")))?;
    let interfaces = inspect::interfaces(bytes);
    Ok(format!(
        "{}\n  size     {}, {} with zstd\n  sha256   {digest}\n  imports  {}\n  exports  {}\n",
        component.path.display(),
        units::bytes(bytes.len()),
        units::bytes(packed.len()),
        list(&interfaces.imports, "nothing"),
        list(&interfaces.exports, "nothing"),
    ))
}

/// Why an operator would not take it.
fn refusal(paint: Paint, error: &LoadError) -> String {
    let verdict = paint.paint(Style::Red, "not taken into service");
    format!(
        "{verdict} ({}): {}\n",
        error.reason(),
        harmless(&error.to_string())
    )
}

fn description(paint: Paint, plugin: &Plugin) -> String {
    let description = plugin.description();
    let hooks: Vec<_> = description
        .hooks
        .iter()
        .map(|hook| hook.as_str().to_owned())
        .collect();
    let missing = plugin.missing_grants();
    let grants = description.grants.iter().map(|grant| {
        let name = grant.as_str();
        if missing.contains(grant) {
            paint.paint(Style::Yellow, format!("{name} (not given)"))
        } else {
            name.to_owned()
        }
    });
    format!(
        "  plugin   {} {}\n  summary  {}\n  hooks    {}\n  grants   {}\n",
        description.name,
        harmless(&description.version),
        harmless(&description.summary),
        list(&hooks, "none: the plugin is never asked anything"),
        list(&grants.collect::<Vec<_>>(), "none"),
    )
}

/// What the plugin answers to samples, and whether that is fine.
fn answers(paint: Paint, plugin: &Plugin, grants_told: bool) -> Result<(String, bool), Failure> {
    let mut rows = vec![
        ["sample", "time", "memory", "answer"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut remarks = String::new();
    let mut fine = true;
    for sample in samples::wanted(plugin)? {
        let measured = measure(plugin, &sample);
        let judgement = Judgement::of(plugin, &measured.result, grants_told);
        rows.push(vec![
            sample.name.clone(),
            units::time(measured.median),
            units::bytes(measured.memory),
            judgement.word().to_owned(),
        ]);
        let style = match judgement {
            Judgement::Answered(_) => Style::Dim,
            Judgement::Remark(_) => Style::Yellow,
            Judgement::Broken(_) => Style::Red,
        };
        fine &= !matches!(judgement, Judgement::Broken(_));
        if let Err(error) = &measured.result {
            let name = paint.paint(style, &sample.name);
            remarks.push_str(&format!("{name}: {}\n", harmless(&error.to_string())));
            remarks.push_str(&log::lines(paint, &measured.lines));
        }
    }
    let rows = if rows.len() > 1 {
        table(paint, &rows)
    } else {
        String::new()
    };
    Ok((rows + &remarks, fine))
}

/// How an answer is to be seen.
enum Judgement {
    /// As it should be.
    Answered(&'static str),
    /// It depends on the class and the stream whether that is a failure.
    Remark(&'static str),
    /// No class and no stream makes that right.
    Broken(&'static str),
}

impl Judgement {
    fn of(plugin: &Plugin, result: &Result<Answer, CallError>, grants_told: bool) -> Self {
        match result {
            Ok(Answer::Job(rendered)) if !rendered.changed => Self::Answered("unchanged"),
            Ok(Answer::Job(_)) => Self::Answered("changed"),
            Ok(Answer::Decision(decision)) => Self::Answered(decision.name()),
            Ok(Answer::NextTick(None)) => Self::Answered("never"),
            Ok(_) => Self::Answered("answered"),
            Err(CallError::Refused(refusals)) => {
                let asked = &plugin.description().grants;
                let askable = refusals
                    .iter()
                    .all(|refusal| refusal.grant.is_some_and(|grant| asked.contains(&grant)));
                if askable && !grants_told {
                    Self::Remark("needs grants")
                } else {
                    Self::Broken("refused")
                }
            }
            Err(CallError::Plugin(_)) => Self::Remark("gave up"),
            Err(_) => Self::Broken("failed"),
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Answered(word) | Self::Remark(word) | Self::Broken(word) => word,
        }
    }
}

/// How a sample went.
struct Measured {
    result: Result<Answer, CallError>,
    lines: Vec<LogLine>,
    median: Duration,
    memory: usize,
}

fn measure(plugin: &Plugin, sample: &Sample) -> Measured {
    let first = ask(plugin, &sample.question);
    let mut times = vec![first.elapsed];
    let mut memory = first.memory;
    // What fails once is not asked again: that would have the host leave the plugin alone.
    if first.result.is_ok() {
        for _ in 1..CALLS {
            let reply = ask(plugin, &sample.question);
            times.push(reply.elapsed);
            memory = memory.max(reply.memory);
        }
    }
    times.sort_unstable();
    Measured {
        median: times[times.len() / 2],
        result: first.result,
        lines: first.lines,
        memory,
    }
}

fn list(names: &[String], none: &str) -> String {
    match names {
        [] => none.to_owned(),
        names => harmless(&names.join(", ")),
    }
}
