//! Nothing outlives the process that holds a cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use arcane_cluster::{Cluster, eventually};

use crate::support::SOON;

/// Where the holder writes the directory of its cluster.
const HOLDER_WRITES: &str = "HOLDER_WRITES";

#[tokio::test]
async fn programs_and_directory_are_gone_after_sigkill_of_the_holder() -> Result<()> {
    let told = tempfile::NamedTempFile::new()?;
    let mut holder = Command::new(std::env::current_exe()?)
        .args([
            "--exact",
            "lifetime::holds_a_cluster_until_it_is_killed",
            "--ignored",
        ])
        .env(HOLDER_WRITES, told.path())
        .stdout(Stdio::null())
        .spawn()?;
    let dir = eventually("the holder's cluster", SOON, async || {
        let text = fs::read_to_string(told.path())?;
        let line = text.strip_suffix('\n').context("nothing told yet")?;
        Ok(PathBuf::from(line))
    })
    .await;
    let running = programs_under(&dir)?;
    for program in [
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kwok",
    ] {
        ensure!(
            running.iter().any(|line| line.contains(program)),
            "{program} does not run: {running:?}"
        );
    }
    holder.kill()?;
    holder.wait()?;
    gone(&dir).await;
    Ok(())
}

#[tokio::test]
async fn programs_and_directory_are_gone_when_the_cluster_is_dropped() -> Result<()> {
    let cluster = Cluster::start().await?;
    let dir = cluster.dir().to_owned();
    assert!(programs_under(&dir)?.len() >= 5);
    drop(cluster);
    assert_eq!(programs_under(&dir)?, Vec::<String>::new());
    assert!(!dir.exists());
    Ok(())
}

async fn gone(dir: &Path) {
    eventually("all programs to end", SOON, async || {
        let running = programs_under(dir)?;
        ensure!(running.is_empty(), "still running: {running:?}");
        ensure!(!dir.exists(), "{} still exists", dir.display());
        Ok(())
    })
    .await;
}

/// Command lines of the processes that have something to do with the directory.
fn programs_under(dir: &Path) -> Result<Vec<String>> {
    let dir = dir.to_string_lossy();
    let mut found = Vec::new();
    for process in fs::read_dir("/proc")? {
        // A process can end between being listed and being read.
        let line = fs::read(process?.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(dir.as_ref()) {
            found.push(line);
        }
    }
    Ok(found)
}

#[tokio::test]
#[ignore = "a helper of another test, which kills it"]
async fn holds_a_cluster_until_it_is_killed() -> Result<()> {
    let Some(file) = std::env::var_os(HOLDER_WRITES) else {
        return Ok(());
    };
    let cluster = Cluster::start().await?;
    fs::write(file, format!("{}\n", cluster.dir().display()))?;
    std::future::pending().await
}
