//! `plugin build`

use std::path::PathBuf;

use arcane_plugins::source::verify;

use crate::exit::{Done, Failure};
use crate::{component, units};

/// Arguments of `plugin build`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder of the project.
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// Builds a project.
///
/// # Errors
/// It is none, or does not compile.
pub fn run(arguments: &Arguments) -> Result<Done, Failure> {
    if !arguments.dir.is_dir() {
        return Err(Failure::unreadable(format!(
            "{}: is no folder: give the folder of a plugin's project",
            arguments.dir.display()
        )));
    }
    let component = component::open(&arguments.dir)?;
    let digest = verify(&component.bytes, None).map_err(Failure::failed)?;
    Ok(Done::fine(format!(
        "{}\n  size    {}\n  sha256  {digest}\n",
        component.path.display(),
        units::bytes(component.bytes.len()),
    )))
}
