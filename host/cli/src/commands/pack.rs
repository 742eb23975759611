//! `plugin pack`

use std::path::{Path, PathBuf};

use arcane_contract::api::{ConfigMapRef, DEFAULT_PLUGIN_KEY};
use arcane_plugins::source::verify;
use arcane_plugins::{LoadError, PluginSettings};
use serde_json::json;

use crate::component::{self, Component};
use crate::exit::{Done, Failure};
use crate::pack::{self, Compression, Identity, Target};
use crate::terminal::{harmless, indented};
use crate::{units, yaml};

/// From this size on, in bytes, `kubectl apply` on the client's side fails: it keeps a copy of the
/// whole object in an annotation.
const CLIENT_SIDE: usize = 256 << 10;

/// Arguments of `plugin pack`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A component (.wasm, also compressed), or the folder of a project, which is built.
    #[arg(default_value = ".")]
    target: PathBuf,
    /// Name of the ConfigMap; of several, the others have it with `-1`, `-2` and so on. The
    /// plugin's own name by default, or that of its package.
    #[arg(long)]
    name: Option<String>,
    /// Namespace of the ConfigMaps, as a rule the operator's. None by default, so that it is for
    /// `kubectl --namespace` to say.
    #[arg(long, short)]
    namespace: Option<String>,
    /// Key in the ConfigMaps.
    #[arg(long, default_value = DEFAULT_PLUGIN_KEY)]
    key: String,
    /// The most bytes of the component in one ConfigMap, at most 1MiB.
    #[arg(long, value_name = "SIZE", default_value = "900KiB", value_parser = units::size)]
    max_size: usize,
    /// How to compress the component. The pinned digest is that of the component itself.
    #[arg(long, value_enum, default_value = "zstd")]
    compress: Compression,
    /// Write one file for each ConfigMap into this folder, rather than all to standard output.
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Packs a component.
///
/// # Errors
/// It cannot be read or built, an operator would not take it into service, or the ConfigMaps could
/// not be.
pub fn run(arguments: &Arguments) -> Result<Done, Failure> {
    let component = component::open(&arguments.target)?;
    let identity = identify(&component)?;
    let own_name = identity.plugin.as_ref().map(|(name, _)| name);
    let name = arguments
        .name
        .as_ref()
        .or(own_name)
        .or(component.package.as_ref());
    let name = name.ok_or_else(|| {
        Failure::usage(
            "--name is missing, and the plugin does not tell its own name without a configuration: \
             give a name for the ConfigMap",
        )
    })?;
    let target = Target {
        name: name.clone(),
        namespace: arguments.namespace.clone(),
        key: arguments.key.clone(),
        maximum: arguments.max_size,
    };
    let stored = pack::compress(&component.bytes, arguments.compress)
        .map_err(|error| Failure::failed(format!("cannot compress: {error}")))?;
    let (maps, reference) =
        pack::config_maps(&stored, &target, &identity).map_err(Failure::usage)?;
    let manifests: Vec<_> = maps
        .iter()
        .map(|map| (map.name(), map.manifest()))
        .collect();
    let largest = manifests.iter().map(|(_, text)| text.len()).max();
    let mut done = Done::fine(String::new());
    match &arguments.output {
        Some(dir) => done.text = write(dir, &manifests)?,
        None => {
            let texts: Vec<_> = manifests.iter().map(|(_, text)| text.as_str()).collect();
            done.text = texts.join("---\n");
        }
    }
    let sizes = format!(
        "{}: {}, {} as stored, in {} ConfigMap{}",
        component.path.display(),
        units::bytes(component.bytes.len()),
        units::bytes(stored.len()),
        maps.len(),
        if maps.len() == 1 { "" } else { "s" },
    );
    let notes = [
        sizes,
        how_to_apply(arguments, largest.unwrap_or_default()),
        snippet(&reference, &identity.digest),
    ];
    done.notes = notes.join("\n");
    Ok(done)
}

/// What the plugin says of itself. One that wants a configuration first cannot be asked here, and
/// is fine all the same.
fn identify(component: &Component) -> Result<Identity, Failure> {
    let digest = verify(&component.bytes, None).map_err(Failure::failed)?;
    let host = component::host()?;
    let plugin = match host.load(&component.bytes, PluginSettings::default()) {
        Ok(plugin) => {
            let description = plugin.description();
            Some((description.name.clone(), description.version.clone()))
        }
        Err(LoadError::ConfigRefused { .. } | LoadError::ConfigCheck(_)) => None,
        Err(error) => {
            return Err(Failure::failed(harmless(&format!(
                "{}: no operator would take this into service ({}): {error}",
                component.path.display(),
                error.reason()
            ))));
        }
    };
    Ok(Identity { plugin, digest })
}

/// Writes a file for each ConfigMap, and tells their names.
fn write(dir: &Path, manifests: &[(&str, String)]) -> Result<String, Failure> {
    let wrong = |path: &Path, error: std::io::Error| {
        Failure::unreadable(format!("{}: cannot be written: {error}", path.display()))
    };
    std::fs::create_dir_all(dir).map_err(|error| wrong(dir, error))?;
    let mut names = String::new();
    for (name, text) in manifests {
        let path = dir.join(format!("{name}.yaml"));
        std::fs::write(&path, text).map_err(|error| wrong(&path, error))?;
        names.push_str(&format!("{}\n", path.display()));
    }
    Ok(names)
}

fn how_to_apply(arguments: &Arguments, largest: usize) -> String {
    let from = match &arguments.output {
        Some(dir) => format!("-f {}", dir.display()),
        None => "-f -".to_owned(),
    };
    let namespace = match &arguments.namespace {
        Some(_) => "",
        None => " --namespace <the operator's>",
    };
    let mut text = format!(
        "To apply:\n  kubectl apply --server-side{namespace} {from}\nor, for the first time:\n  \
         kubectl create{namespace} {from}\n"
    );
    if largest > CLIENT_SIDE {
        text.push_str(
            "Without --server-side kubectl apply fails: it would keep a copy of more than 256 KiB \
             in an annotation.\n",
        );
    }
    text
}

/// What a class says to have the plugin.
fn snippet(reference: &ConfigMapRef, digest: &str) -> String {
    let plugin = json!({ "spec": { "plugin": { "configMapRef": reference, "sha256": digest } } });
    format!(
        "In the StreamClass:\n{}",
        indented(&yaml::print(&plugin), 2)
    )
}
