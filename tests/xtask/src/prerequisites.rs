//! What must be on the machine before anything is built: looked for, installed where that is ours
//! to do, else named.
//!
//! A C compiler is not looked for: without a linker this very program could not have been built.
//! Its companion make is: the operator's allocator is built with both.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use arcane_plugin_build::{TARGET, Toolchain};

/// The Go version that the control plane's modules ask for.
const OLDEST_GO: (u32, u32) = (1, 26);
/// Where Go's own installer puts it, beside what `PATH` says.
const GO_OF_INSTALLER: &str = "/usr/local/go/bin";

/// A program that must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Builds the control plane.
    Go,
    /// Go fetches with it what its proxy does not have.
    Git,
    /// Builds the operator's allocator.
    Make,
    /// `cargo fmt`
    Rustfmt,
    /// `cargo clippy`
    Clippy,
    /// Builds plugins.
    Wasm,
}

/// Sees that everything needed is there, installing it where that is possible. Returns what `PATH`
/// must be, where something was found beside it.
pub fn satisfy(needs: &[Need]) -> Result<Option<OsString>> {
    let path = search_path();
    let missing = |path: &OsStr| -> Vec<Need> {
        let is_missing = |need: &Need| !need.is_there(path);
        needs.iter().copied().filter(is_missing).collect()
    };
    let lacking = missing(&path);
    if lacking.is_empty() {
        return Ok(env::var_os("PATH")
            .filter(|given| *given != path)
            .map(|_| path));
    }
    eprintln!(
        "missing: {}",
        lacking
            .iter()
            .map(|need| need.name())
            .collect::<Vec<_>>()
            .join(", ")
    );
    install(&lacking, &path);
    let path = search_path();
    let lacking = missing(&path);
    if lacking.is_empty() {
        return Ok(Some(path));
    }
    let remedies: Vec<_> = lacking
        .iter()
        .map(|need| format!("\n  {}: {}", need.name(), need.remedy()))
        .collect();
    bail!("this machine lacks what is needed:{}", remedies.concat());
}

impl Need {
    fn name(self) -> &'static str {
        match self {
            Need::Go => "Go 1.26 or newer",
            Need::Git => "git",
            Need::Make => "make",
            Need::Rustfmt => "rustfmt",
            Need::Clippy => "clippy",
            Need::Wasm => "a Rust that compiles to wasm32-unknown-unknown",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Need::Go => {
                "install it from go.dev/dl or with your package manager (on Debian the package \
                 golang-1.26-go, in backports where the release is older), so that `go version` \
                 works; or set KUBEBUILDER_ASSETS to a directory with etcd, kube-apiserver, \
                 kube-controller-manager, kube-scheduler, kubectl, kwok and helm"
            }
            Need::Git => "install the package git",
            Need::Make => "install the package make",
            Need::Rustfmt => "rustup component add rustfmt (or the package rustfmt)",
            Need::Clippy => "rustup component add clippy (or the package rust-clippy)",
            Need::Wasm => {
                "rustup target add wasm32-unknown-unknown; or, on Debian, the packages rustc-web, \
                 cargo-web and rust-web-src, which stand beside rustup's toolchain (without rustup \
                 lld too)"
            }
        }
    }

    fn is_there(self, path: &OsStr) -> bool {
        match self {
            // Ready-made programs need no Go; whether they fit is found out when they are started.
            Need::Go if env::var_os("KUBEBUILDER_ASSETS").is_some() => true,
            Need::Go => go(path).is_some_and(|version| version >= OLDEST_GO),
            Need::Git => answer(path, "git", &["--version"]).is_some(),
            Need::Make => answer(path, "make", &["--version"]).is_some(),
            Need::Rustfmt => answer(path, "cargo", &["fmt", "--version"]).is_some(),
            Need::Clippy => answer(path, "cargo", &["clippy", "--version"]).is_some(),
            Need::Wasm => Toolchain::find().is_ok(),
        }
    }

    /// The packages of Debian and its like.
    fn packages(self, path: &OsStr, has_rustup: bool) -> Vec<String> {
        let names: &[&str] = match self {
            Need::Go => {
                let names = answer(path, "apt-cache", &["pkgnames", "golang-1."]);
                let newest = names.and_then(|names| newest_go_package(&names));
                return newest.into_iter().collect();
            }
            Need::Git => &["git"],
            Need::Make => &["make"],
            Need::Rustfmt => &["rustfmt"],
            Need::Clippy => &["rust-clippy"],
            // A linker comes with rustup's toolchains.
            Need::Wasm if has_rustup => &["rustc-web", "cargo-web", "rust-web-src"],
            Need::Wasm => &["rustc-web", "cargo-web", "rust-web-src", "lld"],
        };
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// What rustup installs it with.
    fn of_rustup(self) -> Option<[&'static str; 3]> {
        match self {
            Need::Rustfmt => Some(["component", "add", "rustfmt"]),
            Need::Clippy => Some(["component", "add", "clippy"]),
            Need::Wasm => Some(["target", "add", TARGET]),
            Need::Go | Need::Git | Need::Make => None,
        }
    }
}

/// Tries what can be tried; what it is good for shows afterwards.
fn install(lacking: &[Need], path: &OsStr) {
    let has_rustup = answer(path, "rustup", &["--version"]).is_some();
    if has_rustup {
        for arguments in lacking.iter().filter_map(|need| need.of_rustup()) {
            report(visibly(path, "rustup", &arguments));
        }
    }
    let is_root = answer(path, "id", &["-u"]).is_some_and(|id| id.trim() == "0");
    if !is_root || answer(path, "apt-get", &["--version"]).is_none() {
        return;
    }
    let left: Vec<_> = lacking
        .iter()
        .filter(|need| !need.is_there(path))
        // What rustup has, it alone can add to its toolchain; targets can be had beside it.
        .filter(|need| !(has_rustup && matches!(need, Need::Rustfmt | Need::Clippy)))
        .collect();
    if left.is_empty() {
        return;
    }
    report(visibly(path, "apt-get", &["update"]));
    let packages: Vec<_> = (left.iter())
        .flat_map(|need| need.packages(path, has_rustup))
        .collect();
    if !packages.is_empty() {
        // Nothing that somebody has chosen makes room: a distribution's own Rust, for one.
        let mut arguments = vec!["install", "--yes", "--no-install-recommends", "--no-remove"];
        arguments.extend(packages.iter().map(String::as_str));
        report(visibly(path, "apt-get", &arguments));
    }
}

fn report(result: Result<()>) {
    if let Err(error) = result {
        eprintln!("{error:#}");
    }
}

/// Runs a program whose output is the progress that people see.
fn visibly(path: &OsStr, program: &str, arguments: &[&str]) -> Result<()> {
    eprintln!("$ {program} {}", arguments.join(" "));
    let status = Command::new(program)
        .args(arguments)
        .env("PATH", path)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("failed to start {program}"))?;
    if !status.success() {
        bail!("{program} failed ({status})");
    }
    Ok(())
}

/// What a program prints when it succeeds.
fn answer(path: &OsStr, program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn go(path: &OsStr) -> Option<(u32, u32)> {
    let version = answer(path, "go", &["env", "GOVERSION"])?;
    version_in(version.trim().strip_prefix("go")?)
}

/// Major and minor at the beginning of `1.26.8`, `1.27rc1` or `1.26-go`.
fn version_in(text: &str) -> Option<(u32, u32)> {
    let (major, rest) = text.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The newest package with a Go that is new enough.
fn newest_go_package(names: &str) -> Option<String> {
    let version = |name: &str| version_in(name.strip_prefix("golang-")?.strip_suffix("-go")?);
    names
        .lines()
        .filter_map(|name| Some((version(name)?, name)))
        .filter(|(version, _)| *version >= OLDEST_GO)
        .max()
        .map(|(_, name)| name.to_owned())
}

/// `PATH`, and behind it where Go is installed without being on it.
fn search_path() -> OsString {
    let given = env::var_os("PATH").unwrap_or_default();
    if go(&given).is_some_and(|version| version >= OLDEST_GO) {
        return given;
    }
    let found = go_of_packages(Path::new("/usr/lib"))
        .into_iter()
        .chain([PathBuf::from(GO_OF_INSTALLER)])
        .find(|dir| go(dir.as_os_str()).is_some_and(|version| version >= OLDEST_GO));
    let Some(found) = found else { return given };
    // In front: what is on the path may be an older Go.
    let dirs = [found].into_iter().chain(env::split_paths(&given));
    env::join_paths(dirs).unwrap_or(given)
}

/// Debian's packages bring `/usr/lib/go-1.26/bin`, which is on nobody's path. Newest first.
fn go_of_packages(lib: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(lib).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = version_in(name.to_str()?.strip_prefix("go-")?)?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, dir)| dir).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(version_in("1.26.8"), Some((1, 26)));
        assert_eq!(version_in("1.27rc1"), Some((1, 27)));
        assert!(version_in("1.9").unwrap() < OLDEST_GO);
        assert_eq!(version_in("devel"), None);
    }

    #[test]
    fn of_several_go_packages_the_newest_that_is_new_enough_is_taken() {
        let names = "golang-1.19-go\ngolang-1.27-go\ngolang-1.26-go\ngolang-1.28-doc\n";
        assert_eq!(newest_go_package(names).as_deref(), Some("golang-1.27-go"));
        assert_eq!(newest_go_package("golang-1.19-go\n"), None);
    }

    #[test]
    fn gos_beside_the_path_are_found_newest_first() {
        let lib = tempfile::tempdir().unwrap();
        for name in ["go-1.9", "go-1.26", "go", "gcc"] {
            std::fs::create_dir(lib.path().join(name)).unwrap();
        }
        let bin = |name: &str| lib.path().join(name).join("bin");
        assert_eq!(go_of_packages(lib.path()), [bin("go-1.26"), bin("go-1.9")]);
    }
}
