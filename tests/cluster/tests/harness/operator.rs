//! The operator's process, played by a shell script: what the harness gives it and sees of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow};
use arcane_cluster::{Operator, eventually};
use tempfile::TempDir;

use crate::support::{Place, SOON};

fn script(dir: &Path, text: &str) -> Result<PathBuf> {
    let path = dir.join("operator.sh");
    fs::write(&path, format!("#!/bin/sh\n{text}\n"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// An operator with nothing but its script, and where that is.
async fn play(place: &Place, text: &str) -> Result<(TempDir, Operator)> {
    let dir = tempfile::tempdir()?;
    let operator = Operator::builder(place.cluster).binary(script(dir.path(), text)?);
    Ok((dir, operator.start().await?))
}

#[tokio::test]
async fn environment_and_arguments_reach_the_operator() -> Result<()> {
    let place = Place::new("operator").await?;
    let dir = tempfile::tempdir()?;
    let text = r#"echo "$ARCANE_HOST__LEASE_NAMESPACE $KUBECONFIG $EXTRA $1"
[ "$ARCANE_HOST__PROBES_PORT" != "$ARCANE_HOST__METRICS_PORT" ]"#;
    let mut operator = Operator::builder(place.cluster)
        .binary(script(dir.path(), text)?)
        .service_account(&place.namespace, "default")
        .env("EXTRA", "more")
        .arg("--flag")
        .start()
        .await?;
    assert!(operator.wait_exit(SOON).await?.success());
    let kubeconfig = place
        .cluster
        .dir()
        .join(format!("kubeconfigs/{}.default", place.namespace));
    let expected = format!(
        "{0} {1} more --flag\n",
        place.namespace,
        kubeconfig.display()
    );
    assert_eq!(operator.log_tail(), expected);
    Ok(())
}

#[tokio::test]
async fn what_goes_wrong_is_told_with_how_the_operator_fared() -> Result<()> {
    let place = Place::new("operator").await?;
    let (_script, mut operator) = play(&place, "echo lost the lease; exit 3").await?;
    operator.wait_exit(SOON).await?;
    assert_eq!(operator.testify(Ok(7))?, 7);
    let error = operator.testify::<()>(Err(anyhow!("no stream has changed")));
    let error = format!("{:#}", error.expect_err("it went wrong"));
    for words in ["exit status: 3", "lost the lease", "no stream has changed"] {
        assert!(error.contains(words), "{words}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_killed_operator_leaves_behind_is_in_the_clusters_directory() -> Result<()> {
    let place = Place::new("operator").await?;
    let (_script, mut operator) = play(&place, "mktemp").await?;
    assert!(operator.wait_exit(SOON).await?.success());
    let left = operator.log_tail();
    let left = Path::new(left.trim());
    assert!(left.is_file(), "{}", left.display());
    assert!(left.starts_with(place.cluster.dir()), "{}", left.display());
    Ok(())
}

#[tokio::test]
async fn stopping_tells_how_long_it_took_and_how_it_ended() -> Result<()> {
    let place = Place::new("operator").await?;
    let text = "trap 'kill $!; exit 9' TERM; echo up; sleep 60 & wait";
    let (_script, operator) = play(&place, text).await?;
    logged(&operator, "up").await;
    let stopped = operator.stop(SOON).await?;
    assert_eq!(stopped.status.code(), Some(9));
    assert!(stopped.took < SOON);
    Ok(())
}

#[tokio::test]
async fn an_operator_that_does_not_stop_in_time_is_killed_with_its_children() -> Result<()> {
    let place = Place::new("operator").await?;
    let (_script, operator) =
        play(&place, "trap '' TERM; echo deaf; sleep 61 & wait; wait").await?;
    logged(&operator, "deaf").await;
    let id = operator.id();
    let error = operator
        .stop(Duration::from_millis(200))
        .await
        .expect_err("deaf");
    assert!(
        format!("{error:#}").contains("deaf"),
        "the log's end is told: {error:#}"
    );
    assert!(!Path::new(&format!("/proc/{id}")).exists());
    Ok(())
}

#[tokio::test]
async fn a_paused_operator_makes_no_progress_until_it_is_resumed() -> Result<()> {
    let place = Place::new("operator").await?;
    let (_script, mut operator) = play(&place, "while :; do echo tick; sleep 0.02; done").await?;
    logged(&operator, "tick").await;
    operator.pause()?;
    state(&operator, "T (stopped)").await;
    let usage = operator.usage()?;
    assert!(
        usage.resident > 0 && usage.threads == 1 && usage.open_files >= 3,
        "{usage:?}"
    );
    let length = fs::metadata(operator.log())?.len();
    operator.resume()?;
    eventually("the log to grow", SOON, async || {
        let now = fs::metadata(operator.log())?.len();
        anyhow::ensure!(now > length, "{now} bytes");
        Ok(())
    })
    .await;
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&operator.kill()?),
        Some(9)
    );
    Ok(())
}

#[tokio::test]
async fn an_operator_that_ends_at_once_is_not_ready_and_says_why() -> Result<()> {
    let place = Place::new("operator").await?;
    let (_script, mut operator) = play(&place, "echo no configuration; exit 2").await?;
    let error = operator.wait_ready(SOON).await.expect_err("it has ended");
    assert!(error.to_string().contains("no configuration"), "{error}");
    Ok(())
}

async fn logged(operator: &Operator, text: &str) {
    eventually(&format!("{text:?} in the log"), SOON, async || {
        let tail = operator.log_tail();
        anyhow::ensure!(tail.contains(text), "log {tail:?}");
        Ok(())
    })
    .await;
}

async fn state(operator: &Operator, expected: &str) {
    eventually(&format!("the process to be {expected}"), SOON, async || {
        let status = fs::read_to_string(format!("/proc/{}/status", operator.id()))?;
        anyhow::ensure!(status.contains(expected), "{status}");
        Ok(())
    })
    .await;
}
