//! Helm against the cluster, apart from the user's own.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::home::Home;

pub(crate) async fn run(home: &Home, arguments: &[&str]) -> Result<String> {
    let output = Command::new(home.program("helm"))
        .args(arguments)
        .env("KUBECONFIG", home.kubeconfig("admin"))
        .env("HELM_CACHE_HOME", home.helm().join("cache"))
        .env("HELM_CONFIG_HOME", home.helm().join("config"))
        .env("HELM_DATA_HOME", home.helm().join("data"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("failed to start helm")?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!(
            "helm {} failed ({}):\n{errors}{printed}",
            arguments.join(" "),
            output.status
        );
    }
    Ok(printed)
}
