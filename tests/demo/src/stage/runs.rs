//! What becomes of the streams' pods, in the place of their programs.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use arcane_cluster::Pods;
use tokio::process::Command;

use super::NAMESPACE;

/// Acts on the running pods of a stream.
pub enum Runs {
    /// Simulated pods follow their annotations.
    Simulated(Pods),
    /// Real pods get signals, which the demo's script understands.
    Real {
        /// To find running pods.
        pods: Pods,
        /// The user's kubeconfig, narrowed to the context.
        kubeconfig: PathBuf,
    },
}

impl Runs {
    /// The stream's program ends by itself, with success.
    pub async fn succeed(&self, stream: &str) -> Result<()> {
        match self {
            Self::Simulated(pods) => pods.succeed(NAMESPACE, stream).await,
            Self::Real { pods, kubeconfig } => {
                execute(pods, kubeconfig, stream, "kill -USR1 1").await
            }
        }
    }

    /// The stream's program fails with this exit code, 3 or 137, and says why.
    pub async fn fail(&self, stream: &str, code: u8, message: &str) -> Result<()> {
        match self {
            Self::Simulated(pods) => pods.fail(NAMESPACE, stream, code, message).await,
            Self::Real { pods, kubeconfig } => {
                let signal = if code == 137 { "HUP" } else { "USR2" };
                let script =
                    format!("printf %s '{message}' > /dev/termination-log; kill -{signal} 1");
                execute(pods, kubeconfig, stream, &script).await
            }
        }
    }
}

/// Runs a shell script in every running pod of a stream.
async fn execute(pods: &Pods, kubeconfig: &Path, stream: &str, script: &str) -> Result<()> {
    for pod in pods.wait_running(NAMESPACE, stream).await? {
        let name = pod.metadata.name.context("a pod without a name")?;
        let output = Command::new("kubectl")
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(["-n", NAMESPACE, "exec", &name, "--"])
            .args(["/bin/sh", "-c", script])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("failed to start kubectl, which a demo in your own cluster needs")?;
        ensure!(
            output.status.success(),
            "kubectl exec failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
