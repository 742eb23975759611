//! `cargo xtask fuzz`: long campaigns.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use arcane_fuzz::campaign::{Tally, Until, campaign, feed};
use arcane_fuzz::corpus::Corpus;
use arcane_fuzz::watch::Watch;
use arcane_fuzz::{Target, all};
use clap::Parser;
use xtask::cli::Fuzz;

/// Time for each call of a plugin.
const TIMEOUT: Duration = Duration::from_millis(100);
/// Names, for a process that works, the file that has the input which it is about to hand over.
const SCRATCH: &str = "ARCANE_FUZZ_SCRATCH";

/// Hand hostile bytes to the host of plugins.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask fuzz", bin_name = "cargo xtask fuzz")]
struct Arguments {
    #[command(flatten)]
    fuzz: Fuzz,
}

fn main() -> ExitCode {
    let Arguments { fuzz } = Arguments::parse();
    let result = match (&fuzz.replay, std::env::var_os(SCRATCH)) {
        (Some(file), _) => aside(&fuzz, |fuzz| replay(fuzz, file)),
        (None, Some(scratch)) => aside(&fuzz, |fuzz| work(fuzz, Path::new(&scratch))),
        (None, None) => supervise(&fuzz),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs on a thread with as much stack as those have that call plugins in the operator.
fn aside(fuzz: &Fuzz, run: impl FnOnce(&Fuzz) -> Result<ExitCode> + Send) -> Result<ExitCode> {
    thread::scope(|scope| {
        scope
            .spawn(|| run(fuzz))
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn targets(fuzz: &Fuzz) -> Result<Vec<Box<dyn Target>>> {
    let mut targets = all(TIMEOUT)?;
    let names: Vec<_> = targets.iter().map(|target| target.name()).collect();
    if let Some(name) = &fuzz.target {
        targets.retain(|target| target.name() == name);
        if targets.is_empty() {
            bail!(
                "there is no target {name:?}; there are {}",
                names.join(", ")
            );
        }
    }
    Ok(targets)
}

/// Has each target worked on in a process of its own: what ends that, such as an exhausted stack,
/// is found out too.
fn supervise(fuzz: &Fuzz) -> Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let seed = fuzz.seed.unwrap_or_else(now);
    let mut failed = false;
    for target in targets(fuzz)? {
        let scratch = folder.path().join(target.name());
        let mut worker = Command::new(std::env::current_exe()?);
        worker
            .env(SCRATCH, &scratch)
            .args(["--target", target.name()])
            .args(["--seed", &seed.to_string()])
            .args(["--seconds", &fuzz.seconds.as_secs_f64().to_string()]);
        if fuzz.collect {
            worker.arg("--collect");
        }
        let status = worker.status().context("a process cannot be started")?;
        failed |= !status.success();
        // Without a code it was ended from outside, and could keep nothing.
        if status.code().is_none() {
            let input = fs::read(&scratch).unwrap_or_default();
            let file = Corpus::here(target.name()).keep_failed(&input)?;
            println!("{}: the process has ended ({status})", target.name());
            tell_replay(target.name(), &file);
        }
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Works on the one target that is named.
fn work(fuzz: &Fuzz, scratch: &Path) -> Result<ExitCode> {
    let seed = fuzz.seed.unwrap_or_default();
    for target in targets(fuzz)? {
        let corpus = Corpus::here(target.name());
        let watch = Watch::over(corpus.clone());
        let kept = corpus.read()?.into_iter().map(|kept| kept.input).collect();
        let until = Until::Passed(fuzz.seconds);
        let begun = Instant::now();
        let result = campaign(&*target, seed, until, kept, |input| {
            watch.begin(input);
            // Where there is no place for it, a crash is still told, without its input.
            let _ = fs::write(scratch, input);
        });
        match result {
            Ok(tally) => {
                tell(target.name(), seed, begun.elapsed(), &tally);
                if fuzz.collect {
                    let inputs = tally.smallest.iter();
                    let inputs = inputs.map(|(name, input)| (name.as_str(), input.as_slice()));
                    println!("  {} inputs are new in the corpus", corpus.keep(inputs)?);
                }
            }
            Err(failed) => {
                let file = corpus.keep_failed(&failed.input)?;
                println!("{}: {failed}", target.name());
                tell_replay(target.name(), &file);
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn replay(fuzz: &Fuzz, file: &PathBuf) -> Result<ExitCode> {
    let input = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    for target in targets(fuzz)? {
        match feed(&*target, &input) {
            Ok(outcome) => println!("{}: {}", target.name(), outcome.name()),
            Err(problem) => {
                println!("{}: {problem}", target.name());
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(target: &str, seed: u64, elapsed: Duration, tally: &Tally) {
    let Tally {
        tried, outcomes, ..
    } = tally;
    println!(
        "{target}: {tried} inputs in {:.0} s (seed {seed}), {} accepted, no failure",
        elapsed.as_secs_f64(),
        tally.accepted(),
    );
    let mut outcomes: Vec<_> = outcomes.iter().collect();
    outcomes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (outcome, count) in outcomes {
        println!("  {count:>9}  {outcome}");
    }
}

fn tell_replay(target: &str, file: &Path) {
    println!(
        "  the input is kept in {0}; replay it with\n  \
         cargo xtask fuzz --target {target} --replay {0}",
        file.display()
    );
}

/// A seed that is another one each time.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
