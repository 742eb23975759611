//! Programs that never outlive this process, however it ends.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Starts the program in the shell's place, beside a watcher in the same process group.
///
/// The watcher reads a pipe whose other end only this process holds. When that end closes, by
/// [`Program::kill`] or because this process is gone (exit, panic, SIGKILL), the watcher kills the
/// group: the program and whatever it started. A parent-death signal would not do: it fires when
/// the *thread* that spawned the child ends, and test threads end early.
const WATCHED: &str = r#"
exec 3<&0
{ read -r _; kill -9 0; } <&3 >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null
"#;

/// Removes a directory once this process is gone. It tries again for 5 s, because the programs
/// that write there are being killed at the same moment.
const REMOVE: &str = r#"
read -r _
tries=0
until rm -rf -- "$1" 2>/dev/null || [ "$tries" -ge 50 ]; do tries=$((tries + 1)); sleep 0.1; done
"#;

/// Bytes of a log that an error message shows.
const TAIL: u64 = 4_000;

/// A running program, its output going to a file. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    child: Child,
    lifeline: Option<ChildStdin>,
    log: PathBuf,
}

impl Program {
    /// Starts `command` (its program, arguments, environment and directory; its standard streams
    /// are replaced), appending what it prints to `log`.
    pub(crate) fn spawn(name: &str, command: &Command, log: &Path) -> Result<Self> {
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("failed to open the log {}", log.display()))?;
        let mut watched = shell(WATCHED);
        watched.arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => watched.env(key, value),
                None => watched.env_remove(key),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            watched.current_dir(dir);
        }
        let mut child = watched
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("failed to start {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            lifeline: child.stdin.take(),
            child,
            log: log.to_owned(),
        })
    }

    /// The program's own process id: the shell has made way for it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, once the program has ended.
    pub(crate) fn exited(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Fails with the end of the log when the program has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.exited()? {
            None => Ok(()),
            Some(status) => anyhow::bail!("{} ended ({status}):\n{}", self.name, self.log_tail()),
        }
    }

    /// Sends a signal to the program alone. Fails when it has ended: its id could be another's.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<()> {
        self.check()?;
        kill(Pid::from_raw(self.child.id().cast_signed()), signal)
            .with_context(|| format!("failed to send {signal} to {}", self.name))
    }

    /// Cuts the lifeline without waiting for the end.
    pub(crate) fn cut(&mut self) {
        self.lifeline = None;
    }

    /// Kills the program with all that it started, and waits until it has ended.
    pub(crate) fn kill(&mut self) -> Result<ExitStatus> {
        self.cut();
        Ok(self.child.wait()?)
    }

    /// The file with everything that the program printed.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// The end of the log.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A child that cannot be waited for is gone already.
        let _ = self.kill();
    }
}

/// A directory that is removed when this is dropped or this process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Janitor {
    child: Child,
    lifeline: Option<ChildStdin>,
}

impl Janitor {
    /// Watches over `dir`.
    pub(crate) fn of(dir: &Path) -> Result<Self> {
        let mut child = shell(REMOVE)
            .arg(dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("failed to start /bin/sh")?;
        Ok(Self {
            lifeline: child.stdin.take(),
            child,
        })
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.lifeline = None;
        let _ = self.child.wait();
    }
}

/// The script, reading our pipe, in a process group of its own: a Ctrl-C in the terminal is for
/// this process, and the script acts once this process has ended.
fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args([OsStr::new("-c"), OsStr::new(script), OsStr::new("sh")])
        .stdin(Stdio::piped())
        .process_group(0);
    command
}

/// The end of a text file, from a line's start; the reason instead when it cannot be read.
pub(crate) fn tail(file: &Path) -> String {
    let read = || {
        let mut file = File::open(file)?;
        let skipped = file.metadata()?.len().saturating_sub(TAIL);
        file.seek(SeekFrom::Start(skipped))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        Ok::<_, std::io::Error>((skipped, end))
    };
    match read() {
        Err(error) => format!("({}: {error})", file.display()),
        Ok((skipped, end)) => {
            let end = String::from_utf8_lossy(&end);
            match end.split_once('\n') {
                Some((_cut, rest)) if skipped > 0 => rest.to_owned(),
                _ => end.into_owned(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_tail_of_a_short_log_is_all_of_it() {
        let log = tempfile::NamedTempFile::new().unwrap();
        fs::write(log.path(), "one\ntwo\n").unwrap();
        assert_eq!(tail(log.path()), "one\ntwo\n");
    }

    #[test]
    fn the_tail_of_a_long_log_begins_with_a_whole_line() {
        let log = tempfile::NamedTempFile::new().unwrap();
        fs::write(log.path(), "äöü äöü\n".repeat(1000)).unwrap();
        let tail = tail(log.path());
        assert!(
            tail.len() as u64 <= TAIL && tail.starts_with("äöü äöü\n"),
            "{tail}"
        );
    }

    #[test]
    fn a_program_has_its_own_id_and_exit_status() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo $$ $A; exit 4"]).env("A", "b");
        let mut program = Program::spawn("script", &command, log.path()).unwrap();
        let status = program.child.wait().unwrap();
        assert_eq!(status.code(), Some(4));
        assert_eq!(program.log_tail(), format!("{} b\n", program.id()));
    }

    #[test]
    fn a_program_that_has_ended_gets_no_signal_and_its_log_is_told() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo reason"]);
        let mut program = Program::spawn("script", &command, log.path()).unwrap();
        program.child.wait().unwrap();
        let error = program.signal(Signal::SIGTERM).unwrap_err().to_string();
        assert!(
            error.contains("script ended") && error.contains("reason"),
            "{error}"
        );
    }
}
