//! `cargo xtask`: the commands of this repository.

mod generate;
mod prerequisites;
mod programs;
mod test;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::cli;

use prerequisites::Need;
use workspace::Workspace;

/// The commands of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See the operator at work on a real control plane, in about a minute.
    ///
    /// Builds what is missing (minutes the first time), starts etcd, kube-apiserver, the
    /// controllers and simulated nodes on 127.0.0.1, installs the charts with Helm, and plays what
    /// happens to streams over their lives. Every act is checked; the exit code is 0 only when all
    /// went as told. Nothing is left behind.
    Demo(cli::Demo),

    /// Run every check: format, lints, documentation, tests, and the scenarios on a real control
    /// plane.
    ///
    /// The last line is `N passed, N failed`, summed over all tests; a check that fails without
    /// naming a failed test (such as the format) counts as one failed.
    ///
    /// Property tests draw the same inputs each time, so that the same checkout gets the same
    /// result. For others, set PROPTEST_RNG_SEED to another number; for more, PROPTEST_CASES.
    Test(test::Arguments),

    /// Measure the operator, and plugins in their host.
    ///
    /// Without the name of one benchmark all are run, which takes about an hour: streams from their
    /// creation to Running at two sizes, a crowd, and plugins. Each tells its figures; at the end
    /// those that have bars stand in one table. Let nothing else run meanwhile.
    Bench(cli::Benches),

    /// Change streams without end while things fail, and see whether all that must hold does.
    ///
    /// Users create, delete, suspend and resume streams, edit their specs, ask for backfills, take
    /// requests back, and delete Jobs; Jobs fail and find that their source's schema has changed.
    /// Meanwhile the operator is killed and the API server with it, etcd is compacted, the plugin of
    /// a class is swapped for another version, and templates change. The audit log is read all the
    /// time: no second Job for a request that one has succeeded for, no request completed without
    /// such a Job, no Secret asked for. Memory, descriptors and threads of the operator are sampled.
    /// In the end nothing happens any more: every stream has to come to run, and every request to be
    /// done. The exit code is 0 only if all this holds and nothing has grown beyond its bar in
    /// tests/load/thresholds.yaml. Progress is told on standard error, figures on standard output.
    Soak(cli::Soak),

    /// Hand hostile bytes to the host of plugins, for as long as you like.
    ///
    /// Targets: `component`, bytes that are loaded as a component and called if they can be;
    /// `source`, values of ConfigMaps; `job`, Jobs that are held to the guard rails; `answer`, bytes
    /// that a plugin leaves in its memory as its answer. An input fails when it makes the host
    /// panic, hang, or take memory without end, or when a Job is accepted that poses as another one.
    /// It is kept in tests/fuzz/corpus, where the tests find it, and how to replay it is told. At
    /// the end it tells how many inputs were tried, accepted, and refused for which reason.
    Fuzz(cli::Fuzz),

    /// Start a control plane with nothing in it, tell how to reach it, and keep it until Ctrl-C.
    Cluster,

    /// Write the generated files again: the CRDs of charts/arcane-host-crds.
    Generate {
        /// Write nothing; fail if a file is not what would be written.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let mut workspace = Workspace::here()?;
    // A demo in the user's own cluster starts no control plane.
    let needs: &[Need] = match &command {
        Command::Demo(demo) if demo.context.is_some() => &[Need::Make, Need::Wasm],
        Command::Demo(_) => &[Need::Go, Need::Make, Need::Wasm],
        Command::Bench(benches) if benches.without_operator() => &[Need::Make, Need::Wasm],
        Command::Bench(_) | Command::Soak(_) => &[Need::Go, Need::Make, Need::Wasm],
        Command::Cluster => &[Need::Go],
        Command::Test(arguments) => arguments.needs(),
        Command::Fuzz(_) | Command::Generate { .. } => &[],
    };
    workspace.path = prerequisites::satisfy(needs)?;
    match command {
        Command::Demo(_) => programs::demo(&workspace),
        Command::Cluster => programs::cluster(&workspace),
        Command::Bench(benches) if benches.without_operator() => {
            programs::bench_plugins(&workspace)
        }
        Command::Bench(_) => programs::bench(&workspace),
        Command::Soak(_) => programs::soak(&workspace),
        Command::Fuzz(_) => programs::fuzz(&workspace),
        Command::Test(arguments) => test::run(&workspace, &arguments),
        Command::Generate { check: false } => generate::write(&workspace),
        Command::Generate { check: true } => generate::check(&workspace),
    }
}
