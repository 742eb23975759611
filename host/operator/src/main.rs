//! Arcane Host: a Kubernetes operator for streaming jobs.

mod cache;
mod classes;
mod config;
mod events;
mod faults;
mod health;
mod http_server;
mod lease;
mod logging;
mod metrics;
mod run;
mod stream;
mod writer;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let config = config::Config::parse();
    if let Err(error) = config.validate().and_then(|()| logging::init(&config)) {
        eprintln!("arcane-host: {error:#}");
        return ExitCode::from(2);
    }
    match run::run(config, run::signal()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
