//! Measures the operator against a bare client: what `cargo xtask bench` runs.

mod bare;
mod figures;
mod lifecycle;
mod machine;
mod measure;
mod phases;
mod report;
mod restart;
mod streams;
mod thresholds;

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
    let Arguments { bench } = Arguments::parse();
    match run(bench).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(bench: Bench) -> Result<ExitCode> {
    let Bench::Lifecycle(options) = bench;
    let thresholds = Thresholds::of_lifecycle()?;
    let figures = lifecycle::run(&options).await?;
    let report = Report::new(options.streams, figures, thresholds)?;
    print!("{}", report.text(Paint::stdout()));
    if let Some(file) = &options.json {
        report.write_json(file)?;
    }
    let missed = options.check && report.missed() > 0;
    Ok(if missed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
