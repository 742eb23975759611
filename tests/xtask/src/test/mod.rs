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
use steps::Step;

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
            (false, true) => &[Need::Rustfmt, Need::Clippy],
            (false, false) => &[Need::Rustfmt, Need::Clippy, Need::Git, Need::Go],
        }
    }

    fn wants(&self, step: &Step) -> bool {
        let named = self.only.is_empty()
            || self
                .only
                .iter()
                .any(|name| step.name.contains(name.as_str()));
        named && !(self.no_e2e && step.needs_control_plane)
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

/// Runs the steps, tells how each went, and ends with the count of all.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut steps = steps::all(workspace)?;
    steps.retain(|step| arguments.wants(step));
    if steps.is_empty() {
        bail!("no step has such a name; see `cargo xtask test --list`");
    }
    if arguments.list {
        for step in steps {
            println!("{}", step.name);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let paint = Paint::stdout();
    let number = steps.len();
    let mut programs = steps::Built::default();
    let mut done = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let heading = format!("step {} of {number}: {}", index + 1, step.name);
        let begun = Instant::now();
        let outcome = step.run(workspace, &mut programs, &heading)?;
        let took = begun.elapsed();
        println!(
            "{heading}: {} ({})",
            describe(&outcome, paint).0,
            time(took)
        );
        done.push(Done {
            name: step.name.clone(),
            outcome,
            took,
        });
    }
    Ok(summary(&done, paint))
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
