//! What is installed.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::TARGET;
use crate::toolchain::{Probes, Rust};

/// Where distributions put their compiler; behind a rustup it is on nobody's `PATH`.
const OF_DISTRIBUTION: &str = "/usr";

pub(crate) fn probe() -> Probes {
    let mut sysroots: Vec<PathBuf> = Vec::new();
    let active = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    if let Some(sysroot) = answer(&active, &["--print", "sysroot"]) {
        let sysroot = PathBuf::from(sysroot.trim());
        sysroots.push(sysroot.clone());
        sysroots.extend(siblings(&sysroot));
    }
    sysroots.push(OF_DISTRIBUTION.into());

    let mut seen = Vec::new();
    let mut rusts = Vec::new();
    for sysroot in sysroots {
        // Names of one toolchain may be links to another.
        let real = sysroot.canonicalize().unwrap_or_else(|_| sysroot.clone());
        if !seen.contains(&real) {
            seen.push(real);
            rusts.extend(rust(&sysroot));
        }
    }
    Probes {
        rusts,
        linker: on_path("wasm-ld"),
    }
}

/// Where cargo keeps what it has fetched.
pub(crate) fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cargo")))
}

/// The other toolchains of the rustup that has this one.
fn siblings(sysroot: &Path) -> Vec<PathBuf> {
    let Some(toolchains) = sysroot.parent().filter(|dir| dir.ends_with("toolchains")) else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(toolchains).into_iter().flatten();
    let mut found: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

fn rust(sysroot: &Path) -> Option<Rust> {
    let rustc = sysroot.join("bin/rustc");
    if !rustc.is_file() {
        return None;
    }
    let about = answer(&rustc, &["--version", "--verbose"])?;
    let about_of = |key: &str| {
        about
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
    };
    let version = version_in(about_of("release")?)?;
    let lib = sysroot.join("lib/rustlib");
    let linker = lib.join(about_of("host")?).join("bin/rust-lld");
    let std = std::fs::read_dir(lib.join(TARGET).join("lib"))
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| is_std(&entry.file_name()));
    Some(Rust {
        sysroot: sysroot.to_owned(),
        version,
        has_cargo: sysroot.join("bin/cargo").is_file(),
        has_target: std,
        has_source: lib.join("src/rust/library/Cargo.lock").is_file(),
        linker: Some(linker).filter(|linker| linker.is_file()),
    })
}

/// Whether a file is the compiled standard library.
fn is_std(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("libstd-") && name.ends_with(".rlib")
}

/// Major and minor at the beginning of `1.96.0` or `1.97.0-nightly`.
fn version_in(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// What a program prints when it succeeds.
fn answer(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_of_this_test_is_among_what_is_found() {
        let probes = probe();
        let first = probes.rusts.first().unwrap();
        assert!(first.version >= (1, 95) && first.has_cargo, "{first:?}");
    }

    #[test]
    fn versions_are_read_from_releases() {
        assert_eq!(version_in("1.96.0"), Some((1, 96)));
        assert_eq!(version_in("1.98.0-nightly"), Some((1, 98)));
        assert_eq!(version_in("devel"), None);
    }

    #[test]
    fn toolchains_beside_the_active_one_are_found() {
        let home = tempfile::tempdir().unwrap();
        let toolchains = home.path().join("toolchains");
        for name in ["stable", "beta"] {
            std::fs::create_dir_all(toolchains.join(name)).unwrap();
        }
        let found = siblings(&toolchains.join("stable"));
        assert_eq!(found, [toolchains.join("beta"), toolchains.join("stable")]);
        assert!(siblings(home.path()).is_empty());
    }

    #[test]
    fn a_directory_without_a_compiler_is_no_rust() {
        let dir = tempfile::tempdir().unwrap();
        assert!(rust(dir.path()).is_none());
        assert!(is_std("libstd-0123.rlib".as_ref()) && !is_std("libcore-0123.rlib".as_ref()));
    }
}
