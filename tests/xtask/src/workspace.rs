//! The workspace, and cargo in it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// This checkout.
#[derive(Debug)]
pub struct Workspace {
    /// Its root.
    pub root: PathBuf,
    /// What `PATH` must be for the programs that are called, where the given one lacks something.
    pub path: Option<OsString>,
}

/// An integration test: the name of its target and of its package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationTest {
    pub package: String,
    pub target: String,
}

impl Workspace {
    /// The workspace that this program was built from.
    pub fn here() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root
            .canonicalize()
            .with_context(|| format!("the checkout is gone: {}", root.display()))?;
        Ok(Self { root, path: None })
    }

    /// A program, to be run in the root.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command
    }

    /// Cargo: the one that runs this program.
    ///
    /// What it told this program about its package is not passed on: build scripts would take it
    /// for a change, and compile again half of what a plain `cargo build` has compiled.
    pub fn cargo(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = self.command(cargo);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(is_about_a_package) {
                command.env_remove(name);
            }
        }
        command
    }

    /// Builds one binary or example and tells where it is; cargo shows its progress.
    ///
    /// The whole workspace decides about the features of dependencies, here and in the tests: they
    /// are compiled once, not once for each package.
    pub fn build(&self, kind: &str, name: &str, release: bool) -> Result<PathBuf> {
        let mut cargo = self.cargo();
        cargo.args(["build", "--workspace", kind, name]);
        cargo.arg("--message-format=json-render-diagnostics");
        if release {
            cargo.arg("--release");
        }
        let output = cargo
            .stderr(Stdio::inherit())
            .output()
            .context("failed to start cargo")?;
        if !output.status.success() {
            bail!("failed to build {name}");
        }
        executable(&String::from_utf8_lossy(&output.stdout), name)
            .with_context(|| format!("cargo tells no path of {name}"))
    }

    /// Every integration test of the workspace.
    pub fn integration_tests(&self) -> Result<Vec<IntegrationTest>> {
        let output = self
            .cargo()
            .args(["metadata", "--no-deps", "--format-version=1"])
            .output()
            .context("failed to start cargo")?;
        let metadata = serde_json::from_slice(&output.stdout)
            .context("cargo metadata gives no description of the workspace")?;
        Ok(integration_tests(&metadata))
    }
}

/// Whether cargo sets the variable for the package that it runs.
fn is_about_a_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
}

/// The path of a binary in cargo's messages.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

fn integration_tests(metadata: &Value) -> Vec<IntegrationTest> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut tests = Vec::new();
    for package in list(&metadata["packages"]) {
        for target in list(&package["targets"]) {
            if list(&target["kind"]).contains(&Value::from("test")) {
                tests.push(IntegrationTest {
                    package: text(&package["name"]),
                    target: text(&target["name"]),
                });
            }
        }
    }
    tests
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cargo_is_not_told_of_this_package() {
        let workspace = Workspace::here().unwrap();
        let removed = |name: &str| {
            workspace
                .cargo()
                .get_envs()
                .any(|env| env == (name.as_ref(), None))
        };
        // Cargo runs tests as it runs this program.
        assert!(removed("CARGO_MANIFEST_DIR") && removed("CARGO_PKG_VERSION"));
        assert!(!removed("CARGO"));
    }

    #[test]
    fn the_path_of_a_binary_is_read_from_cargos_messages() {
        let messages = [
            json!({"reason": "compiler-artifact", "target": {"name": "other"}, "executable": "/t/other"}),
            json!({"reason": "compiler-artifact", "target": {"name": "tool"}, "executable": null}),
            json!({"reason": "compiler-artifact", "target": {"name": "tool"}, "executable": "/t/tool"}),
        ];
        let messages = messages.map(|message| message.to_string()).join("\n");
        assert_eq!(executable(&messages, "tool"), Some("/t/tool".into()));
        assert_eq!(executable(&messages, "nothing"), None);
    }

    #[test]
    fn only_integration_tests_are_listed() {
        let metadata = json!({"packages": [{"name": "p", "targets": [
            {"name": "p", "kind": ["lib"]},
            {"name": "whole", "kind": ["test"]},
        ]}]});
        let expected = IntegrationTest {
            package: "p".into(),
            target: "whole".into(),
        };
        assert_eq!(integration_tests(&metadata), [expected]);
    }
}
