//! Measures the operator against a bare client, and plugins in their host: what `cargo xtask bench`
//! runs.

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
mod streams;
mod thresholds;
mod times;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use mimalloc::MiMalloc;
use xtask::cli::{Bench, Benches};
use xtask::terminal::Paint;

use report::Report;
use thresholds::Thresholds;

/// The operator's: what is measured here is what it does.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Measure the operator, and plugins in their host.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Arguments {
    #[command(flatten)]
    benches: Benches,
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match plugins::cold::asked() {
        Some(order) => order.and_then(|order| plugins::cold::run(&order)),
        None => {
            let Benches { one, all } = Arguments::parse().benches;
            match one {
                Some(bench) => run(&bench).await,
                None => all::run(&all).await,
            }
        }
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
    print!("{}", report.text(Paint::stdout()));
    if let Some(file) = json {
        report.write_json(file)?;
    }
    Ok(verdict(check, report.missed()))
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

fn verdict(check: bool, missed: usize) -> ExitCode {
    if check && missed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
