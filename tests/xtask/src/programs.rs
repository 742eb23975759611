//! Commands that are programs of their own: built, then run with the arguments given here.

use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// Names the operator's binary for whoever starts it.
pub const OPERATOR_BINARY: &str = "ARCANE_HOST_BINARY";

/// `cargo xtask demo`
pub fn demo(workspace: &Workspace) -> Result<ExitCode> {
    run(workspace, "arcane-demo", false, std::env::args_os().skip(1))
}

/// `cargo xtask cluster`
pub fn cluster(workspace: &Workspace) -> Result<ExitCode> {
    demo(workspace)
}

/// `cargo xtask bench`: with every optimisation, the measuring side too.
pub fn bench(workspace: &Workspace) -> Result<ExitCode> {
    run(workspace, "arcane-load", true, std::env::args_os().skip(1))
}

/// `cargo xtask soak`: the very programs that the tests have.
pub fn soak(workspace: &Workspace) -> Result<ExitCode> {
    run(workspace, "arcane-load", false, std::env::args_os().skip(1))
}

/// `cargo xtask bench plugins`: without an operator.
pub fn bench_plugins(workspace: &Workspace) -> Result<ExitCode> {
    let binary = workspace.build("--bin", "arcane-load", true)?;
    start(workspace.command(binary).args(std::env::args_os().skip(1)))
}

/// `cargo xtask fuzz`: optimised, for more inputs in the same time.
pub fn fuzz(workspace: &Workspace) -> Result<ExitCode> {
    let binary = workspace.build("--bin", "arcane-fuzz", true)?;
    start(workspace.command(binary).args(std::env::args_os().skip(2)))
}

fn run(
    workspace: &Workspace,
    program: &str,
    release: bool,
    arguments: impl Iterator<Item = OsString>,
) -> Result<ExitCode> {
    let operator = workspace.build("--bin", "arcane-host", release)?;
    let binary = workspace.build("--bin", program, release)?;
    start(
        workspace
            .command(binary)
            .args(arguments)
            .env(OPERATOR_BINARY, operator),
    )
}

fn start(program: &mut Command) -> Result<ExitCode> {
    let status = program
        .stdin(Stdio::inherit())
        .status()
        .with_context(|| format!("failed to start {}", program.get_program().display()))?;
    // A program that a signal ended has no code of its own.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
