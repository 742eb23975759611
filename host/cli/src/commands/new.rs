//! `plugin new`

use std::path::{Path, PathBuf};

use crate::exit::{Done, Failure};
use crate::project;

/// Arguments of `plugin new`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Name of the plugin, or path of a folder whose name that is. The folder must be new or empty.
    name: PathBuf,
    /// Use the SDK in this folder, rather than a copy of it in the project.
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
    /// When the plugin is to be asked, such as `render,job-failed`: makes a plugin with an example
    /// for each. Without this it shows one that sizes Jobs by a configuration.
    #[arg(long, value_name = "HOOKS", value_delimiter = ',')]
    hooks: Option<Vec<String>>,
}

/// Makes a project.
///
/// # Errors
/// The name cannot be, or the folder is not empty.
pub fn run(arguments: &Arguments) -> Result<Done, Failure> {
    let dir = &arguments.name;
    let name = dir.file_name().and_then(|name| name.to_str());
    let name = name.unwrap_or_default().to_owned();
    project::check_name(&name).map_err(Failure::usage)?;
    let hooks = arguments.hooks.as_deref().map(project::hooks).transpose();
    let plan = project::Plan {
        name,
        sdk: arguments.sdk.as_deref().map(sdk).transpose()?,
        hooks: hooks.map_err(|error| Failure::usage(format!("--hooks: {error}")))?,
    };
    project::create(dir, &plan)?;
    let dir = dir.display();
    Ok(Done::fine(format!(
        "{dir} is ready. Next:\n  cd {dir}\n  cargo test\n  kubectl arcane plugin test\n"
    )))
}

/// The whole path of the SDK's folder.
fn sdk(dir: &Path) -> Result<PathBuf, Failure> {
    let wrong = |what: &dyn std::fmt::Display| {
        Failure::usage(format!(
            "--sdk {}: {what}: give the folder of the crate arcane-plugin-sdk",
            dir.display()
        ))
    };
    let dir = dir.canonicalize().map_err(|error| wrong(&error))?;
    let manifest = std::fs::read_to_string(dir.join("Cargo.toml"));
    let manifest = manifest.map_err(|error| wrong(&format!("Cargo.toml: {error}")))?;
    if !manifest.contains("name = \"arcane-plugin-sdk\"") {
        return Err(wrong(&"its Cargo.toml is another crate's"));
    }
    Ok(dir)
}
