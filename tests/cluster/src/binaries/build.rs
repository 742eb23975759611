//! Building a tool with Go, once per user and digest.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::tools::Tool;
use crate::process::Program;

/// The Go version that the modules ask for.
const OLDEST_GO: (u32, u32) = (1, 26);
/// Between two lines of progress where they pile up (a log), and where they do not (a terminal).
const SAY_EVERY: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(1));

/// Where the tool's binary is, once it is built.
///
/// # Errors
/// When there is neither `XDG_CACHE_HOME` nor `HOME`.
pub(super) fn cached(tool: &Tool) -> Result<PathBuf> {
    Ok(cache()?.join(tool.digest()).join(tool.name))
}

/// Builds the tool into the cache and returns its binary. Several processes may call this at once:
/// one builds, the others wait for it.
pub(super) fn build(tool: &Tool, step: usize, steps: usize) -> Result<PathBuf> {
    let binary = cached(tool)?;
    let cache = cache()?;
    std::fs::create_dir_all(&cache)
        .with_context(|| format!("failed to create the cache {}", cache.display()))?;
    let heading = format!("step {step} of {steps}: {} ({})", tool.name, tool.takes);
    let lock = File::create(cache.join(format!("{}.lock", tool.name)))?;
    if lock.try_lock().is_err() {
        say(&format!("{heading}: another process builds it, waiting"));
        lock.lock()?;
    }
    if !binary.is_file() {
        check_go()?;
        let aside = cache.join(format!("{}.building", tool.digest()));
        build_aside(tool, &aside, &heading)?;
        std::fs::rename(aside.join("out"), cache.join(tool.digest()))?;
        std::fs::remove_dir_all(&aside)?;
    }
    Ok(binary)
}

/// Builds into `aside/out`; what an interrupted build left there is removed first.
fn build_aside(tool: &Tool, aside: &Path, heading: &str) -> Result<()> {
    if aside.exists() {
        std::fs::remove_dir_all(aside)?;
    }
    let source = aside.join("src");
    std::fs::create_dir_all(&source)?;
    std::fs::create_dir(aside.join("out"))?;
    for (name, content) in tool.files {
        std::fs::write(source.join(name), content)?;
    }
    let mut go = Command::new("go");
    go.args(tool.build_arguments(&aside.join("out").join(tool.name).to_string_lossy()))
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-buildvcs=false")
        .env("GOWORK", "off")
        .current_dir(source);
    let mut build = Program::spawn("go build", &go, &aside.join("log"))?;
    let mut progress = Progress::start(heading);
    let status = loop {
        if let Some(status) = build.exited()? {
            break status;
        }
        progress.tick();
        sleep(Duration::from_millis(100));
    };
    progress.finish();
    if !status.success() {
        bail!(
            "failed to build {} with Go ({status}):\n{}",
            tool.name,
            build.log_tail()
        );
    }
    Ok(())
}

/// `$XDG_CACHE_HOME/arcane-host`, else `~/.cache/arcane-host`.
fn cache() -> Result<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME names a directory to keep the control plane's binaries in")?;
    Ok(base.join("arcane-host"))
}

/// Fails with what to install when Go is missing or too old.
fn check_go() -> Result<()> {
    let output = Command::new("go")
        .args(["env", "GOVERSION"])
        .env("GOTOOLCHAIN", "local")
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .map_err(|error| error.to_string());
    match complaint(output.as_deref().map_err(String::as_str)) {
        Some(complaint) => bail!(complaint),
        None => Ok(()),
    }
}

/// What is wrong with the Go that was found (its version, or why it could not be run), and the remedy.
fn complaint(found: Result<&str, &str>) -> Option<String> {
    let (major, minor) = OLDEST_GO;
    let problem = match found {
        Ok(version) if go_version(version).is_some_and(|version| version >= OLDEST_GO) => {
            return None;
        }
        Ok(version) => format!("the `go` in PATH is {version}, which is too old"),
        Err(error) => format!("no `go` could be run ({error})"),
    };
    Some(format!(
        "{problem}. The control plane is built from source with Go {major}.{minor} or newer. Install it with your \
         package manager (on Debian the package golang-{major}.{minor}-go, from backports where the release has an \
         older one) or from go.dev, and put its bin directory in PATH: `go version` must answer. Or set \
         KUBEBUILDER_ASSETS to a directory that holds etcd, kube-apiserver, kube-controller-manager, \
         kube-scheduler, kubectl, kwok and helm."
    ))
}

/// Major and minor of `go1.26.8` or `go1.27rc1`.
fn go_version(text: &str) -> Option<(u32, u32)> {
    let (major, rest) = text.strip_prefix("go")?.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// A line on the real standard error: `eprintln!` would be swallowed inside a test.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A heading with the time since, told again and again; in place on a terminal.
struct Progress<'a> {
    heading: &'a str,
    begun: Instant,
    said: Option<Instant>,
    in_place: bool,
}

impl<'a> Progress<'a> {
    fn start(heading: &'a str) -> Self {
        Self {
            heading,
            begun: Instant::now(),
            said: None,
            in_place: std::io::stderr().is_terminal(),
        }
    }

    fn tick(&mut self) {
        let every = if self.in_place {
            SAY_EVERY.1
        } else {
            SAY_EVERY.0
        };
        if self.said.is_none_or(|said| said.elapsed() >= every) {
            self.said = Some(Instant::now());
            let (before, after) = if self.in_place {
                ("\r", "")
            } else {
                ("", "\n")
            };
            let mut stderr = std::io::stderr();
            let _ = write!(
                stderr,
                "{before}{}, elapsed {}{after}",
                self.heading,
                elapsed(self.begun.elapsed())
            );
            let _ = stderr.flush();
        }
    }

    fn finish(self) {
        let before = if self.in_place { "\r" } else { "" };
        say(&format!(
            "{before}{}: took {}",
            self.heading,
            elapsed(self.begun.elapsed())
        ));
    }
}

/// `1m20s`, or `20s`.
fn elapsed(time: Duration) -> String {
    match (time.as_secs() / 60, time.as_secs() % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds:02}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_versions_are_compared_by_number() {
        assert_eq!(go_version("go1.26.8"), Some((1, 26)));
        assert_eq!(go_version("go1.27rc1"), Some((1, 27)));
        assert_eq!(go_version("devel +abc"), None);
        assert!(go_version("go1.9").unwrap() < OLDEST_GO);
    }

    #[test]
    fn missing_and_old_go_are_told_apart_and_both_come_with_the_remedy() {
        assert_eq!(complaint(Ok("go1.26.8")), None);
        for (found, problem) in [
            (Ok("go1.19.8"), "is go1.19.8, which is too old"),
            (
                Err("No such file or directory"),
                "(No such file or directory)",
            ),
        ] {
            let complaint = complaint(found).unwrap();
            assert!(complaint.contains(problem), "{complaint}");
            assert!(complaint.contains("golang-1.26-go"), "{complaint}");
        }
    }

    #[test]
    fn elapsed_time_is_told_in_minutes_and_seconds() {
        assert_eq!(elapsed(Duration::from_secs(7)), "7s");
        assert_eq!(elapsed(Duration::from_secs(80)), "1m20s");
    }
}
