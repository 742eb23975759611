//! The project that every author starts from.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use arcane_plugin_build::{BuildError, Options, build_plugin};
use wit_parser::WorldItem;
use wit_parser::decoding::DecodedWasm;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All builds of plugins share it: the standard library is built once.
fn options() -> Options {
    Options {
        target_dir: Some(repository().join("target/plugins")),
        ..Options::default()
    }
}

/// Copies a directory; what links point to is copied too.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// A project as authors get it, outside of this repository's workspace.
fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let sdk = repository().join("plugins-sdk/rust");
    let vendored = dir.path().join("vendor/arcane-plugin-sdk");
    copy(&sdk.join("template"), dir.path());
    for part in ["src", "wit"] {
        copy(&sdk.join(part), &vendored.join(part));
    }
    fs::copy(sdk.join("Cargo.toml"), vendored.join("Cargo.toml")).unwrap();
    dir
}

/// What a component imports and exports.
fn interfaces(component: &[u8]) -> (BTreeSet<String>, BTreeSet<String>) {
    let decoded = wit_parser::decoding::decode(component).unwrap();
    let DecodedWasm::Component(resolve, world) = decoded else {
        panic!("a package of interfaces, not a component");
    };
    let world = &resolve.worlds[world];
    let names = |items: Vec<&WorldItem>| {
        let name = |item| match item {
            &WorldItem::Interface { id, .. } => resolve.id_of(id).unwrap(),
            other => panic!("{other:?}"),
        };
        items.into_iter().map(name).collect()
    };
    (
        names(world.imports.values().collect()),
        names(world.exports.values().collect()),
    )
}

#[test]
fn the_template_makes_a_small_component_of_the_contract() {
    let project = project();
    let built = build_plugin(project.path(), &options()).unwrap();
    assert_eq!(built.package, "my-plugin");
    assert_eq!(fs::read(&built.path).unwrap(), built.component);
    let has = |text: &[u8]| built.component.windows(text.len()).any(|part| part == text);
    assert!(
        has(b"crates/") && !has(b"/registry/src/"),
        "paths of this machine"
    );
    assert!(
        built.component.len() < 100_000,
        "{} bytes",
        built.component.len()
    );

    let name = |interface: &&str| format!("arcane:stream-plugin/{interface}@0.1.0");
    let (imports, exports) = interfaces(&built.component);
    let expected: BTreeSet<_> = ["logging", "types"].iter().map(name).collect();
    assert_eq!(imports, expected);
    let expected: BTreeSet<_> = ["configuration", "decider", "metadata", "renderer", "ticker"]
        .iter()
        .map(name)
        .collect();
    assert_eq!(exports, expected);
}

#[test]
fn a_project_that_is_no_plugin_is_told_why() {
    let dir = tempfile::tempdir().unwrap();
    let template = fs::read_to_string(repository().join("plugins-sdk/rust/template/Cargo.toml"));
    // The same profile, so that the standard library is not built again.
    let profile = template
        .unwrap()
        .split_once("[profile.release]")
        .unwrap()
        .1
        .to_owned();
    let manifest = format!(
        "[workspace]\n[package]\nname = \"other\"\nedition = \"2024\"\n[profile.release]{profile}"
    );
    fs::create_dir(dir.path().join("src")).unwrap();
    let write = |file: &str, text: &str| fs::write(dir.path().join(file), text).unwrap();

    write("Cargo.toml", &manifest);
    write("src/lib.rs", "");
    let error = build_plugin(dir.path(), &options()).unwrap_err();
    assert!(error.to_string().contains("export_plugin!"), "{error}");

    write("src/lib.rs", "this is no Rust");
    let error = build_plugin(dir.path(), &options()).unwrap_err();
    assert!(matches!(error, BuildError::Cargo { .. }), "{error}");
}
