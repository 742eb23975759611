//! Compiled components: kept, found again, and made in a process of their own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use arcane_plugins::{CompileChild, CompileStatistics, HostSettings, PluginHost};

use crate::support::{bytes, context, job, patient, settings};

fn host(directory: &Path) -> PluginHost {
    PluginHost::new(HostSettings {
        cache_dir: Some(directory.join("cache")),
        ..settings()
    })
    .unwrap()
}

fn shapes(host: &PluginHost) {
    let plugin = host.load(&bytes("patch"), patient()).unwrap();
    assert!(plugin.render(&context(), &job()).result.unwrap().changed);
}

fn kept(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory.join("cache"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn a_component_is_compiled_once_for_all_programs_that_follow() {
    let directory = tempfile::tempdir().unwrap();
    shapes(&host(directory.path()));
    let [file] = kept(directory.path()).try_into().unwrap();
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let next = host(directory.path());
    shapes(&next);
    assert_eq!(
        next.statistics().compile,
        CompileStatistics {
            from_cache: 1,
            ..CompileStatistics::default()
        }
    );
}

#[test]
fn a_file_that_was_changed_is_not_loaded_but_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    shapes(&host(directory.path()));
    let [file] = kept(directory.path()).try_into().unwrap();
    let mut code = fs::read(&file).unwrap();
    let middle = code.len() / 2;
    code[middle] ^= 1;
    fs::write(&file, code).unwrap();

    let next = host(directory.path());
    shapes(&next);
    let statistics = next.statistics().compile;
    assert_eq!(statistics.cache_files_refused, 1);
    assert_eq!(statistics.compiled_here, 1);

    let third = host(directory.path());
    shapes(&third);
    assert_eq!(third.statistics().compile.from_cache, 1);
}

#[test]
fn a_file_that_others_could_have_written_is_not_loaded() {
    let directory = tempfile::tempdir().unwrap();
    shapes(&host(directory.path()));
    let [file] = kept(directory.path()).try_into().unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let next = host(directory.path());
    shapes(&next);
    assert_eq!(next.statistics().compile.cache_files_refused, 1);
}

#[test]
fn a_directory_that_others_can_enter_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let open = directory.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    let refused = PluginHost::new(HostSettings {
        cache_dir: Some(open),
        ..settings()
    });
    let text = format!("{:#}", refused.map(drop).unwrap_err());
    assert!(
        text.contains("0755") && text.contains("chmod 700"),
        "{text}"
    );
}

/// What the process that compiles runs: this test, in this program, does nothing otherwise.
#[test]
fn compile_child() {
    arcane_plugins::compile_child_main();
}

fn child() -> CompileChild {
    CompileChild {
        args: ["--exact", "compile::compile_child", "--nocapture"]
            .map(str::to_owned)
            .to_vec(),
        from_bytes: 0,
        ..CompileChild::this_program().unwrap()
    }
}

fn host_with(child: CompileChild) -> PluginHost {
    PluginHost::new(HostSettings {
        compile_child: Some(child),
        ..settings()
    })
    .unwrap()
}

fn failure(child: CompileChild, bytes: &[u8]) -> arcane_plugins::LoadError {
    host_with(child)
        .load(bytes, patient())
        .map(drop)
        .unwrap_err()
}

#[test]
fn a_component_is_compiled_in_a_process_of_its_own() {
    let host = host_with(child());
    shapes(&host);
    assert_eq!(
        host.statistics().compile,
        CompileStatistics {
            compiled_in_child: 1,
            ..CompileStatistics::default()
        }
    );
}

#[test]
fn a_small_component_is_compiled_here() {
    let host = host_with(CompileChild {
        from_bytes: 1 << 20,
        ..child()
    });
    shapes(&host);
    assert_eq!(host.statistics().compile.compiled_here, 1);
}

#[test]
fn what_the_child_finds_wrong_with_a_component_is_told() {
    let error = failure(child(), &bytes("truncated"));
    assert_eq!(error.reason(), "InvalidComponent");
    assert!(!error.is_transient());
}

#[test]
fn a_child_without_enough_memory_says_so() {
    let error = failure(
        CompileChild {
            memory_limit: 1 << 20,
            ..child()
        },
        &bytes("patch"),
    );
    assert_eq!(error.reason(), "CompilerFailed", "{error}");
    assert!(error.is_transient());
}

#[test]
fn a_child_that_cannot_be_started_or_ends_early_says_so() {
    let missing = failure(
        CompileChild {
            program: "/nonexistent/program".into(),
            ..child()
        },
        &bytes("patch"),
    );
    let text = missing.to_string();
    assert!(text.contains("/nonexistent/program"), "{text}");

    let early = failure(
        CompileChild {
            program: "/bin/false".into(),
            args: Vec::new(),
            ..child()
        },
        &bytes("patch"),
    );
    assert!(early.to_string().contains("exit status: 1"), "{early}");

    // It says that all went well, but has left nothing.
    let idle = failure(
        CompileChild {
            program: "/bin/true".into(),
            args: Vec::new(),
            ..child()
        },
        &bytes("patch"),
    );
    assert_eq!(idle.reason(), "CompilerFailed");
}
