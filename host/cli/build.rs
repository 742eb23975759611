//! Puts the source of the SDK, which is on no registry, and of the project template into the binary.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let sdk = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../plugins-sdk/rust");
    let sdk = sdk
        .canonicalize()
        .context("the SDK is not where it belongs")?;
    let mut code = String::new();
    let source = ["Cargo.toml", "src", "wit"].map(|part| sdk.join(part));
    table(&mut code, "SDK", &sdk, &source)?;
    let template = sdk.join("template");
    table(
        &mut code,
        "TEMPLATE",
        &template,
        std::slice::from_ref(&template),
    )?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("embedded.rs");
    fs::write(&out, code).with_context(|| out.display().to_string())
}

/// A table of files below `root`: path there, and content.
fn table(code: &mut String, name: &str, root: &Path, parts: &[PathBuf]) -> Result<()> {
    let mut files = Vec::new();
    for part in parts {
        println!("cargo::rerun-if-changed={}", part.display());
        collect(part, &mut files)?;
    }
    files.sort();
    writeln!(code, "static {name}: &[(&str, &str)] = &[")?;
    for file in files {
        let path = file
            .strip_prefix(root)?
            .to_str()
            .context("a path is no UTF-8")?;
        let file = file.to_str().context("a path is no UTF-8")?;
        writeln!(code, "    ({path:?}, include_str!({file:?})),")?;
    }
    writeln!(code, "];")?;
    Ok(())
}

/// Every file below `path`, without what building a project there leaves.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
        let entry = entry?;
        if entry.file_name() != "target" && entry.file_name() != "vendor" {
            collect(&entry.path(), files)?;
        }
    }
    Ok(())
}
