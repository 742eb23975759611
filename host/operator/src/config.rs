//! Configuration: flags, each with an environment variable, each with a default that works.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use arcane_plugins::{CompileChild, HostSettings};
use clap::{Parser, ValueEnum};

use crate::shards;

/// A Kubernetes operator for streaming jobs.
///
/// Connects with the in-cluster service account, or with KUBECONFIG or ~/.kube/config.
#[derive(Clone, Debug, Parser)]
#[command(name = "arcane-host", version)]
pub struct Config {
    /// Port of the probes /startup, /health and /health/ready.
    #[arg(long, env = "ARCANE_HOST__PROBES_PORT", default_value_t = 8888)]
    pub probes_port: u16,

    /// Port of the Prometheus metrics, at /metrics.
    #[arg(long, env = "ARCANE_HOST__METRICS_PORT", default_value_t = 9090)]
    pub metrics_port: u16,

    /// What to log: error, warn, info, debug or trace, or a tracing filter such as
    /// "info,arcane_host=debug".
    #[arg(long, env = "ARCANE_HOST__LOG_LEVEL", default_value = "info")]
    pub log_level: String,

    /// How to log: auto is text on a terminal and json elsewhere.
    #[arg(long, env = "ARCANE_HOST__LOG_FORMAT", default_value = "auto")]
    pub log_format: LogFormat,

    /// Name of this cluster, a label on every metric. Empty: no label.
    #[arg(long, env = "ARCANE_HOST__CLUSTER_NAME", default_value = "")]
    pub cluster_name: String,

    /// Name of this replica in the Lease and in events; the pod's name in a cluster.
    #[arg(long, env = "POD_NAME", default_value_t = default_identity())]
    pub identity: String,

    /// Namespace of the Lease; the pod's own in a cluster, else the kubeconfig's default.
    #[arg(long, env = "ARCANE_HOST__LEASE_NAMESPACE")]
    pub lease_namespace: Option<String>,

    /// Name of the Lease; with several shards, of the first one's. Operators that share one are
    /// replicas of each other.
    #[arg(
        long,
        env = "ARCANE_HOST__LEASE_NAME",
        default_value = "arcane-host-leader"
    )]
    pub lease_name: String,

    /// Shards that streams are split into, for as many replicas to work at the same time. Each shard
    /// has a Lease; 1 is a single leader. Replicas that are told of different numbers wait for each
    /// other.
    #[arg(long, env = "ARCANE_HOST__SHARDS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(shards::MAXIMUM)))]
    pub shards: u16,

    /// Seconds after which others may take a Lease that is not renewed.
    #[arg(long, env = "ARCANE_HOST__LEASE_DURATION_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub lease_duration_seconds: u32,

    /// Seconds after which the leader gives up renewing and exits. Less than the lease duration.
    #[arg(long, env = "ARCANE_HOST__LEASE_RENEW_DEADLINE_SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub lease_renew_deadline_seconds: u32,

    /// Seconds between two attempts to take or renew the Lease. Less than the renew deadline.
    #[arg(long, env = "ARCANE_HOST__LEASE_RETRY_PERIOD_SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub lease_retry_period_seconds: u32,

    /// Threads for the operator's own work; plugins are called on others. One works on hundreds of
    /// streams in a second. More have to wake each other for every small step, which costs processor
    /// time; they are quicker where tens of thousands of streams are read at the start.
    #[arg(long, env = "ARCANE_HOST__THREADS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,

    /// Streams of one class that are worked on at the same time.
    #[arg(long, env = "ARCANE_HOST__CONCURRENCY_PER_CLASS", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency_per_class: u16,

    /// Streams of all classes that are worked on at the same time.
    #[arg(long, env = "ARCANE_HOST__CONCURRENCY_TOTAL", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency_total: u16,

    /// Writes of all kinds in a second at most, in the order in which they come up; events count,
    /// renewals of the Lease do not. 0: as many as the streams that are worked on make.
    #[arg(long, env = "ARCANE_HOST__WRITES_PER_SECOND", default_value_t = 0)]
    pub writes_per_second: u32,

    /// Seconds that a finished Job is kept at least, where its template asks for less, so that its
    /// outcome is seen; the operator deletes it as soon as the outcome is recorded. 0: leave the
    /// template's value alone.
    #[arg(
        long,
        env = "ARCANE_HOST__MINIMUM_JOB_TTL_SECONDS",
        default_value_t = 3600
    )]
    pub minimum_job_ttl_seconds: u32,

    /// Seconds that the work on one stream may take.
    #[arg(long, env = "ARCANE_HOST__RECONCILE_TIMEOUT_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub reconcile_timeout_seconds: u32,

    /// Seconds that one call of the API server may take.
    #[arg(long, env = "ARCANE_HOST__API_TIMEOUT_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub api_timeout_seconds: u32,

    /// Seconds before the first retry of a stream that failed; doubled each time, with jitter.
    #[arg(long, env = "ARCANE_HOST__BACKOFF_INITIAL_SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub backoff_initial_seconds: u32,

    /// Directory in which compiled plugins are kept, so that a restart compiles none again; made
    /// if need be, for this user alone. Without it nothing is kept.
    #[arg(long, env = "ARCANE_HOST__PLUGIN_CACHE_DIR")]
    pub plugin_cache_dir: Option<PathBuf>,

    /// Mebibytes that a plugin's component may have, decompressed.
    #[arg(long, env = "ARCANE_HOST__PLUGIN_MAXIMUM_MEBIBYTES", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub plugin_maximum_mebibytes: u32,

    /// Mebibytes of memory that compiling a large plugin may take, in a process of its own: with the
    /// operator's own they have to fit in its container's limit.
    #[arg(long, env = "ARCANE_HOST__PLUGIN_COMPILE_MEBIBYTES", default_value_t = 400, value_parser = clap::value_parser!(u32).range(64..=16384))]
    pub plugin_compile_mebibytes: u32,

    /// Calls of plugins that are made at the same time; one plugin may take up a quarter of them.
    /// 0: twice as many as there are processors, but from 8 to 64.
    #[arg(
        long,
        env = "ARCANE_HOST__PLUGIN_CONCURRENT_CALLS",
        default_value_t = 0
    )]
    pub plugin_concurrent_calls: u16,

    /// Seconds between retries at most.
    #[arg(long, env = "ARCANE_HOST__BACKOFF_MAXIMUM_SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=86400))]
    pub backoff_maximum_seconds: u32,
}

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// What clap cannot check: values that must fit each other.
    pub fn validate(&self) -> anyhow::Result<()> {
        let (duration, deadline, retry) = (
            self.lease_duration_seconds,
            self.lease_renew_deadline_seconds,
            self.lease_retry_period_seconds,
        );
        anyhow::ensure!(
            retry < deadline && deadline < duration,
            "the lease's times must grow: --lease-retry-period-seconds ({retry}) < \
             --lease-renew-deadline-seconds ({deadline}) < --lease-duration-seconds ({duration})"
        );
        anyhow::ensure!(
            self.backoff_initial_seconds <= self.backoff_maximum_seconds,
            "--backoff-initial-seconds ({}) must not exceed --backoff-maximum-seconds ({})",
            self.backoff_initial_seconds,
            self.backoff_maximum_seconds
        );
        Ok(())
    }

    /// How plugins are run.
    pub fn plugins(&self) -> anyhow::Result<HostSettings> {
        let defaults = HostSettings::default();
        let concurrent_calls = match self.plugin_concurrent_calls {
            0 => defaults.concurrent_calls,
            calls => calls.into(),
        };
        let compiler =
            CompileChild::this_program().context("failed to find this program's own path")?;
        Ok(HostSettings {
            cache_dir: self.plugin_cache_dir.clone(),
            compile_child: Some(CompileChild {
                memory_limit: u64::from(self.plugin_compile_mebibytes) << 20,
                ..compiler
            }),
            maximum_component_bytes: usize::try_from(self.plugin_maximum_mebibytes)? << 20,
            concurrent_calls,
            concurrent_calls_per_plugin: (concurrent_calls / 4).max(1),
            ..defaults
        })
    }

    /// Time that one call of the API server may take.
    pub fn api_timeout(&self) -> Duration {
        seconds(self.api_timeout_seconds)
    }

    /// Time that the work on one stream may take.
    pub fn reconcile_timeout(&self) -> Duration {
        seconds(self.reconcile_timeout_seconds)
    }
}

/// A number of seconds as a duration.
pub fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

/// Unique enough where no pod name is given: host and process.
fn default_identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() { "arcane-host" } else { host };
    format!("{host}-{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Config {
        Config::parse_from([&["arcane-host"], args].concat())
    }

    #[test]
    fn the_defaults_fit_each_other() {
        parse(&[]).validate().unwrap();
    }

    #[test]
    fn a_renew_deadline_beyond_the_lease_is_refused_by_name() {
        let error = parse(&["--lease-renew-deadline-seconds", "15"])
            .validate()
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("--lease-renew-deadline-seconds (15)"),
            "{error}"
        );
    }

    #[test]
    fn an_initial_backoff_beyond_the_maximum_is_refused_by_name() {
        let error = parse(&["--backoff-initial-seconds", "301"])
            .validate()
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("--backoff-initial-seconds (301)"),
            "{error}"
        );
    }
}
