//! `plugin test`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use arcane_plugins::PluginHost;

use super::log;
use crate::case::{self, Case, CaseFile, Outcome};
use crate::component;
use crate::exit::{Done, Failure};
use crate::junit::{self, CaseResult, Suite};
use crate::terminal::{Colours, Paint, Style, harmless, indented};

/// Folder of a project that holds its cases.
const CASES: &str = "cases";

/// Arguments of `plugin test`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Components (.wasm, also compressed), folders of projects, which are built, or a folder with
    /// several projects.
    #[arg(default_value = ".")]
    targets: Vec<PathBuf>,
    /// A file of cases, or a folder of such files; may be given several times. The folder `cases`
    /// of the project by default.
    #[arg(long, value_name = "FILE|DIR")]
    cases: Vec<PathBuf>,
    /// Write the results to this file too, in JUnit's format.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Runs cases.
///
/// # Errors
/// A component or a case cannot be read.
pub fn run(paint: Paint, arguments: &Arguments) -> Result<Done, Failure> {
    let mut work = Vec::new();
    for target in arguments.targets.iter().map(|target| projects(target)) {
        for target in target? {
            let files = case_files(&target, &arguments.cases)?;
            work.push((target, files));
        }
    }
    let host = component::host()?;
    let mut text = String::new();
    let mut suites = Vec::new();
    for (target, files) in work {
        let component = component::open(&target)?;
        for file in files {
            text.push_str(&paint.paint(Style::Bold, file.path.display()));
            text.push('\n');
            let cases = file.cases.iter();
            let cases = cases.map(|case| run_case(paint, &host, &component.bytes, case, &mut text));
            suites.push(Suite {
                cases: cases.collect(),
                name: file.path.display().to_string(),
            });
        }
    }
    if let Some(path) = &arguments.junit {
        std::fs::write(path, junit::document(&suites)).map_err(|error| {
            Failure::unreadable(format!("{}: cannot be written: {error}", path.display()))
        })?;
    }
    let results = || suites.iter().flat_map(|suite| &suite.cases);
    let failed = results().filter(|case| case.failure.is_some()).count();
    let passed = results().count() - failed;
    let summary = format!("{passed} passed, {failed} failed");
    let style = if failed == 0 {
        Style::Green
    } else {
        Style::Red
    };
    text.push_str(&paint.paint(style, summary));
    text.push('\n');
    Ok(Done::judged(text, failed == 0))
}

fn run_case(
    paint: Paint,
    host: &PluginHost,
    component: &[u8],
    case: &Case,
    text: &mut String,
) -> CaseResult {
    let outcome = case::run(host, component, case);
    let Outcome {
        mismatch,
        lines,
        elapsed,
    } = outcome;
    let name = harmless(&case.name);
    match &mismatch {
        None => text.push_str(&format!("  {} {name}\n", paint.paint(Style::Green, "ok"))),
        Some(mismatch) => {
            // Writing to a String does not fail.
            let _ = writeln!(text, "  {} {name}", paint.paint(Style::Red, "FAILED"));
            text.push_str(&indented(&mismatch.show(paint), 4));
            text.push_str(&indented(&log::lines(paint, &lines), 2));
        }
    }
    let plain = Paint::stdout(Colours::Never);
    CaseResult {
        name: case.name.clone(),
        elapsed,
        failure: mismatch.map(|mismatch| mismatch.show(plain)),
        log: log::lines(plain, &lines),
    }
}

/// The target itself, or the projects in it if it is a folder that is none.
fn projects(target: &Path) -> Result<Vec<PathBuf>, Failure> {
    let is_project = |dir: &Path| dir.join("Cargo.toml").is_file() && dir.join("src").is_dir();
    if !target.is_dir() || is_project(target) {
        return Ok(vec![target.to_owned()]);
    }
    let entries = std::fs::read_dir(target)
        .map_err(|error| Failure::unreadable(format!("{}: {error}", target.display())))?;
    let mut projects: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|dir| is_project(dir) && dir.join(CASES).is_dir())
        .collect();
    projects.sort();
    if projects.is_empty() {
        return Err(Failure::unreadable(format!(
            "{}: is no project, and holds none with cases: give a component, or the folder of a \
             project",
            target.display()
        )));
    }
    Ok(projects)
}

/// The cases for a target.
fn case_files(target: &Path, named: &[PathBuf]) -> Result<Vec<CaseFile>, Failure> {
    if named.is_empty() && !target.is_dir() {
        return Err(Failure::usage(format!(
            "{}: name its cases with --cases: only a project's folder has cases of its own",
            target.display()
        )));
    }
    let own = [target.join(CASES)];
    let paths = if named.is_empty() { &own[..] } else { named };
    let files = paths.iter().map(|path| CaseFile::read_all(path));
    Ok(files
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .collect())
}
