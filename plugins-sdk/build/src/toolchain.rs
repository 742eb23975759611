//! Which cargo and which compiler can build plugins on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::TARGET;
use crate::machine;

/// The Rust version that the SDK and its dependencies ask for.
const OLDEST: (u32, u32) = (1, 87);

/// A cargo and a compiler that can build plugins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    /// The standard library has to be built first, from its source.
    builds_std: bool,
    /// Where the compiler brings no linker of its own.
    linker: Option<PathBuf>,
}

/// Why no toolchain can build plugins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolchainError {
    /// No Rust at all.
    #[error("no Rust was found; {INSTALL}")]
    NoRust,
    /// Compilers, but none that can.
    #[error(
        "no Rust on this machine can compile to {TARGET}: {}; {INSTALL}", listed(.0)
    )]
    NoTarget(Vec<Flaw>),
}

const INSTALL: &str = "run `rustup target add wasm32-unknown-unknown`, or, where that is not \
    possible, install Debian's packages rustc-web, cargo-web and rust-web-src, and lld";

/// A toolchain that cannot, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Its directory.
    pub sysroot: PathBuf,
    /// What it lacks.
    pub lacks: &'static str,
}

fn listed(flaws: &[Flaw]) -> String {
    let lines: Vec<_> = flaws
        .iter()
        .map(|flaw| format!("{} {}", flaw.sysroot.display(), flaw.lacks))
        .collect();
    lines.join(", ")
}

/// What was found on the machine, best first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Probes {
    pub(crate) rusts: Vec<Rust>,
    /// A linker for WebAssembly on `PATH`.
    pub(crate) linker: Option<PathBuf>,
}

/// An installed Rust.
#[derive(Debug, Clone)]
pub(crate) struct Rust {
    pub(crate) sysroot: PathBuf,
    pub(crate) version: (u32, u32),
    pub(crate) has_cargo: bool,
    /// The standard library of the target, compiled.
    pub(crate) has_target: bool,
    /// The standard library's source.
    pub(crate) has_source: bool,
    /// Its own `rust-lld`.
    pub(crate) linker: Option<PathBuf>,
}

impl Toolchain {
    /// Looks for one: one that has the target's standard library if there is any, else one that has
    /// the source of it. Of several, the one that runs when `rustc` is called.
    ///
    /// # Errors
    /// There is none; the message says what to install.
    pub fn find() -> Result<Self, ToolchainError> {
        select(&machine::probe())
    }

    /// The call that compiles, to be given a command such as `build` and more arguments.
    #[must_use]
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        command.env("RUSTC", &self.rustc);
        if self.builds_std {
            // Building the standard library is not stable; with this, a stable compiler does it.
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }

    /// Arguments of every command that compiles for the target.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--target".to_owned(), TARGET.to_owned()];
        if self.builds_std {
            arguments.push("-Zbuild-std=std,panic_abort".to_owned());
        }
        // A small stack lies in few pages, which makes a fresh instance cheap.
        let mut flags = vec!["-Clink-arg=-zstack-size=65536".to_owned()];
        // The same source gives the same component, wherever a machine keeps it.
        for (dir, name) in self.machines_own() {
            flags.push(format!("--remap-path-prefix={}={name}", dir.display()));
        }
        if let Some(linker) = &self.linker {
            flags.push("-Clinker-flavor=wasm-ld".to_owned());
            arguments.push("--config".to_owned());
            arguments.push(format!(
                "target.{TARGET}.linker={:?}",
                linker.display().to_string()
            ));
        }
        arguments.push("--config".to_owned());
        arguments.push(format!("target.{TARGET}.rustflags={flags:?}"));
        arguments
    }

    /// Where this machine keeps the source of what plugins are made of, and what it is called in
    /// panics instead.
    fn machines_own(&self) -> Vec<(PathBuf, &'static str)> {
        let std = self.sysroot().join("lib/rustlib/src/rust");
        let crates = machine::cargo_home().map(|home| home.join("registry/src"));
        let crates = crates.map(|dir| (dir, "crates"));
        [(std, "rust")].into_iter().chain(crates).collect()
    }

    /// Directory of the compiler's installation.
    #[must_use]
    pub fn sysroot(&self) -> &Path {
        let bin = self.rustc.parent();
        bin.and_then(Path::parent).unwrap_or(Path::new("/"))
    }

    /// Whether the standard library is built from its source, which takes about a minute the first
    /// time in a target directory.
    #[must_use]
    pub fn builds_std(&self) -> bool {
        self.builds_std
    }
}

/// Which of what was found can build plugins.
pub(crate) fn select(probes: &Probes) -> Result<Toolchain, ToolchainError> {
    if probes.rusts.is_empty() {
        return Err(ToolchainError::NoRust);
    }
    // Any linker of Rust's links what any Rust compiles.
    let spare = probes
        .rusts
        .iter()
        .find_map(|rust| rust.linker.as_ref())
        .or(probes.linker.as_ref());
    let toolchain = |rust: &Rust| Toolchain {
        cargo: rust.sysroot.join("bin/cargo"),
        rustc: rust.sysroot.join("bin/rustc"),
        builds_std: !rust.has_target,
        linker: spare.filter(|_| rust.linker.is_none()).cloned(),
    };
    let mut able: Vec<_> = (probes.rusts.iter())
        .filter(|rust| flaw(rust, spare.is_some()).is_none())
        .collect();
    // Stable: what comes first stays first among its like.
    able.sort_by_key(|rust| !rust.has_target);
    if let Some(rust) = able.first() {
        return Ok(toolchain(rust));
    }
    let flaws = probes.rusts.iter().filter_map(|rust| {
        Some(Flaw {
            sysroot: rust.sysroot.clone(),
            lacks: flaw(rust, spare.is_some())?,
        })
    });
    Err(ToolchainError::NoTarget(flaws.collect()))
}

fn flaw(rust: &Rust, has_linker: bool) -> Option<&'static str> {
    if rust.version < OLDEST {
        Some("is older than 1.87")
    } else if !rust.has_cargo {
        Some("has no cargo")
    } else if !rust.has_target && !rust.has_source {
        Some("has neither the target's standard library nor its source")
    } else if rust.linker.is_none() && !has_linker {
        Some("has no linker for the target (rust-lld or wasm-ld)")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust(sysroot: &str) -> Rust {
        Rust {
            sysroot: sysroot.into(),
            version: (1, 95),
            has_cargo: true,
            has_target: false,
            has_source: false,
            linker: None,
        }
    }

    fn of_rustup(name: &str) -> Rust {
        let sysroot = format!("/rustup/{name}");
        Rust {
            linker: Some(format!("{sysroot}/rust-lld").into()),
            ..rust(&sysroot)
        }
    }

    fn found(rusts: Vec<Rust>) -> Result<Toolchain, ToolchainError> {
        select(&Probes {
            rusts,
            linker: None,
        })
    }

    #[test]
    fn an_installed_target_is_preferred_to_building_the_library() {
        let source = Rust {
            has_source: true,
            ..of_rustup("stable")
        };
        let target = Rust {
            has_target: true,
            ..of_rustup("other")
        };
        let toolchain = found(vec![source, target]).unwrap();
        assert_eq!(toolchain.sysroot(), Path::new("/rustup/other"));
        assert!(!toolchain.builds_std());
        assert!(
            !toolchain
                .arguments()
                .iter()
                .any(|argument| argument.contains("build-std") || argument.contains("linker"))
        );
    }

    #[test]
    fn of_two_that_are_able_the_first_is_taken() {
        let able = |name| Rust {
            has_target: true,
            ..of_rustup(name)
        };
        let toolchain = found(vec![of_rustup("bare"), able("one"), able("two")]).unwrap();
        assert_eq!(toolchain.sysroot(), Path::new("/rustup/one"));
    }

    #[test]
    fn debians_compiler_builds_the_library_and_borrows_a_linker() {
        let debian = Rust {
            has_source: true,
            ..rust("/usr")
        };
        let toolchain = found(vec![of_rustup("stable"), debian.clone()]).unwrap();
        assert_eq!(toolchain.sysroot(), Path::new("/usr"));
        let arguments = toolchain.arguments();
        assert!(arguments.contains(&"-Zbuild-std=std,panic_abort".to_owned()));
        let flags = arguments.last().unwrap();
        let renamed = "\"--remap-path-prefix=/usr/lib/rustlib/src/rust=rust\"";
        assert!(flags.contains(renamed), "{flags}");
        assert!(arguments.contains(
            &"target.wasm32-unknown-unknown.linker=\"/rustup/stable/rust-lld\"".to_owned()
        ));
        assert!(
            arguments
                .iter()
                .any(|a| a.contains("-Clinker-flavor=wasm-ld"))
        );
        let bootstrap = ("RUSTC_BOOTSTRAP".as_ref(), Some("1".as_ref()));
        assert!(toolchain.cargo().get_envs().any(|env| env == bootstrap));

        let with_lld = select(&Probes {
            rusts: vec![debian],
            linker: Some("/usr/bin/wasm-ld".into()),
        });
        assert_eq!(
            with_lld.unwrap().linker,
            Some(PathBuf::from("/usr/bin/wasm-ld"))
        );
    }

    #[test]
    fn what_cannot_is_told_with_what_to_install() {
        let old = Rust {
            version: (1, 63),
            has_target: true,
            ..rust("/usr")
        };
        let without_linker = Rust {
            has_source: true,
            ..rust("/opt/rust")
        };
        let error = found(vec![old.clone(), without_linker]).unwrap_err();
        let message = error.to_string();
        for part in [
            "/usr is older than 1.87",
            "/opt/rust has no linker",
            "rustup target add wasm32-unknown-unknown",
            "rustc-web, cargo-web and rust-web-src",
        ] {
            assert!(message.contains(part), "{message}");
        }
        assert_eq!(found(Vec::new()), Err(ToolchainError::NoRust));
        let bare = found(vec![of_rustup("stable")]).unwrap_err().to_string();
        assert!(
            bare.contains("neither the target's standard library"),
            "{bare}"
        );
        let alone = Rust {
            has_cargo: false,
            has_target: true,
            ..of_rustup("stable")
        };
        assert!(found(vec![alone]).is_err());
    }
}
