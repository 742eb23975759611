//! Projects of plugins: making and building them.

mod examples;
mod name;
mod scaffold;

use std::path::Path;

use arcane_plugin_build::{BuildError, Built, Options, build_plugin};

use crate::exit::Failure;

pub use name::check as check_name;
pub use scaffold::{Plan, hooks};

/// Builds the plugin in `dir`.
///
/// # Errors
/// `dir` is no project, nothing can compile it, or it does not compile.
pub fn build(dir: &Path) -> Result<Built, Failure> {
    if !dir.join("Cargo.toml").is_file() {
        return Err(Failure::unreadable(format!(
            "{}: has no Cargo.toml: give the folder of a plugin's project, or a component (.wasm)",
            dir.display()
        )));
    }
    let options = Options {
        quiet: true,
        ..Options::default()
    };
    build_plugin(dir, &options).map_err(|error| match &error {
        BuildError::File { .. } => Failure::unreadable(&error),
        _ => Failure::toolchain(&error),
    })
}

/// Writes the files of a new project into `dir`, which must not hold anything.
///
/// # Errors
/// `dir` holds something, or cannot be written to.
pub fn create(dir: &Path, plan: &Plan) -> Result<(), Failure> {
    let wrong = |path: &Path, error: std::io::Error| {
        Failure::unreadable(format!("{}: cannot be written: {error}", path.display()))
    };
    match std::fs::read_dir(dir) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(Failure::usage(format!(
                    "{}: is not empty: give the name of a new folder, or empty this one",
                    dir.display()
                )));
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(wrong(dir, error)),
    }
    for (path, content) in plan.files() {
        let path = dir.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| wrong(parent, error))?;
        }
        std::fs::write(&path, content).map_err(|error| wrong(&path, error))?;
    }
    Ok(())
}
