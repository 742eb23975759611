//! A folder to run the binary in.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// An empty folder.
pub struct Room {
    dir: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Where what is compiled for all tests goes.
fn target() -> PathBuf {
    let own = Path::new(env!("CARGO_TARGET_TMPDIR"));
    own.parent().unwrap_or(own).join("plugins")
}

impl Room {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file, and the folders that it is in.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    /// Writes the component of a guest to `NAME.wasm`.
    pub fn guest(&self, name: &str) -> &Self {
        let guest = arcane_guests::guest(name).unwrap();
        self.write(&format!("{name}.wasm"), guest.bytes)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs `kubectl-arcane plugin` with these arguments, separated by spaces.
    pub fn plugin(&self, arguments: &str) -> Run {
        self.plugin_with(arguments, &[])
    }

    /// As [`Room::plugin`], with more arguments that may hold spaces.
    pub fn plugin_with(&self, arguments: &str, more: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-arcane"));
        command
            .arg("plugin")
            .args(arguments.split_whitespace())
            .args(more);
        self.finish(command)
    }

    /// Runs a command in this folder.
    pub fn finish(&self, mut command: Command) -> Run {
        let output = command
            .current_dir(self.dir.path())
            .env(
                "XDG_CACHE_HOME",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"),
            )
            .env("CARGO_TARGET_DIR", target())
            .env("CARGO_NET_OFFLINE", "true")
            .env_remove("NO_COLOR")
            .output()
            .unwrap();
        Run {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    /// Fails unless it ended with this code.
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// Fails unless standard output holds this.
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.out.contains(text),
            "no {text:?} in:\n{}\n{}",
            self.out,
            self.err
        );
        self
    }

    /// Fails if standard output holds this.
    pub fn does_not_say(self, text: &str) -> Self {
        assert!(!self.out.contains(text), "{text:?} in:\n{}", self.out);
        self
    }

    /// Fails unless standard error holds this.
    pub fn complains(self, text: &str) -> Self {
        assert!(
            self.err.contains(text),
            "no {text:?} in:\n{}\n{}",
            self.err,
            self.out
        );
        self
    }
}
