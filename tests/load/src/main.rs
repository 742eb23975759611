//! Measures the operator against a bare client: what `cargo xtask bench` runs.

use clap::Parser;
use xtask::cli;

/// Measure the operator.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Arguments {
    #[command(subcommand)]
    bench: cli::Bench,
}

fn main() {
    let Arguments { bench } = Arguments::parse();
    eprintln!("{bench:?}");
}
