//! The control plane's programs: found in `KUBEBUILDER_ASSETS` or in the user's cache, else built.

mod build;
mod tools;

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use tools::{TOOLS, Tool};

/// The oldest Kubernetes that serves what the operator and its charts use: selectable fields of
/// custom resources are stable from here on.
const OLDEST_MINOR: u32 = 32;

/// Where each program is. A path's file name need not be the program's name.
#[derive(Debug, Clone)]
pub(crate) struct Binaries(BTreeMap<&'static str, PathBuf>);

impl Binaries {
    /// Finds each program, building what is missing. Blocks, for minutes when all is to be built,
    /// and tells on standard error how far it is.
    ///
    /// # Errors
    /// When something is to be built and Go is missing, too old, or fails.
    pub(crate) fn find_or_build() -> Result<Self> {
        let assets = std::env::var_os("KUBEBUILDER_ASSETS")
            // Links lead there from elsewhere.
            .map(std::path::absolute)
            .transpose()
            .context("KUBEBUILDER_ASSETS is not a path")?;
        let (found, missing): (Vec<_>, Vec<_>) = TOOLS
            .iter()
            .map(|tool| (tool, find(tool, assets.as_deref())))
            .partition(|(_, paths)| paths.is_some());
        let mut programs: BTreeMap<_, _> = found
            .into_iter()
            .filter_map(|(_, paths)| paths)
            .flatten()
            .collect();
        let steps = missing.len();
        for (step, (tool, _)) in missing.into_iter().enumerate() {
            let binary = build::build(tool, step + 1, steps)?;
            programs.extend(
                tool.programs
                    .iter()
                    .map(|program| (*program, binary.clone())),
            );
        }
        Ok(Self(programs))
    }

    /// Links every program into `dir`, each under its own name.
    pub(crate) fn link_into(&self, dir: &Path) -> Result<()> {
        std::fs::create_dir_all(dir)?;
        for (program, path) in &self.0 {
            symlink(path, dir.join(program))
                .with_context(|| format!("failed to link {program} into {}", dir.display()))?;
        }
        Ok(())
    }
}

/// The tool's programs in the assets, when all of them are there and fit, else in the cache.
fn find(tool: &Tool, assets: Option<&Path>) -> Option<Vec<(&'static str, PathBuf)>> {
    let everywhere_in = |dir: &Path| -> Vec<_> {
        tool.programs
            .iter()
            .map(|program| (*program, dir.join(program)))
            .collect()
    };
    let from_assets = assets.map(everywhere_in).filter(|programs| {
        programs.iter().all(|(_, path)| is_executable(path)) && fits(tool, programs)
    });
    from_assets.or_else(|| {
        let binary = build::cached(tool).ok()?;
        is_executable(&binary).then(|| {
            tool.programs
                .iter()
                .map(|program| (*program, binary.clone()))
                .collect()
        })
    })
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Whether a found tool can serve; only of Kubernetes does the version matter.
fn fits(tool: &Tool, programs: &[(&'static str, PathBuf)]) -> bool {
    let Some((_, server)) = programs
        .iter()
        .find(|(program, _)| *program == "kube-apiserver")
    else {
        return true;
    };
    let fits = Command::new(server)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| minor_version(&String::from_utf8_lossy(&output.stdout)))
        .is_some_and(|minor| minor >= OLDEST_MINOR);
    if !fits {
        build::say(&format!(
            "KUBEBUILDER_ASSETS: {} is not Kubernetes 1.{OLDEST_MINOR} or newer; {} is built instead",
            server.display(),
            tool.name
        ));
    }
    fits
}

/// The minor version in `Kubernetes v1.36.3`.
fn minor_version(text: &str) -> Option<u32> {
    text.trim()
        .strip_prefix("Kubernetes v1.")?
        .split('.')
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_version_is_read_from_what_the_server_prints() {
        assert_eq!(minor_version("Kubernetes v1.36.3\n"), Some(36));
        assert_eq!(
            minor_version("Kubernetes v0.0.0-master+$Format:%H$\n"),
            None
        );
        assert_eq!(minor_version(""), None);
    }

    #[test]
    fn assets_without_every_program_of_a_tool_are_not_used_for_it() {
        let assets = tempfile::tempdir().unwrap();
        for program in ["kube-apiserver", "kubectl", "kwok"] {
            let path = assets.path().join(program);
            std::fs::write(&path, "#!/bin/sh\necho Kubernetes v1.36.3\n").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let in_assets = |name: &str| {
            let tool = TOOLS.iter().find(|tool| tool.name == name).unwrap();
            find(tool, Some(assets.path())).is_some_and(|programs| {
                programs
                    .iter()
                    .all(|(_, path)| path.starts_with(assets.path()))
            })
        };
        assert!(in_assets("kwok"));
        assert!(
            !in_assets("kubernetes"),
            "the controller manager and the scheduler are not there"
        );
    }
}
