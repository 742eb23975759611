//! Arcane Host: a Kubernetes operator for streaming jobs.

mod budget;
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
mod plugins;
mod replica;
mod retry;
mod run;
mod shards;
mod stream;
mod time;
mod writer;

use std::{panic::resume_unwind, process::ExitCode};

use clap::Parser;
use tikv_jemallocator::Jemalloc;
use tokio::runtime;

/// Most of what the operator asks for is small and soon given back: texts and trees of JSON. This one
/// is quicker at that than glibc's, far quicker than the musl's of the container image, and keeps
/// less. `.cargo/config.toml` tells how soon it gives memory back.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    // Comes first: large components are compiled by this very program, in a process of their own.
    arcane_plugins::compile_child_main();
    operate()
}

fn operate() -> ExitCode {
    let config = config::Config::parse();
    if let Err(error) = config.validate().and_then(|()| logging::init(&config)) {
        eprintln!("arcane-host: {error:#}");
        return ExitCode::from(2);
    }
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(config.threads.into())
        .enable_all()
        .build();
    let ran = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(on_worker(run::run(config, run::signal()))));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Has a worker do the work, as it does all else: between this thread and the workers each step would
/// be handed over.
async fn on_worker<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let ended = tokio::spawn(work).await;
    ended.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}
