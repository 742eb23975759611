//! The steps, in the order in which they are worth knowing.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail, ensure};

use super::run::{Printed, quietly};
use super::{Count, Outcome};
use crate::generate;
use crate::programs::OPERATOR_BINARY;
use crate::workspace::{IntegrationTest, Workspace};

/// Packages whose integration tests need a control plane.
const ON_CONTROL_PLANE: [&str; 3] = ["arcane-cluster", "arcane-e2e", "arcane-load"];

/// Packages' integration tests that take minutes, because they wait for leases and backoffs: begun
/// first, or everything would wait for them in the end.
const LONG: [&str; 6] = ["operations", "wasm", "faults", "inputs", "shards", "soak"];

/// Where property tests begin, and its value unless it is set: what is checked is the checkout, and
/// the same checkout has to get the same result. Another value explores other inputs.
const SEED: (&str, &str) = ("PROPTEST_RNG_SEED", "1");

/// A check that needs no control plane. They run one after the other.
#[derive(Debug)]
pub struct Step {
    pub name: String,
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
}

/// A check on a control plane of its own. Several run at one time.
#[derive(Debug)]
pub struct Scenario {
    pub name: String,
    run: Run,
}

#[derive(Debug)]
enum Run {
    /// The integration test of this name.
    Test(String),
    Demo,
}

/// The programs that scenarios need.
#[derive(Debug)]
pub struct Programs {
    operator: PathBuf,
    demo: PathBuf,
}

/// Every step, and every scenario.
pub fn all(workspace: &Workspace) -> Result<(Vec<Step>, Vec<Scenario>)> {
    let tests = workspace.integration_tests()?;
    if let Some(name) = ambiguous(&tests) {
        bail!("two integration tests are named {name}, and are chosen by name: rename one");
    }
    let (on_control_plane, anywhere): (Vec<_>, Vec<_>) = tests
        .into_iter()
        .partition(|test| ON_CONTROL_PLANE.contains(&test.package.as_str()));
    Ok((steps(&anywhere), scenarios(on_control_plane)))
}

/// A name that several tests have.
fn ambiguous(tests: &[IntegrationTest]) -> Option<&str> {
    let mut seen = BTreeSet::new();
    let mut names = tests.iter().map(|test| test.target.as_str());
    names.find(|name| !seen.insert(*name))
}

fn scenarios(mut tests: Vec<IntegrationTest>) -> Vec<Scenario> {
    tests.sort_by_key(|test| !LONG.contains(&test.target.as_str()));
    let mut scenarios: Vec<_> = tests
        .into_iter()
        .map(|IntegrationTest { package, target }| Scenario {
            name: format!("{}: {target}", package.trim_start_matches("arcane-")),
            run: Run::Test(target),
        })
        .collect();
    scenarios.push(Scenario {
        name: "demo".into(),
        run: Run::Demo,
    });
    scenarios
}

fn steps(tests: &[IntegrationTest]) -> Vec<Step> {
    vec![
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
        step("generated files", Action::Generated),
        step(
            "licences and sources",
            Action::Deny(&["licenses", "bans", "sources"]),
        ),
        step("advisories", Action::Advisories),
        step(
            "documentation",
            Action::Cargo {
                arguments: words(&["doc", "--workspace", "--no-deps"]),
                rustdoc_flags: Some("-D warnings"),
            },
        ),
        step("tests", test(tests)),
        // A workspace of their own: plugins are built for another machine than this one.
        of_examples("format", &["fmt", "--all"], &["--check"]),
        of_examples("lints", &["clippy", "--all-targets"], &["-D", "warnings"]),
        of_examples("tests", &["test", "--no-fail-fast"], &[]),
        cargo(
            "documentation's examples",
            &["test", "--workspace", "--no-fail-fast", "--doc"],
        ),
    ]
}

/// A check of the example plugins as plain Rust. As components they are checked by `tests`.
fn of_examples(name: &str, command: &[&str], more: &[&str]) -> Step {
    let workspace = ["--manifest-path", "example-plugins/Cargo.toml"];
    let separator: &[&str] = if more.is_empty() { &[] } else { &["--"] };
    let arguments = [command, &workspace, separator, more].concat();
    cargo(&format!("example plugins: {name}"), &arguments)
}

fn step(name: &str, action: Action) -> Step {
    let name = name.to_owned();
    Step { name, action }
}

fn cargo(name: &str, arguments: &[&str]) -> Step {
    let arguments = words(arguments);
    step(
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
fn test(targets: &[IntegrationTest]) -> Action {
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
    pub fn run(&self, workspace: &Workspace, heading: &str) -> Result<Outcome> {
        match &self.action {
            Action::Cargo {
                arguments,
                rustdoc_flags,
            } => {
                let mut cargo = workspace.cargo();
                cargo.args(arguments);
                seed(&mut cargo);
                if let Some(flags) = rustdoc_flags {
                    cargo.env("RUSTDOCFLAGS", flags);
                }
                quietly(heading, cargo).map(outcome)
            }
            Action::Generated => Ok(visible(generate::check(workspace))),
            Action::Deny(checks) => deny(workspace, checks, heading),
            Action::Advisories => Ok(Outcome::NotRun(
                "they need the database of RustSec; `cargo deny check advisories` fetches it"
                    .into(),
            )),
        }
    }
}

impl Scenario {
    /// What is to be run.
    pub fn command(&self, workspace: &Workspace, programs: &Programs) -> Command {
        let mut command = match &self.run {
            // By name within the whole workspace, as the other tests are built: for one package
            // alone, its dependencies would be compiled once more.
            Run::Test(target) => {
                let mut cargo = workspace.cargo();
                cargo.args(["test", "--workspace", "--no-fail-fast", "--test", target]);
                cargo
            }
            Run::Demo => {
                let mut demo = workspace.command(&programs.demo);
                demo.arg("demo");
                demo
            }
        };
        command.env(OPERATOR_BINARY, &programs.operator);
        seed(&mut command);
        command
    }
}

/// Lets property tests begin where they always do, or where the user wants them to.
fn seed(command: &mut Command) {
    let (name, value) = SEED;
    if std::env::var_os(name).is_none() {
        command.env(name, value);
    }
}

impl Programs {
    /// Builds the operator, the demo, the tests and the control plane's programs, showing the
    /// progress.
    pub fn build(workspace: &Workspace) -> Result<Self> {
        let operator = workspace.build("--bin", "arcane-host", false)?;
        let demo = workspace.build("--bin", "arcane-demo", false)?;
        let tests = ["test", "--workspace", "--no-run", "--tests"];
        let built = workspace.cargo().args(tests).status()?;
        ensure!(built.success(), "the tests do not compile");
        let prepared = workspace.command(&demo).arg("prepare").status()?;
        ensure!(prepared.success(), "the control plane does not start");
        Ok(Self { operator, demo })
    }
}

/// What a program has come to, which is shown if that is a failure.
pub fn outcome(printed: Printed) -> Outcome {
    let count = Count::of(&printed.text);
    if printed.success {
        return Outcome::Passed(count);
    }
    println!("{}", printed.text.trim_end());
    Outcome::Failed(count)
}

fn visible<T>(result: Result<T>) -> Outcome {
    match result {
        Ok(_) => Outcome::Passed(Count::default()),
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
    cargo.args(["deny", "check"]).args(checks);
    quietly(heading, cargo).map(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_could_be_taken_for_each_other_are_found() {
        let test = |package: &str, target: &str| IntegrationTest {
            package: package.into(),
            target: target.into(),
        };
        let [a, b, c] = [test("p", "a"), test("p", "b"), test("q", "a")];
        assert_eq!(ambiguous(&[a.clone(), b.clone()]), None);
        assert_eq!(ambiguous(&[a, b, c]), Some("a"));
    }
}
