//! Measures the operator against a bare client, and plugins in their host, and soaks the operator:
//! what `cargo xtask bench` and `cargo xtask soak` run.

mod all;
mod bare;
mod busy;
mod drawing;
mod figures;
mod lifecycle;
mod list;
mod machine;
mod measure;
mod phases;
mod plugins;
mod report;
mod restart;
mod shards;
mod soak;
mod streams;
mod threads;
mod thresholds;
mod times;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use tikv_jemallocator::Jemalloc;
use xtask::cli::{Bench, Benches, Soak};
use xtask::terminal::Paint;

use report::Report;
use thresholds::Thresholds;

/// The operator's: calls of plugins are measured in this program.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Measure the operator, or soak it.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    program: Program,
}

#[derive(Debug, Subcommand)]
enum Program {
    /// Measure the operator, and plugins in their host.
    Bench(Benches),
    /// Change streams without end while things fail.
    Soak(Soak),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match plugins::cold::asked() {
        Some(order) => order.and_then(|order| plugins::cold::run(&order)),
        None => match Arguments::parse().program {
            Program::Bench(Benches { one: None, all }) => all::run(&all).await,
            Program::Bench(Benches {
                one: Some(bench), ..
            }) => run(&bench).await,
            Program::Soak(options) => soak(&options).await,
        },
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one benchmark and tells its figures.
async fn run(bench: &Bench) -> Result<ExitCode> {
    let report = measure(bench).await?;
    let (check, json) = match bench {
        Bench::Lifecycle(options) => (options.check, &options.json),
        Bench::Busy(options) => (options.check, &options.json),
        Bench::Plugins(options) => (options.check, &options.json),
        Bench::Shards(options) => (options.check, &options.json),
    };
    tell(&report, check, json.as_deref())
}

/// Runs one benchmark.
async fn measure(bench: &Bench) -> Result<Report> {
    match bench {
        Bench::Lifecycle(options) => {
            let thresholds = Thresholds::of_lifecycle()?;
            let figures = lifecycle::run(options).await?;
            Report::new(lifecycle::subject(options), figures, thresholds)
        }
        Bench::Busy(options) => {
            let thresholds = Thresholds::of_busy()?;
            let figures = busy::run(options).await?;
            Report::new(busy::subject(options), figures, thresholds)
        }
        Bench::Plugins(options) => {
            let thresholds = Thresholds::of_plugins()?;
            let figures = tokio::task::block_in_place(|| plugins::run(options))?;
            Report::new(plugins::subject(options), figures, thresholds)
        }
        Bench::Shards(options) => {
            let thresholds = Thresholds::of_shards()?;
            let figures = shards::run(options).await?;
            Report::new(shards::subject(options), figures, thresholds)
        }
    }
}

/// Soaks the operator, and fails if a bar is missed.
async fn soak(options: &Soak) -> Result<ExitCode> {
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let figures = soak::run(options, seed).await?;
    let report = Report::new(
        soak::subject(options, seed),
        figures,
        Thresholds::of_soak()?,
    )?;
    tell(&report, true, options.json.as_deref())
}

/// Prints the figures, and writes them to a file if one is named.
fn tell(report: &Report, check: bool, json: Option<&Path>) -> Result<ExitCode> {
    print!("{}", report.text(Paint::stdout()));
    if let Some(file) = json {
        report.write_json(file)?;
    }
    Ok(verdict(check, report.missed()))
}

fn verdict(check: bool, missed: usize) -> ExitCode {
    if check && missed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
