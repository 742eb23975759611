//! Files that are generated from the code and checked in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// Where the CRDs lie, from the root.
const CRDS: &str = "charts/arcane-host-crds/templates";

/// Writes every file that is not as it should be, and removes those that should not be.
pub fn write(workspace: &Workspace) -> Result<ExitCode> {
    let folder = workspace.root.join(CRDS);
    let generated = generated(workspace)?;
    let differences = differences(&folder, &generated)?;
    for Difference { file, wanted } in &differences {
        match wanted {
            Some(text) => fs::write(file, text),
            None => fs::remove_file(file),
        }
        .with_context(|| format!("failed to change {}", file.display()))?;
        println!("{}", relative(workspace, file).display());
    }
    println!("{} changed", differences.len());
    Ok(ExitCode::SUCCESS)
}

/// Fails when [`write`] would change anything.
pub fn check(workspace: &Workspace) -> Result<ExitCode> {
    let folder = workspace.root.join(CRDS);
    let generated = generated(workspace)?;
    let differences = differences(&folder, &generated)?;
    if differences.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let files: Vec<_> = differences
        .iter()
        .map(|difference| relative(workspace, &difference.file).display().to_string())
        .collect();
    bail!(
        "out of date: {}; run `cargo xtask generate` and commit the result",
        files.join(", ")
    );
}

fn relative<'a>(workspace: &Workspace, file: &'a Path) -> &'a Path {
    file.strip_prefix(&workspace.root).unwrap_or(file)
}

/// Name and text of each file, by the code as it is now.
fn generated(workspace: &Workspace) -> Result<BTreeMap<String, String>> {
    let program = workspace.build("--example", "manifests", false)?;
    let output = workspace.command(program).output()?;
    serde_json::from_slice(&output.stdout).context("the example `manifests` prints no manifests")
}

/// A file that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
struct Difference<'a> {
    file: PathBuf,
    /// Its text; none for a file that should not be there.
    wanted: Option<&'a str>,
}

fn differences<'a>(
    folder: &Path,
    wanted: &'a BTreeMap<String, String>,
) -> Result<Vec<Difference<'a>>> {
    let mut differences: Vec<_> = wanted
        .iter()
        .map(|(name, text)| (folder.join(name), text))
        .filter(|(file, text)| fs::read_to_string(file).ok().as_ref() != Some(text))
        .map(|(file, text)| Difference {
            file,
            wanted: Some(text),
        })
        .collect();
    let there = fs::read_dir(folder)
        .with_context(|| format!("failed to read the folder {}", folder.display()))?;
    for entry in there {
        let entry = entry?;
        if !wanted.contains_key(&*entry.file_name().to_string_lossy()) {
            differences.push(Difference {
                file: entry.path(),
                wanted: None,
            });
        }
    }
    Ok(differences)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_differs_by_its_text_by_being_missing_or_by_being_there() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("same", "1"), ("other", "1"), ("stray", "1")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let wanted = [("same", "1"), ("other", "2"), ("missing", "3")]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into();
        let differences = differences(folder.path(), &wanted).unwrap();
        let found: Vec<_> = differences
            .iter()
            .map(|difference| {
                let name = difference.file.file_name().unwrap().to_str().unwrap();
                (name, difference.wanted)
            })
            .collect();
        assert_eq!(
            found,
            [
                ("missing", Some("3")),
                ("other", Some("2")),
                ("stray", None)
            ]
        );
    }
}
