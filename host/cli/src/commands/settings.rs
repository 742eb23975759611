//! Options that say what a class says about its plugin.

use std::path::PathBuf;

use arcane_contract::api::{PluginSpec, StreamClass};
use arcane_plugins::PluginSettings;

use crate::exit::Failure;
use crate::{settings, yaml};

/// What the class says about the plugin.
#[derive(Debug, clap::Args)]
pub struct OfClass {
    /// `spec.plugin.config` of a class: a YAML file, or YAML itself such as `{window: 22-04}`.
    #[arg(long, value_name = "FILE|YAML")]
    config: Option<String>,
    /// `spec.plugin.grants` of a class: a YAML file, or YAML itself such as `{placement: true}`.
    /// Nothing is granted by default.
    #[arg(long, value_name = "FILE|YAML")]
    grants: Option<String>,
    /// File with a StreamClass, whose `spec.plugin` holds all of this.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "grants"])]
    class: Option<PathBuf>,
}

impl OfClass {
    /// The settings of the plugin.
    ///
    /// # Errors
    /// A file cannot be read or understood.
    pub fn read(&self) -> Result<PluginSettings, Failure> {
        let spec = match &self.class {
            Some(path) => {
                let class: StreamClass = yaml::typed(
                    &path.display().to_string(),
                    yaml::object(path, "StreamClass")?,
                )?;
                class.spec.plugin.ok_or_else(|| {
                    Failure::unreadable(format!(
                        "{}: spec.plugin is missing: give a class that names a plugin",
                        path.display()
                    ))
                })?
            }
            None => {
                let value = |option, given: Option<&String>| {
                    given.map(|given| yaml::option(option, given)).transpose()
                };
                let config = value("--config", self.config.as_ref())?;
                let grants = value("--grants", self.grants.as_ref())?;
                settings::spec(config.as_ref(), grants.as_ref()).map_err(Failure::unreadable)?
            }
        };
        of(&spec)
    }

    /// Whether it was said what the class grants.
    pub fn tells_grants(&self) -> bool {
        self.grants.is_some() || self.class.is_some()
    }
}

/// The settings in `spec.plugin` of a class.
///
/// # Errors
/// A value is out of its bounds.
pub fn of(spec: &PluginSpec) -> Result<PluginSettings, Failure> {
    PluginSettings::from_spec(spec).map_err(Failure::unreadable)
}
