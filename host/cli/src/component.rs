//! The component that a command is about: a file, or a project that is built first.

use std::path::{Path, PathBuf};

use arcane_plugins::source::{Part, assemble};
use arcane_plugins::{HostSettings, PluginHost};

use crate::exit::Failure;
use crate::{project, yaml};

/// A component.
pub struct Component {
    /// The file that it is in.
    pub path: PathBuf,
    /// Its bytes, decompressed.
    pub bytes: Vec<u8>,
}

/// Reads the component in a file, or builds the project in a folder.
///
/// # Errors
/// The file cannot be read, or holds nothing that an operator would take; or the project does not
/// compile.
pub fn open(path: &Path) -> Result<Component, Failure> {
    let path = if path.is_dir() {
        project::build(path)?
    } else {
        path.to_owned()
    };
    let packed = yaml::bytes(&path)?;
    let maximum = HostSettings::default().maximum_component_bytes;
    let bytes = assemble(&[Part::Binary(&packed)], maximum)
        .map_err(|error| Failure::unreadable(format!("{}: {error}", path.display())))?;
    Ok(Component { path, bytes })
}

/// A host as the operator has it.
///
/// # Errors
/// The machine does not allow for one.
pub fn host(settings: HostSettings) -> Result<PluginHost, Failure> {
    PluginHost::new(settings)
        .map_err(|error| Failure::failed(format!("cannot set up a sandbox: {error:#}")))
}
