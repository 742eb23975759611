//! The steps, in the order in which they are worth knowing.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use super::run::quietly;
use super::{Count, Outcome};
use crate::generate;
use crate::programs::OPERATOR_BINARY;
use crate::workspace::{IntegrationTest, Workspace};

/// Packages whose integration tests need a control plane.
const ON_CONTROL_PLANE: [&str; 2] = ["arcane-cluster", "arcane-e2e"];

/// One check.
#[derive(Debug)]
pub struct Step {
    pub name: String,
    pub needs_control_plane: bool,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Cargo {
        arguments: Vec<String>,
        rustdoc_flags: Option<&'static str>,
    },
    Generated,
    Deny(&'static [&'static str]),
    Advisories,
    Programs,
    Scenarios(String),
    Demo,
}

/// The programs that an earlier step has built for later ones.
#[derive(Debug, Default)]
pub struct Built(Option<Programs>);

#[derive(Debug)]
struct Programs {
    operator: PathBuf,
    demo: PathBuf,
}

/// Every step.
pub fn all(workspace: &Workspace) -> Result<Vec<Step>> {
    let (on_control_plane, anywhere): (Vec<_>, Vec<_>) = workspace
        .integration_tests()?
        .into_iter()
        .partition(|test| ON_CONTROL_PLANE.contains(&test.package.as_str()));
    let mut steps = vec![
        cargo("format", &["fmt", "--all", "--", "--check"]),
        cargo(
            "lints",
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
        ),
        here("generated files", Action::Generated),
        here(
            "licences and sources",
            Action::Deny(&["licenses", "bans", "sources"]),
        ),
        here("advisories", Action::Advisories),
        here(
            "documentation",
            Action::Cargo {
                arguments: words(&["doc", "--workspace", "--no-deps"]),
                rustdoc_flags: Some("-D warnings"),
            },
        ),
        here("tests", tests(&anywhere)),
        cargo(
            "documentation's examples",
            &["test", "--workspace", "--no-fail-fast", "--doc"],
        ),
        // Shows its progress: minutes, the first time.
        step("programs and control plane", Action::Programs),
    ];
    steps.extend(on_control_plane.into_iter().map(|test| {
        let IntegrationTest { package, target } = test;
        let name = format!("{}: {target}", package.trim_start_matches("arcane-"));
        step(&name, Action::Scenarios(target))
    }));
    steps.push(step("demo", Action::Demo));
    Ok(steps)
}

fn here(name: &str, action: Action) -> Step {
    Step {
        name: name.to_owned(),
        needs_control_plane: false,
        action,
    }
}

fn step(name: &str, action: Action) -> Step {
    Step {
        needs_control_plane: true,
        ..here(name, action)
    }
}

fn cargo(name: &str, arguments: &[&str]) -> Step {
    let arguments = words(arguments);
    here(
        name,
        Action::Cargo {
            arguments,
            rustdoc_flags: None,
        },
    )
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Unit tests of everything, and the integration tests that need no control plane.
fn tests(targets: &[IntegrationTest]) -> Action {
    let mut arguments = words(&["test", "--workspace", "--no-fail-fast", "--lib", "--bins"]);
    for IntegrationTest { target, .. } in targets {
        arguments.extend(["--test".to_owned(), target.clone()]);
    }
    Action::Cargo {
        arguments,
        rustdoc_flags: None,
    }
}

impl Step {
    /// Runs the step, telling its progress under `heading`.
    pub fn run(
        &self,
        workspace: &Workspace,
        programs: &mut Built,
        heading: &str,
    ) -> Result<Outcome> {
        match &self.action {
            Action::Cargo {
                arguments,
                rustdoc_flags,
            } => {
                let mut cargo = workspace.cargo();
                cargo.args(arguments);
                if let Some(flags) = rustdoc_flags {
                    cargo.env("RUSTDOCFLAGS", flags);
                }
                outcome(&mut cargo, heading)
            }
            Action::Generated => Ok(visible(generate::check(workspace).map(drop))),
            Action::Deny(checks) => deny(workspace, checks, heading),
            Action::Advisories => Ok(Outcome::NotRun(
                "they need the database of RustSec; `cargo deny check advisories` fetches it"
                    .into(),
            )),
            Action::Programs => {
                println!("{heading}");
                programs.with(workspace, |_| Ok(Outcome::Passed(Count::default())))
            }
            Action::Scenarios(target) => {
                // By name within the whole workspace, as the other tests are built: for one
                // package alone, its dependencies would be compiled once more.
                let mut cargo = workspace.cargo();
                cargo.args(["test", "--workspace", "--no-fail-fast", "--test", target]);
                programs.with(workspace, |programs| {
                    outcome(cargo.env(OPERATOR_BINARY, &programs.operator), heading)
                })
            }
            Action::Demo => programs.with(workspace, |programs| {
                let mut demo = workspace.command(&programs.demo);
                demo.arg("demo").env(OPERATOR_BINARY, &programs.operator);
                outcome(&mut demo, heading)
            }),
        }
    }
}

impl Programs {
    /// Builds the operator, the demo, and the control plane's programs, showing the progress.
    fn build(workspace: &Workspace) -> Result<Self> {
        let operator = workspace.build("--bin", "arcane-host", false)?;
        let demo = workspace.build("--bin", "arcane-demo", false)?;
        let prepared = workspace.command(&demo).arg("prepare").status()?;
        ensure!(prepared.success(), "the control plane does not start");
        Ok(Self { operator, demo })
    }
}

impl Built {
    /// Does something with the programs, which are built when nobody has before.
    fn with(
        &mut self,
        workspace: &Workspace,
        action: impl FnOnce(&Programs) -> Result<Outcome>,
    ) -> Result<Outcome> {
        let programs = match self.0.take().map_or_else(|| Programs::build(workspace), Ok) {
            Ok(programs) => self.0.insert(programs),
            Err(error) => return Ok(visible(Err(error))),
        };
        action(programs)
    }
}

fn outcome(command: &mut Command, heading: &str) -> Result<Outcome> {
    let printed = quietly(command, heading)?;
    let count = Count::of(&printed.text);
    Ok(if printed.success {
        Outcome::Passed(count)
    } else {
        Outcome::Failed(count)
    })
}

fn visible(result: Result<()>) -> Outcome {
    match result {
        Ok(()) => Outcome::Passed(Count::default()),
        Err(error) => {
            println!("{error:#}");
            Outcome::Failed(Count::default())
        }
    }
}

/// What `deny.toml` says about dependencies, where cargo-deny is installed.
fn deny(workspace: &Workspace, checks: &[&str], heading: &str) -> Result<Outcome> {
    let mut version = workspace.cargo();
    let installed = version.args(["deny", "--version"]).output()?;
    if !installed.status.success() {
        return Ok(Outcome::NotRun(
            "cargo-deny is not installed; `cargo install --locked cargo-deny`".into(),
        ));
    }
    let mut cargo = workspace.cargo();
    outcome(cargo.args(["deny", "check"]).args(checks), heading)
}
