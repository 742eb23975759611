//! The operator at work, on a real control plane: what `cargo xtask demo` and `cargo xtask cluster`
//! run.

mod acts;
mod bare_cluster;
mod seen;
mod shop;
mod stage;
mod story;
mod streams;
mod summary;
mod watch;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use arcane_cluster::audit::Mark;
use clap::Parser;
use tokio::signal::ctrl_c;
use xtask::cli;
use xtask::terminal::{Paint, Style};

use stage::Stage;
use story::Story;

/// What a shell makes of a program that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Arguments {
    /// See the operator at work on a real control plane.
    Demo(cli::Demo),
    /// Start a control plane with nothing in it, and keep it until Ctrl-C.
    Cluster,
    /// Build what a control plane needs, and see that it starts.
    Prepare,
}

#[tokio::main]
async fn main() -> ExitCode {
    let run = async {
        match Arguments::parse() {
            Arguments::Demo(arguments) => demo(&arguments).await,
            Arguments::Cluster => bare_cluster::keep().await,
            Arguments::Prepare => bare_cluster::prepare().await,
        }
    };
    match run.await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn demo(arguments: &cli::Demo) -> Result<ExitCode> {
    let paint = Paint::stdout();
    println!(
        "{}",
        paint.paint(Style::Bold, "Arcane Host, on a real Kubernetes API server")
    );
    let story = Arc::new(Story::new(paint, stage::patience(arguments)));
    story.does(
        "demo",
        match &arguments.context {
            None => "starts etcd, kube-apiserver, its controllers and simulated nodes on 127.0.0.1",
            Some(_) => "connects to your cluster",
        },
    );
    let mut stage = tokio::select! {
        stage = Stage::open(arguments) => stage?,
        _ = ctrl_c() => return Ok(INTERRUPTED.into()),
    };
    let played = tokio::select! {
        played = play(&mut stage, &story, arguments) => played.map(|()| ExitCode::SUCCESS),
        _ = ctrl_c() => Ok(INTERRUPTED.into()),
    };
    if played.is_err()
        && let Some(log) = stage.operator_log()
    {
        eprintln!("the operator's log ends:\n{log}");
    }
    let closed = stage.close().await;
    // What went wrong first is what there is to tell.
    played.and_then(|code| closed.map(|()| code))
}

async fn play(stage: &mut Stage, story: &Arc<Story>, arguments: &cli::Demo) -> Result<()> {
    story.does(
        "demo",
        "installs arcane-host-crds, arcane-host and a plugin for streams with Helm",
    );
    stage.install().await?;
    story.does("demo", "starts the operator as the chart's service account");
    stage.start_operator(story.patience()).await?;
    let from = match stage.cluster() {
        Some(cluster) => cluster.audit().mark().await?,
        None => Mark::BEGINNING,
    };
    let begin = story.mark();
    let kind = stage::kind();
    let watches = watch::follow(stage.client()?, stage::NAMESPACE, &kind, Arc::clone(story));
    tokio::select! {
        ended = watches => ended?,
        played = acts::play(stage, story, arguments.pause) => played?,
    }
    summary::tell(stage, story, from, begin).await?;
    let paint = story.paint();
    let took = xtask::terminal::time(story.elapsed());
    println!(
        "{}",
        paint.paint(Style::Green, format!("All went as told, in {took}."))
    );
    if arguments.keep {
        println!("\nEverything is left running. In another terminal:\n");
        print!("{}", stage.ways_in());
        println!(
            "kubectl -n {ns} get {plural},backfillrequests,jobs,cronjobs,pods\n\
             kubectl -n {ns} describe {plural} customers\n\
             kubectl -n {ns} patch {plural} payments --type merge -p '{{\"spec\":{{\"execution\":{{\"suspended\":true}}}}}}'\n\n\
             Ctrl-C ends it.",
            ns = stage::NAMESPACE,
            plural = streams::PLURAL,
        );
        ctrl_c().await?;
    }
    Ok(())
}
