//! Measures the operator against a bare client, and plugins in their host: what `cargo xtask bench`
//! runs.

mod bare;
mod figures;
mod lifecycle;
mod machine;
mod measure;
mod phases;
mod plugins;
mod report;
mod restart;
mod streams;
mod thresholds;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use xtask::cli::Bench;
use xtask::terminal::Paint;

use report::Report;
use thresholds::Thresholds;

/// Measure the operator.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match plugins::cold::asked() {
        Some(order) => order.and_then(|order| plugins::cold::run(&order)),
        None => {
            let Arguments { bench } = Arguments::parse();
            run(bench).await
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

async fn run(bench: Bench) -> Result<ExitCode> {
    match bench {
        Bench::Lifecycle(options) => {
            let thresholds = Thresholds::of_lifecycle()?;
            let figures = lifecycle::run(&options).await?;
            let report = Report::new(lifecycle::subject(&options), figures, thresholds)?;
            tell(&report, options.check, options.json.as_deref())
        }
        Bench::Plugins(options) => {
            let thresholds = Thresholds::of_plugins()?;
            let figures = tokio::task::block_in_place(|| plugins::run(&options))?;
            let report = Report::new(plugins::subject(&options), figures, thresholds)?;
            tell(&report, options.check, options.json.as_deref())
        }
    }
}

fn tell(report: &Report, check: bool, json: Option<&Path>) -> Result<ExitCode> {
    print!("{}", report.text(Paint::stdout()));
    if let Some(file) = json {
        report.write_json(file)?;
    }
    let missed = check && report.missed() > 0;
    Ok(if missed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
