//! `cargo xtask test`: every check, one after the other.

mod count;
mod run;
mod steps;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use xtask::terminal::{Paint, Style, Table, time};

use crate::prerequisites::Need;
use crate::workspace::Workspace;
use count::Count;
use run::{Task, together};
use steps::{Programs, Scenario};

/// Scenarios wait more than they work: two of them keep two cores busy, and a control plane takes
/// 650 MB of memory.
const SCENARIOS_AT_ONCE: usize = 2;
/// The step that builds what scenarios need.
const PROGRAMS: &str = "programs and control plane";

/// What to check.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only the steps whose name contains this. Can be given more than once.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// Nothing that needs a control plane.
    #[arg(long)]
    no_e2e: bool,

    /// Run nothing; name the steps.
    #[arg(long)]
    list: bool,
}

impl Arguments {
    /// What must be on the machine for this.
    pub fn needs(&self) -> &'static [Need] {
        match (self.list, self.no_e2e) {
            (true, _) => &[],
            (false, true) => &[Need::Rustfmt, Need::Clippy, Need::Make, Need::Wasm],
            (false, false) => &[
                Need::Rustfmt,
                Need::Clippy,
                Need::Make,
                Need::Wasm,
                Need::Git,
                Need::Go,
            ],
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Passed(Count),
    /// Something is wrong; the count may name failed tests.
    Failed(Count),
    /// It could not be run, for this reason.
    NotRun(String),
}

/// A step that has ended.
struct Done {
    name: String,
    outcome: Outcome,
    took: Duration,
}

/// Runs the steps and the scenarios, tells how each went, and ends with the count of all.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let (mut steps, mut scenarios) = steps::all(workspace)?;
    steps.retain(|step| arguments.wants(&step.name));
    scenarios.retain(|scenario| !arguments.no_e2e && arguments.wants(&scenario.name));
    let names = || {
        let steps = steps.iter().map(|step| &step.name);
        steps.chain(scenarios.iter().map(|scenario| &scenario.name))
    };
    if names().next().is_none() {
        bail!("no step has such a name; see `cargo xtask test --list`");
    }
    if arguments.list {
        names().for_each(|name| println!("{name}"));
        return Ok(ExitCode::SUCCESS);
    }
    let paint = Paint::stdout();
    let mut course = Course {
        // The scenarios' programs are a step, too.
        steps: names().count() + usize::from(!scenarios.is_empty()),
        paint,
        done: Vec::new(),
    };
    for step in &steps {
        let begun = Instant::now();
        let outcome = step.run(workspace, &course.heading(&step.name))?;
        course.ended(&step.name, outcome, begun.elapsed());
    }
    if !scenarios.is_empty() {
        play(workspace, scenarios, &mut course);
    }
    Ok(summary(&course.done, paint))
}

/// Builds what the scenarios need, and runs them.
fn play(workspace: &Workspace, scenarios: Vec<Scenario>, course: &mut Course) {
    println!("{}", course.heading(PROGRAMS));
    let begun = Instant::now();
    let programs = match Programs::build(workspace) {
        Ok(programs) => programs,
        Err(error) => {
            println!("{error:#}");
            course.ended(PROGRAMS, Outcome::Failed(Count::default()), begun.elapsed());
            for Scenario { name, .. } in scenarios {
                let reason = format!("{PROGRAMS} failed");
                course.ended(&name, Outcome::NotRun(reason), Duration::ZERO);
            }
            return;
        }
    };
    course.ended(PROGRAMS, Outcome::Passed(Count::default()), begun.elapsed());
    let tasks = scenarios.into_iter().map(|scenario| Task {
        command: scenario.command(workspace, &programs),
        name: scenario.name,
    });
    together(tasks.collect(), SCENARIOS_AT_ONCE, |name, printed, took| {
        let outcome = printed.map_or_else(
            |error| {
                println!("{error:#}");
                Outcome::Failed(Count::default())
            },
            steps::outcome,
        );
        course.ended(name, outcome, took);
    });
}

/// What has been done so far, of how many steps.
struct Course {
    steps: usize,
    paint: Paint,
    done: Vec<Done>,
}

impl Course {
    fn heading(&self, name: &str) -> String {
        format!("step {} of {}: {name}", self.done.len() + 1, self.steps)
    }

    fn ended(&mut self, name: &str, outcome: Outcome, took: Duration) {
        let (result, _) = describe(&outcome, self.paint);
        println!("{}: {result} ({})", self.heading(name), time(took));
        self.done.push(Done {
            name: name.to_owned(),
            outcome,
            took,
        });
    }
}

fn summary(done: &[Done], paint: Paint) -> ExitCode {
    let mut table = Table::new(&["step", "result", "tests", "time"]);
    for Done {
        name,
        outcome,
        took,
    } in done
    {
        let (result, style) = describe(outcome, Paint::plain());
        let tests = match outcome {
            Outcome::Passed(count) | Outcome::Failed(count) => count.total(),
            Outcome::NotRun(_) => 0,
        };
        let tests = if tests == 0 {
            "-".to_owned()
        } else {
            tests.to_string()
        };
        table.styled([
            (name.clone(), None),
            (result, Some(style)),
            (tests, None),
            (time(*took), Some(Style::Dim)),
        ]);
    }
    println!("\n{}", table.render(paint));
    let Count { passed, failed } = total(done);
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn describe(outcome: &Outcome, paint: Paint) -> (String, Style) {
    let (text, style) = match outcome {
        Outcome::Passed(_) => ("passed".to_owned(), Style::Green),
        Outcome::Failed(_) => ("FAILED".to_owned(), Style::Red),
        Outcome::NotRun(reason) => (format!("not run: {reason}"), Style::Yellow),
    };
    (paint.paint(style, text), style)
}

/// The sum over all steps. One that failed without a failed test counts as one: a run in which
/// anything failed must not end in "0 failed".
fn total(done: &[Done]) -> Count {
    done.iter()
        .fold(Count::default(), |sum, done| match &done.outcome {
            Outcome::Passed(count) => sum + *count,
            Outcome::Failed(count) => {
                let failed = count.failed.max(1);
                sum + Count { failed, ..*count }
            }
            Outcome::NotRun(_) => sum,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(outcome: Outcome) -> Done {
        Done {
            name: "step".into(),
            outcome,
            took: Duration::ZERO,
        }
    }

    #[test]
    fn a_check_that_fails_without_a_failed_test_counts_as_one() {
        let count = |passed, failed| Count { passed, failed };
        let done = [
            done(Outcome::Passed(count(5, 0))),
            done(Outcome::Failed(count(7, 2))),
            done(Outcome::Failed(count(0, 0))),
            done(Outcome::NotRun("no such program".into())),
        ];
        assert_eq!(total(&done), count(12, 3));
    }
}
