//! Running programs quietly: what one prints is shown only if it fails.

use std::io::{IsTerminal, Read, Write, pipe, stderr};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use xtask::terminal::time;

/// How often progress is told: on a terminal in place, elsewhere a line each time.
const TELL_EVERY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What a program printed, and whether it succeeded.
#[derive(Debug)]
pub struct Printed {
    pub text: String,
    pub success: bool,
}

/// A program to be run, under a name that no other has.
#[derive(Debug)]
pub struct Task {
    pub name: String,
    pub command: Command,
}

/// Runs one program, as [`together`] does.
pub fn quietly(name: &str, command: Command) -> Result<Printed> {
    let mut result = None;
    let name = name.to_owned();
    together(vec![Task { name, command }], 1, |_, printed, _| {
        result = Some(printed);
    });
    result.context("nothing was run")?
}

/// Runs programs, at most `at_once` at one time, begun in order. Tells meanwhile what runs and for
/// how long. `ended` gets each program's name, what it printed, and how long it took.
pub fn together(
    tasks: Vec<Task>,
    at_once: usize,
    mut ended: impl FnMut(&str, Result<Printed>, Duration),
) {
    let mut waiting = tasks.into_iter();
    let mut running: Vec<(String, Instant)> = Vec::new();
    let (sender, receiver) = channel();
    let progress = Progress::new();
    loop {
        while running.len() < at_once
            && let Some(Task { name, mut command }) = waiting.next()
        {
            running.push((name.clone(), Instant::now()));
            let sender = sender.clone();
            thread::spawn(move || {
                let printed = capture(&mut command);
                // The receiver lives for as long as a program runs.
                let _ = sender.send((name, printed));
            });
        }
        if running.is_empty() {
            return;
        }
        let Ok((name, printed)) = receiver.recv_timeout(progress.every) else {
            progress.tell(&running);
            continue;
        };
        progress.clear();
        if let Some(index) = running.iter().position(|(running, _)| *running == name) {
            let (_, begun) = running.remove(index);
            ended(&name, printed, begun.elapsed());
        }
    }
}

/// Both streams, in the order of printing.
fn capture(command: &mut Command) -> Result<Printed> {
    let (mut reader, writer) = pipe()?;
    let mut child = command
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()
        .with_context(|| format!("failed to start {}", command.get_program().display()))?;
    // The command keeps the pipe's writing end open, which would keep the reader waiting for ever.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let success = child.wait()?.success();
    Ok(Printed {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        success,
    })
}

/// Tells on standard error what is running.
struct Progress {
    every: Duration,
    in_place: bool,
}

impl Progress {
    fn new() -> Self {
        let in_place = stderr().is_terminal();
        let every = if in_place { TELL_EVERY.0 } else { TELL_EVERY.1 };
        Self { every, in_place }
    }

    fn tell(&self, running: &[(String, Instant)]) {
        let each = running
            .iter()
            .map(|(name, begun)| format!("{name}: running, {}", time(begun.elapsed())));
        let text = each.collect::<Vec<_>>().join("; ");
        // Progress that nobody can read is no reason to stop.
        let _ = if self.in_place {
            write!(stderr(), "\r\x1b[K{text}")
        } else {
            writeln!(stderr(), "{text}")
        };
    }

    fn clear(&self) {
        if self.in_place {
            let _ = write!(stderr(), "\r\x1b[K");
        }
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
        let script = "echo one; echo two >&2; echo three";
        let printed = quietly("echo", shell(script)).unwrap();
        assert_eq!(printed.text, "one\ntwo\nthree\n");
        assert!(printed.success);
        assert!(!quietly("exit", shell("exit 3")).unwrap().success);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = quietly("nothing", Command::new("no-such-program")).unwrap_err();
        assert!(error.to_string().contains("no-such-program"), "{error}");
    }

    #[test]
    fn no_more_programs_run_at_one_time_than_asked_for_and_each_is_run() {
        // Each leaves a file while it runs, and tells how many there are.
        let dir = tempfile::tempdir().unwrap();
        let script = "touch $$; ls | wc -l; sleep 0.05; rm $$";
        let task = |number: i32| {
            let mut command = shell(script);
            command.current_dir(dir.path());
            let name = number.to_string();
            Task { name, command }
        };
        let mut names = Vec::new();
        together((0..6).map(task).collect(), 2, |name, printed, _| {
            let seen: usize = printed.unwrap().text.trim().parse().unwrap();
            assert!(seen <= 2, "{seen} at one time");
            names.push(name.to_owned());
        });
        names.sort();
        assert_eq!(names, ["0", "1", "2", "3", "4", "5"]);
    }
}
