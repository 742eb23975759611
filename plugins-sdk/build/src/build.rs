//! Runs cargo in a project.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use serde_json::Value;

use crate::{EncodeError, TARGET, Toolchain, ToolchainError, encode};

/// What cargo sets for those that it runs, and what is meant for the machine's own target: none of
/// it is for a plugin.
const NOT_PASSED_ON: [&str; 6] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOC",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
];

/// How a plugin is built.
#[derive(Debug, Clone)]
pub struct Options {
    /// With the profile `release`; else `dev`. Default: yes.
    pub release: bool,
    /// Where cargo puts what it builds; none for the project's own. Builds that share one build the
    /// standard library once. Projects of one name must not share one at the same time.
    pub target_dir: Option<PathBuf>,
    /// Features of the package.
    pub features: Vec<String>,
    /// Nothing is fetched. Default: no.
    pub offline: bool,
    /// `Cargo.lock` must not change. Default: no.
    pub locked: bool,
    /// Cargo tells only what is wrong. Default: no.
    pub quiet: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            release: true,
            target_dir: None,
            features: Vec::new(),
            offline: false,
            locked: false,
            quiet: false,
        }
    }
}

/// A plugin that was built.
#[derive(Debug, Clone)]
pub struct Built {
    /// The component.
    pub component: Vec<u8>,
    /// Where it was written: beside the core module, named `<package>.component.wasm`.
    pub path: PathBuf,
    /// Where cargo has put the core module.
    pub core: PathBuf,
    /// Size of the core module in bytes.
    pub core_size: usize,
    /// Name of the package.
    pub package: String,
}

/// Why a plugin was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Nothing can compile it.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// Cargo did not run.
    #[error("failed to run {program}: {error}")]
    Start {
        /// What was to be run.
        program: PathBuf,
        /// Why it was not.
        error: io::Error,
    },
    /// Cargo failed; it has said why on standard error.
    #[error("cargo failed to build {project} ({status}); its own messages are above")]
    Cargo {
        /// The project.
        project: PathBuf,
        /// How cargo ended.
        status: ExitStatus,
    },
    /// No module came out.
    #[error("cargo has built {project}, but names no module that came out")]
    NoModule {
        /// The project.
        project: PathBuf,
    },
    /// The module is no plugin.
    #[error("{path}: {error}")]
    Encode {
        /// The module.
        path: PathBuf,
        /// Why not.
        error: EncodeError,
    },
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// Builds the package in `dir` into a component.
///
/// Cargo's progress and messages go to standard error.
///
/// # Errors
/// There is no toolchain for it, the package does not compile, or it is no plugin.
pub fn build_plugin(dir: &Path, options: &Options) -> Result<Built, BuildError> {
    let toolchain = Toolchain::find()?;
    let mut cargo = toolchain.cargo();
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_another_build) {
            cargo.env_remove(name);
        }
    }
    // A library that is an rlib besides would be left out of link-time optimisation.
    cargo.args(["rustc", "--lib", "--crate-type=cdylib"]);
    cargo.arg("--message-format=json-render-diagnostics");
    cargo.args(toolchain.arguments());
    let flags = [
        (options.release, "--release"),
        (options.offline, "--offline"),
        (options.locked, "--locked"),
        (options.quiet, "--quiet"),
    ];
    cargo.args(flags.iter().filter(|(on, _)| *on).map(|(_, flag)| flag));
    if let Some(target_dir) = &options.target_dir {
        // Cargo runs in the project's directory, not in this one.
        let absolute = std::path::absolute(target_dir).map_err(file(target_dir))?;
        cargo.arg("--target-dir").arg(absolute);
    }
    if !options.features.is_empty() {
        cargo.arg("--features").arg(options.features.join(","));
    }
    let output = cargo
        .current_dir(dir)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| BuildError::Start {
            program: cargo.get_program().into(),
            error,
        })?;
    let project = || dir.to_owned();
    if !output.status.success() {
        return Err(BuildError::Cargo {
            project: project(),
            status: output.status,
        });
    }
    let module = module(&String::from_utf8_lossy(&output.stdout));
    wrap(module.ok_or_else(|| BuildError::NoModule { project: project() })?)
}

/// A module that cargo says it has built.
#[derive(Debug, PartialEq, Eq)]
struct Module {
    package: String,
    path: PathBuf,
}

/// The last one: those of dependencies, where there are any, come before it.
fn module(messages: &str) -> Option<Module> {
    messages
        .lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .find_map(|message| {
            let is_module = |file: &&str| file.ends_with(".wasm") && file.contains(TARGET);
            let mut files = message["filenames"].as_array()?.iter();
            let path = files.find_map(|file| file.as_str().filter(is_module))?;
            Some(Module {
                package: package_name(message["package_id"].as_str()?).to_owned(),
                path: path.into(),
            })
        })
}

/// The name in `path+file:///work/right-size#0.1.0` or `…/dir#right-size@0.1.0`.
fn package_name(id: &str) -> &str {
    let (source, rest) = id.rsplit_once('#').unwrap_or((id, id));
    match rest.split_once('@') {
        Some((name, _)) => name,
        None => source.rsplit('/').next().unwrap_or(source),
    }
}

fn file(path: &Path) -> impl FnOnce(io::Error) -> BuildError + use<> {
    let path = path.to_owned();
    move |error| BuildError::File { path, error }
}

fn wrap(module: Module) -> Result<Built, BuildError> {
    let core = module.path;
    let bytes = std::fs::read(&core).map_err(file(&core))?;
    let component = encode(&bytes).map_err(|error| BuildError::Encode {
        path: core.clone(),
        error,
    })?;
    let dir = core.parent().unwrap_or(Path::new("."));
    let path = dir.join(format!("{}.component.wasm", module.package));
    std::fs::write(&path, &component).map_err(file(&path))?;
    Ok(Built {
        component,
        path,
        core_size: bytes.len(),
        core,
        package: module.package,
    })
}

fn is_of_another_build(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_")
        || variable.starts_with("CARGO_MANIFEST_")
        || NOT_PASSED_ON.contains(&variable)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_module_is_read_from_cargos_messages() {
        let artifact = |id: &str, file: &str| json!({"reason": "compiler-artifact", "package_id": id, "filenames": [file]});
        let messages = [
            artifact("registry+https://x#serde@1.0.0", "/t/libserde.rlib"),
            artifact(
                "path+file:///p/right-size#0.1.0",
                "/t/wasm32-unknown-unknown/release/right_size.wasm",
            ),
            json!({"reason": "build-finished", "success": true}),
        ]
        .map(|message| message.to_string())
        .join("\n");
        let module = Module {
            package: "right-size".into(),
            path: "/t/wasm32-unknown-unknown/release/right_size.wasm".into(),
        };
        assert_eq!(super::module(&messages), Some(module));
        assert_eq!(super::module("no JSON"), None);
    }

    #[test]
    fn packages_are_named_whatever_their_directory() {
        assert_eq!(
            package_name("path+file:///p/right-size#0.1.0"),
            "right-size"
        );
        assert_eq!(
            package_name("path+file:///p/dir#right-size@0.1.0"),
            "right-size"
        );
    }

    #[test]
    fn flags_for_the_machine_itself_are_not_passed_on() {
        assert!(is_of_another_build("RUSTFLAGS") && is_of_another_build("CARGO_PKG_NAME"));
        assert!(!is_of_another_build("CARGO_HOME") && !is_of_another_build("PATH"));
    }
}
