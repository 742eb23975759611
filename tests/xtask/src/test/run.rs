//! Running a program quietly: what it prints is shown only if it fails.

use std::io::{IsTerminal, Read, Write, pipe, stderr};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use xtask::terminal::time;

/// How often a program's progress is told: on a terminal in place, elsewhere a line each time.
const TELL_EVERY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What a program printed, and whether it succeeded.
#[derive(Debug)]
pub struct Printed {
    pub text: String,
    pub success: bool,
}

/// Runs `command`; meanwhile tells `heading` and the time. The output is printed on failure.
pub fn quietly(command: &mut Command, heading: &str) -> Result<Printed> {
    let (end, ended) = channel::<()>();
    let progress = thread::spawn({
        let heading = heading.to_owned();
        move || tell(&heading, &ended)
    });
    let printed = capture(command, end);
    // Its channel is closed by now: it returns at once.
    let _ = progress.join();
    let printed = printed?;
    if !printed.success {
        println!("{}", printed.text.trim_end());
    }
    Ok(printed)
}

/// Both streams, in the order of printing. `_end` is dropped when the program has ended.
fn capture(command: &mut Command, _end: Sender<()>) -> Result<Printed> {
    let (mut reader, writer) = pipe()?;
    let mut child = command
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()
        .with_context(|| format!("failed to start {}", command.get_program().display()))?;
    // The command keeps the pipe's writing end open, which would keep the reader waiting for ever.
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let success = child.wait()?.success();
    Ok(Printed {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        success,
    })
}

fn tell(heading: &str, ended: &std::sync::mpsc::Receiver<()>) {
    let begun = Instant::now();
    let on_terminal = stderr().is_terminal();
    let (every, before, after) = if on_terminal {
        (TELL_EVERY.0, "\r", "")
    } else {
        (TELL_EVERY.1, "", "\n")
    };
    let mut stderr = stderr();
    while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        let elapsed = time(begun.elapsed());
        // Progress that nobody can read is no reason to stop.
        let _ = write!(stderr, "{before}{heading}: running, {elapsed} {after}");
        let _ = stderr.flush();
    }
    if on_terminal {
        let _ = write!(stderr, "\r\x1b[K");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_streams_are_captured_in_order_with_the_result() {
        let printed = quietly(&mut shell("echo one; echo two >&2; echo three"), "").unwrap();
        assert_eq!(printed.text, "one\ntwo\nthree\n");
        assert!(printed.success);
        assert!(!quietly(&mut shell("exit 3"), "").unwrap().success);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = quietly(&mut Command::new("no-such-program"), "").unwrap_err();
        assert!(error.to_string().contains("no-such-program"), "{error}");
    }
}
