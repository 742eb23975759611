//! The operator as a process of the harness.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use crate::cluster::Cluster;
use crate::local_http::{self, Answer};
use crate::process::Program;
use crate::wait::within;

/// Names the operator's binary, where it is not beside the test's own.
const BINARY: &str = "ARCANE_HOST_BINARY";
/// Linux tells processor time in hundredths of a second, on every architecture.
const TICKS_PER_SECOND: u64 = 100;
/// Numbers the log files of this process's operators.
static STARTED: AtomicUsize = AtomicUsize::new(0);

/// How an operator is started; see [`Operator::builder`].
#[derive(Debug)]
#[must_use]
pub struct OperatorBuilder<'a> {
    cluster: &'a Cluster,
    binary: Option<PathBuf>,
    service_account: Option<(String, String)>,
    kubeconfig: Option<PathBuf>,
    environment: Vec<(OsString, OsString)>,
    arguments: Vec<OsString>,
}

impl OperatorBuilder<'_> {
    /// The program to run. Default: what `ARCANE_HOST_BINARY` names, else `arcane-host` in the
    /// target directory that this test's binary is in.
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = Some(path.into());
        self
    }

    /// Speaks as this service account, with the rights that it has; its namespace becomes the
    /// lease's. Default: every right.
    pub fn service_account(mut self, namespace: &str, name: &str) -> Self {
        self.service_account = Some((namespace.to_owned(), name.to_owned()));
        self
    }

    /// Uses this kubeconfig as it is, for example one that leads through a proxy.
    pub fn kubeconfig(mut self, path: impl Into<PathBuf>) -> Self {
        self.kubeconfig = Some(path.into());
        self
    }

    /// Sets an environment variable; the last one of a name wins, over the harness's own too.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Adds a command-line argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Starts the process and returns at once; see [`Operator::wait_ready`].
    ///
    /// # Errors
    /// When the binary or the service account does not exist.
    pub async fn start(self) -> Result<Operator> {
        let binary = match self.binary {
            Some(binary) => binary,
            None => default_binary()?,
        };
        if !binary.is_file() {
            bail!(
                "no operator at {}: build it first (cargo build -p arcane-host), or set {BINARY}",
                binary.display()
            );
        }
        let kubeconfig = match (self.kubeconfig, &self.service_account) {
            (Some(kubeconfig), _) => kubeconfig,
            (None, Some((namespace, name))) => {
                self.cluster
                    .kubeconfig_for_service_account(namespace, name)
                    .await?
            }
            (None, None) => self.cluster.kubeconfig(),
        };
        let (probes, metrics) = (crate::free_port()?, crate::free_port()?);
        let mut command = Command::new(&binary);
        command
            .env("KUBECONFIG", kubeconfig)
            .env("TMPDIR", self.cluster.home().temporary())
            .env("ARCANE_HOST__PROBES_PORT", probes.to_string())
            .env("ARCANE_HOST__METRICS_PORT", metrics.to_string())
            .args(self.arguments);
        if let Some((namespace, _)) = &self.service_account {
            command.env("ARCANE_HOST__LEASE_NAMESPACE", namespace);
        }
        command.envs(self.environment);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let log = self
            .cluster
            .home()
            .log(&format!("operator-{}-{number}", std::process::id()));
        let program = Program::spawn("the operator", &command, &log)?;
        Ok(Operator {
            program,
            probes,
            metrics,
        })
    }
}

/// A running operator. Dropping it kills it; when the thread is panicking then, the end of its log
/// is printed.
#[derive(Debug)]
pub struct Operator {
    program: Program,
    probes: u16,
    metrics: u16,
}

/// How an operator ended.
#[derive(Debug, Clone, Copy)]
pub struct Stopped {
    /// Time from the signal to the end of the process.
    pub took: Duration,
    /// Its exit status.
    pub status: ExitStatus,
}

/// What the operator's process uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory in bytes.
    pub resident: u64,
    /// The most that it has been since the start.
    pub peak_resident: u64,
    /// Processor time used since the start, user and system.
    pub cpu: Duration,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors.
    pub open_files: usize,
}

impl Operator {
    /// Describes an operator to start on `cluster`.
    pub fn builder(cluster: &Cluster) -> OperatorBuilder<'_> {
        OperatorBuilder {
            cluster,
            binary: None,
            service_account: None,
            kubeconfig: None,
            environment: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.program.id()
    }

    /// Waits until `/health/ready` answers 200.
    ///
    /// # Errors
    /// With the last answer and the end of the log, when it does not in time or the process ends.
    pub async fn wait_ready(&mut self, timeout: Duration) -> Result<()> {
        let probes = self.probes;
        let program = &mut self.program;
        let looked = within(timeout, async || {
            if program.check().is_err() {
                return Ok(());
            }
            let answer = local_http::get(probes, "/health/ready").await?;
            if answer.status == 200 {
                Ok(())
            } else {
                bail!("/health/ready says {answer:?}")
            }
        });
        let looked = looked.await;
        self.program.check()?;
        looked.with_context(|| {
            format!(
                "the operator is not ready after {timeout:?}; its log ends:\n{}",
                self.log_tail()
            )
        })
    }

    /// Asks a probe, for example `/health/ready`.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn probe(&self, path: &str) -> Result<Answer> {
        local_http::get(self.probes, path).await
    }

    /// The metrics, in Prometheus' text format.
    ///
    /// # Errors
    /// When nobody answers with 200.
    pub async fn metrics(&self) -> Result<String> {
        match local_http::get(self.metrics, "/metrics").await? {
            Answer { status: 200, body } => Ok(body),
            answer => bail!("/metrics says {answer:?}"),
        }
    }

    /// The exit status, when the process has ended by itself.
    ///
    /// # Errors
    /// When the process cannot be asked.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        self.program.exited()
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Errors
    /// When it still runs after `timeout`.
    pub async fn wait_exit(&mut self, timeout: Duration) -> Result<ExitStatus> {
        within(timeout, async || {
            self.program.exited()?.context("the operator still runs")
        })
        .await
    }

    /// SIGKILL: a crash.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub fn kill(mut self) -> Result<ExitStatus> {
        self.program.kill()
    }

    /// SIGTERM, as a pod's deletion sends, and waits for the end.
    ///
    /// # Errors
    /// When it still runs after `timeout`: it is killed then.
    pub async fn stop(mut self, timeout: Duration) -> Result<Stopped> {
        let asked = Instant::now();
        self.program.signal(Signal::SIGTERM)?;
        let status = self.wait_exit(timeout).await.with_context(|| {
            format!(
                "the operator does not stop within {timeout:?}; its log ends:\n{}",
                self.log_tail()
            )
        })?;
        Ok(Stopped {
            took: asked.elapsed(),
            status,
        })
    }

    /// SIGSTOP: a process that hangs.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn pause(&mut self) -> Result<()> {
        self.program.signal(Signal::SIGSTOP)
    }

    /// SIGCONT: the end of [`pause`](Self::pause).
    ///
    /// # Errors
    /// When the process has ended.
    pub fn resume(&mut self) -> Result<()> {
        self.program.signal(Signal::SIGCONT)
    }

    /// What the process uses now.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn usage(&self) -> Result<Usage> {
        let proc = PathBuf::from(format!("/proc/{}", self.id()));
        let read =
            |file: &str| std::fs::read_to_string(proc.join(file)).context("the operator has ended");
        let open_files = std::fs::read_dir(proc.join("fd"))
            .context("the operator has ended")?
            .count();
        usage(&read("status")?, &read("stat")?, open_files)
            .context("/proc tells no usage: the operator has ended")
    }

    /// Adds to what went wrong how the operator fared: whether it still runs, and the end of its log.
    ///
    /// # Errors
    /// Those of `result`.
    pub fn testify<T>(&mut self, result: Result<T>) -> Result<T> {
        result.with_context(|| {
            let state = match self.exited() {
                Ok(None) => "runs".to_owned(),
                Ok(Some(status)) => format!("has ended with {status}"),
                Err(error) => format!("cannot be asked ({error:#})"),
            };
            format!("the operator {state}; its log ends:\n{}", self.log_tail())
        })
    }

    /// The file with everything that the operator printed.
    #[must_use]
    pub fn log(&self) -> &Path {
        self.program.log()
    }

    /// The end of that file.
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.program.log_tail()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the operator's log ends:\n{}", self.log_tail());
        }
    }
}

/// Test binaries are in `target/debug/deps`, other binaries in `target/debug`.
fn default_binary() -> Result<PathBuf> {
    if let Some(binary) = std::env::var_os(BINARY) {
        return Ok(binary.into());
    }
    let this = std::env::current_exe()?;
    let dir = this.parent().context("this program is in no directory")?;
    let dir = if dir.ends_with("deps") {
        dir.parent().unwrap_or(dir)
    } else {
        dir
    };
    Ok(dir.join("arcane-host"))
}

/// Reads `/proc/<pid>/status` and `/proc/<pid>/stat`.
fn usage(status: &str, stat: &str, open_files: usize) -> Option<Usage> {
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    // The second field is the program's name in parentheses, which may hold anything.
    let after_name = stat.rsplit_once(") ")?.1;
    let ticks: Vec<u64> = after_name
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse().ok())
        .collect();
    let &[user, system] = ticks.as_slice() else {
        return None;
    };
    Some(Usage {
        resident: field("VmRSS:")? * 1024,
        peak_resident: field("VmHWM:")? * 1024,
        cpu: Duration::from_millis((user + system) * 1000 / TICKS_PER_SECOND),
        threads: field("Threads:")?,
        open_files,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_whatever_the_program_is_called() {
        let status = "Name:\todd) name\nVmHWM:\t   3072 kB\nVmRSS:\t   2048 kB\nThreads:\t7\n";
        let stat = "42 (odd) name) S 1 42 42 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 7 0 1 2 3";
        let expected = Usage {
            resident: 2 << 20,
            peak_resident: 3 << 20,
            cpu: Duration::from_secs(2),
            threads: 7,
            open_files: 3,
        };
        assert_eq!(usage(status, stat, 3), Some(expected));
    }

    #[test]
    fn a_process_that_has_ended_has_no_usage() {
        assert_eq!(
            usage(
                "Name:\tgone\nState:\tZ (zombie)\n",
                "42 (gone) Z 1 42 42 0 -1 0 1 2 3 4 1 1 0",
                0
            ),
            None
        );
    }
}
