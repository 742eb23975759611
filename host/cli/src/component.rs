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
    /// Name of the package that it was built from, where it was.
    pub package: Option<String>,
}

/// Reads the component in a file, or builds the project in a folder.
///
/// # Errors
/// The file cannot be read, or holds nothing that an operator would take; or the project does not
/// compile.
pub fn open(path: &Path) -> Result<Component, Failure> {
    let (path, package) = if path.is_dir() {
        let built = project::build(path)?;
        (built.path, Some(built.package))
    } else {
        (path.to_owned(), None)
    };
    let packed = yaml::bytes(&path)?;
    let maximum = HostSettings::default().maximum_component_bytes;
    let bytes = assemble(&[Part::Binary(&packed)], maximum)
        .map_err(|error| Failure::unreadable(format!("{}: {error}", path.display())))?;
    Ok(Component {
        path,
        bytes,
        package,
    })
}

/// A host as the operator has it. What it compiles is kept for the next time, where that is
/// possible.
///
/// # Errors
/// The machine does not allow for one.
pub fn host() -> Result<PluginHost, Failure> {
    let settings = HostSettings::default();
    if let Some(dir) = cache_dir() {
        let kept = HostSettings {
            cache_dir: Some(dir),
            ..settings.clone()
        };
        // A home that cannot be written to only makes this slower.
        if let Ok(host) = PluginHost::new(kept) {
            return Ok(host);
        }
    }
    PluginHost::new(settings)
        .map_err(|error| Failure::failed(format!("cannot set up a sandbox: {error:#}")))
}

/// The user's own cache, as the XDG Base Directory Specification has it.
fn cache_dir() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("arcane-host/plugins"))
}
