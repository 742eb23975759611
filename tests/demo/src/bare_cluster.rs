//! A control plane with nothing in it.

use std::process::ExitCode;

use anyhow::Result;
use arcane_cluster::Cluster;
use tokio::signal::ctrl_c;

/// Starts one, tells how to reach it, and keeps it until Ctrl-C.
pub async fn keep() -> Result<ExitCode> {
    let cluster = tokio::select! {
        cluster = Cluster::start() => cluster?,
        _ = ctrl_c() => return Ok(ExitCode::FAILURE),
    };
    println!(
        "export KUBECONFIG={}\nexport PATH={}:$PATH\n# Ctrl-C ends it; logs are in {}/logs",
        cluster.kubeconfig().display(),
        cluster.bin_dir().display(),
        cluster.dir().display()
    );
    ctrl_c().await?;
    Ok(ExitCode::SUCCESS)
}

/// Starts one, which builds what is missing, and ends it.
pub async fn prepare() -> Result<ExitCode> {
    Cluster::start().await?;
    Ok(ExitCode::SUCCESS)
}
