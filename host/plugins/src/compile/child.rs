//! Compiles a component in a process of its own.
//!
//! Compiling an interpreter of 18 MB takes 400 MiB, most of which the allocator then keeps. In a
//! process of its own that ends with it, and what a hostile component makes of the compiler too.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::Context;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;

use super::PROBLEM;
use crate::engine;
use crate::error::Bytes;
use crate::load_error::LoadError;
use crate::settings::CompileChild;
use crate::text;

/// Where the child writes to; says as well that the process is one.
const OUTPUT: &str = "ARCANE_PLUGINS_COMPILE_TO";
/// The most memory that it may use, in bytes.
const MEMORY: &str = "ARCANE_PLUGINS_COMPILE_MEMORY";
/// The longest that it may compute, in seconds.
const CPU: &str = "ARCANE_PLUGINS_COMPILE_CPU_SECONDS";
/// What the child ends with when the component is at fault.
const INVALID: i32 = 65;
/// What the child ends with when something else is.
const FAILED: i32 = 70;

/// Compiles `bytes` to the file `output`, which does not exist yet.
pub(super) fn compile(child: &CompileChild, bytes: &[u8], output: &Path) -> Result<(), LoadError> {
    let failed = |problem: String| LoadError::Compiler { problem };
    let mut process = Command::new(&child.program)
        .args(&child.args)
        .env_clear()
        .env(OUTPUT, output)
        .env(MEMORY, child.memory_limit.to_string())
        .env(CPU, child.cpu_seconds.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            failed(format!(
                "cannot be started from {}: {error}",
                child.program.display()
            ))
        })?;
    // One that ends early does not read everything; how it ended says more than that.
    if let Some(mut input) = process.stdin.take() {
        let _ = input.write_all(bytes);
    }
    let mut complaint = Vec::new();
    if let Some(errors) = process.stderr.take() {
        read_tail(errors, &mut complaint);
    }
    let status = process
        .wait()
        .map_err(|error| failed(format!("was lost: {error}")))?;
    let complaint = text::one_line(String::from_utf8_lossy(&complaint).trim(), PROBLEM);
    match status.code() {
        Some(0) => Ok(()),
        Some(INVALID) => Err(LoadError::Invalid { problem: complaint }),
        _ => Err(failed(how_it_ended(child, status, &complaint))),
    }
}

/// Reads everything, and keeps the end of it.
fn read_tail(mut from: impl Read, tail: &mut Vec<u8>) {
    let mut buffer = [0; 4 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        tail.extend_from_slice(&buffer[..length]);
        let surplus = tail.len().saturating_sub(PROBLEM);
        tail.drain(..surplus);
    }
}

fn how_it_ended(child: &CompileChild, status: ExitStatus, complaint: &str) -> String {
    let signal = status
        .signal()
        .and_then(|signal| Signal::try_from(signal).ok());
    let end = match signal {
        Some(Signal::SIGABRT | Signal::SIGSEGV) if complaint.contains("memory allocation") => {
            format!(
                "needed more than the {} that it may have; raise the limit if the component is to \
                 be trusted with it",
                Bytes(usize::try_from(child.memory_limit).unwrap_or(usize::MAX))
            )
        }
        Some(Signal::SIGXCPU | Signal::SIGKILL) => format!(
            "was ended by {}: it took more than {} s of processor time, or the system was out of \
             memory",
            signal.map_or("a signal", Signal::as_str),
            child.cpu_seconds
        ),
        Some(signal) => format!("was ended by {}", signal.as_str()),
        None => format!("ended with {status}"),
    };
    match complaint {
        "" => end,
        complaint => format!("{end} ({complaint})"),
    }
}

/// Compiles and ends, if this process was started to compile a component; else returns at once.
///
/// Programs that name themselves in [`CompileChild`] call this first thing in `main`, before any
/// thread is started.
pub fn compile_child_main() {
    let Some(output) = std::env::var_os(OUTPUT) else {
        return;
    };
    let code = match run(Path::new(&output)) {
        Ok(()) => 0,
        Err((code, error)) => {
            // Nobody is left to tell where that fails.
            let _ = writeln!(io::stderr(), "{error:#}");
            code
        }
    };
    std::process::exit(code);
}

fn run(output: &Path) -> Result<(), (i32, anyhow::Error)> {
    let failed = |error: anyhow::Error| (FAILED, error);
    restrict().map_err(failed)?;
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .context("cannot read the component")
        .map_err(failed)?;
    let engine = engine::for_compiling().map_err(failed)?;
    let code = engine
        .precompile_component(&bytes)
        .map_err(|error| (INVALID, engine::plain(error)))?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(output)
        .and_then(|mut file| file.write_all(&code))
        .with_context(|| format!("cannot write to {}", output.display()))
        .map_err(failed)
}

/// Gives up what compiling does not need.
fn restrict() -> anyhow::Result<()> {
    let number = |name: &str| -> anyhow::Result<u64> {
        let text = std::env::var(name).with_context(|| format!("{name} is not set"))?;
        text.parse()
            .with_context(|| format!("{name} is not a number"))
    };
    let limits = [
        // Memory that is written to. Addresses alone are not limited, of which much is set aside.
        (Resource::RLIMIT_DATA, number(MEMORY)?),
        (Resource::RLIMIT_CPU, number(CPU)?),
        (Resource::RLIMIT_CORE, 0),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, limit, limit)
            .with_context(|| format!("cannot limit {resource:?} to {limit}"))?;
    }
    Ok(())
}
