//! Arguments of the commands that run in programs of their own.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

/// `cargo xtask demo`
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// Leave everything running at the end, until Ctrl-C, and tell how to look around.
    #[arg(long)]
    pub keep: bool,

    /// Play in your own cluster, by the name of a context of your kubeconfig. The charts and the
    /// streams go into namespaces that the demo makes and removes; `helm` and `kubectl` are yours.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,

    /// With --context: run the operator in the cluster from this image, not as a process here.
    #[arg(long, value_name = "IMAGE", requires = "context")]
    pub image: Option<String>,

    /// With --context: the image of the streams' pods; all they need is a shell and `sleep`.
    #[arg(
        long,
        value_name = "IMAGE",
        requires = "context",
        default_value = "busybox:1.37"
    )]
    pub stream_image: String,

    /// Seconds to wait between two acts, for those who read along.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    pub pause: Duration,
}

/// `cargo xtask bench`
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Benches {
    /// One of them, with options of its own.
    #[command(subcommand)]
    pub one: Option<Bench>,

    /// How to run all.
    #[command(flatten)]
    pub all: All,
}

impl Benches {
    /// Whether no operator runs.
    #[must_use]
    pub fn without_operator(&self) -> bool {
        matches!(self.one, Some(Bench::Plugins(_)))
    }
}

/// `cargo xtask bench`, without the name of one.
#[derive(Debug, Clone, Args)]
pub struct All {
    /// Streams of the larger run of `lifecycle`; the smaller one has 2,000.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub streams: u32,

    /// Seconds of quiet to watch in the larger run.
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    pub quiet: Duration,

    /// Draw the figures that have bars into this file, as SVG.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,

    /// Fail when a threshold of tests/load/thresholds.yaml is missed.
    #[arg(long)]
    pub check: bool,
}

/// What to measure.
#[derive(Debug, Clone, Subcommand)]
pub enum Bench {
    /// Streams from their creation through a backfill to Running, then quiet, then a restart of
    /// the operator; and the same writes by a bare client, to compare with.
    ///
    /// Either side has a fresh control plane. A stream's spec has 4 kB, its backfill takes 200 ms,
    /// its Jobs' templates ask for a TTL of one second. The bare client knows beforehand how all
    /// goes, and makes only the seven writes for each stream that bring it to Running: the ratio of
    /// the two speeds is what an operator costs. Progress is told on standard error, one table of
    /// figures and bars on standard output. 2,000 streams take about six minutes on two cores; let
    /// nothing else run meanwhile.
    Lifecycle(Lifecycle),

    /// A crowd of streams of one class that appear all at once, and what that costs others: how
    /// long a stream that is suspended meanwhile keeps its Job, how long streams of another class
    /// take to run; then a change of the template that the whole crowd uses, while the operator may
    /// write only so much in a second.
    ///
    /// On a fresh control plane; the streams are those of `bench lifecycle`. Progress is told on
    /// standard error, one table of figures and bars on standard output. 5,000 streams take about
    /// ten minutes on two cores; let nothing else run meanwhile.
    Busy(Busy),

    /// Plugins in their host: calls, loads, memory, and what one that loops costs the others.
    ///
    /// The plugin is the example right-size, built first. A fresh call of it (no answer is
    /// remembered) with a Job of 4 kB and of 64 kB takes turns with the bare call of the same
    /// component in the same engine (the same arguments, but no encoding of the question, no limits
    /// and no guard rails), and with the same change made natively: read the Job, change it, write
    /// it. Then the operator's rendering of a Job with and without the plugin; loads from nothing,
    /// from a warm cache in a new process, and of what is loaded already; memory by the number of
    /// distinct plugins; and the calls of one plugin while another one loops until its timeout.
    /// Times are medians of single calls unless they say otherwise. Progress is told on standard
    /// error, one table of figures and bars on standard output. It takes some two minutes; let
    /// nothing else run meanwhile.
    Plugins(Plugins),

    /// Streams split over replicas: memory, CPU and writes of each with one, two and more at work.
    ///
    /// All on one control plane, with the same streams, whose specs have 4 kB. With each number of
    /// replicas, and as many shards, they are started, looked at in quiet, and given a wave of work:
    /// the spec of every stream is changed, so that its Job is replaced. What counts is the replica
    /// that has most, as a part of what one alone has in the same run. Progress is told on standard
    /// error, one table of figures and bars on standard output. 2,000 streams and three replicas
    /// take about ten minutes on two cores; let nothing else run meanwhile.
    Shards(Shards),
}

/// `cargo xtask bench shards`
#[derive(Debug, Clone, Args)]
pub struct Shards {
    /// Streams to create.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub streams: u32,

    /// Replicas in the end.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(3..=16))]
    pub replicas: u16,

    /// Seconds of quiet to watch with each number of replicas.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub quiet: Duration,

    /// Fail when a threshold of tests/load/thresholds.yaml is missed.
    #[arg(long)]
    pub check: bool,

    /// Write every figure to this file as JSON, with bars and verdicts.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// `cargo xtask bench busy`
#[derive(Debug, Clone, Args)]
pub struct Busy {
    /// Streams of the crowd; enough for the crowd to be there for a minute.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub streams: u32,

    /// Fail when a threshold of tests/load/thresholds.yaml is missed.
    #[arg(long)]
    pub check: bool,

    /// Write every figure to this file as JSON, with bars and verdicts.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// `cargo xtask bench plugins`
#[derive(Debug, Clone, Args)]
pub struct Plugins {
    /// Calls of each kind with a Job of 4 kB; a fifth as many with one of 64 kB.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub calls: u32,

    /// Distinct plugins to have in service, for one class each.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub classes: u32,

    /// Fail when a threshold of tests/load/thresholds.yaml is missed.
    #[arg(long)]
    pub check: bool,

    /// Write every figure to this file as JSON, with bars and verdicts.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// `cargo xtask soak`
#[derive(Debug, Clone, Args)]
pub struct Soak {
    /// How long everything goes on, before it has to come to rest.
    #[arg(long, value_name = "MINUTES", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_080))]
    pub minutes: u32,

    /// Places for streams, half of them of a class with a plugin.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub streams: u32,

    /// Where the changes and faults begin. Another one each time by default; it is told.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,

    /// Write every figure to this file as JSON, with bars and verdicts.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// `cargo xtask fuzz`
#[derive(Debug, Clone, Args)]
pub struct Fuzz {
    /// Seconds for each target.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub seconds: Duration,

    /// Only this target. All by default: component, source, job and answer.
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,

    /// Where inputs begin: the same seed makes the same inputs. Another one each time by default;
    /// it is told.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,

    /// Hand this file to the target, and tell what becomes of it, instead of making inputs.
    #[arg(long, value_name = "FILE", requires = "target")]
    pub replay: Option<PathBuf>,

    /// Keep a small input for each outcome that the corpus has none of yet.
    #[arg(long)]
    pub collect: bool,
}

/// `cargo xtask bench lifecycle`
#[derive(Debug, Clone, Args)]
pub struct Lifecycle {
    /// Streams to create.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub streams: u32,

    /// Times that bare client and operator run, in turn. The median is what counts.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub runs: u32,

    /// Seconds of quiet to watch once every stream is running.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub quiet: Duration,

    /// Fail when a threshold of tests/load/thresholds.yaml is missed.
    #[arg(long)]
    pub check: bool,

    /// Write every figure, of every run, to this file as JSON, with bars and verdicts.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| format!("{text:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Parser)]
    struct Everything {
        #[command(flatten)]
        demo: Demo,
        #[command(flatten)]
        fuzz: Fuzz,
        #[command(subcommand)]
        program: Program,
    }

    #[derive(Subcommand)]
    enum Program {
        Bench(Benches),
        Soak(Soak),
    }

    #[test]
    fn the_arguments_contradict_neither_clap_nor_each_other() {
        Everything::command().debug_assert();
    }

    #[test]
    fn seconds_may_be_fractions_but_not_negative() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert!(seconds("-1").is_err());
        assert!(seconds("soon").unwrap_err().contains("soon"));
    }
}
