//! What is taken into service, and what is said of what is not.

use std::collections::BTreeSet;

use arcane_guests::Builder;
use arcane_plugins::rails::Grant;
use arcane_plugins::source::{self, Part};
use arcane_plugins::{Hook, HostSettings, LoadError, PluginHost, PluginSettings};
use serde_json::json;

use crate::support::{bytes, host, load, patient, settings};

fn refusal(name: &str) -> LoadError {
    host().load(&bytes(name), patient()).map(drop).unwrap_err()
}

#[test]
fn a_plugin_is_known_by_what_it_says_of_itself() {
    let guest = Builder::new("described")
        .grants(&["placement", "images"])
        .decide(arcane_guests::Decide::Default)
        .build()
        .unwrap();
    let plugin = host().load(&guest, patient()).unwrap();
    let description = plugin.description();
    assert_eq!(description.name, "described");
    assert_eq!(description.version, "1.0.0");
    assert_eq!(description.summary, "A guest for tests.");
    assert!(description.hooks.contains(&Hook::JobFailed));
    assert!(!description.hooks.contains(&Hook::Render));
    let asked = BTreeSet::from([Grant::Placement, Grant::Images]);
    assert_eq!(description.grants, asked);
    assert_eq!(*plugin.missing_grants(), asked);
    assert_eq!(plugin.digest(), source::verify(&guest, None).unwrap());
}

#[test]
fn all_imports_that_are_not_given_are_named() {
    let text = refusal("wasi").to_string();
    assert!(text.contains("wasi:cli/environment@0.2.0"), "{text}");
    assert!(text.contains("wasi:sockets/network@0.2.0"), "{text}");
    assert!(text.contains("without WASI"), "{text}");
    let text = refusal("unknown-import").to_string();
    assert!(text.contains("acme:gadgets/laser"), "{text}");
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    for (name, words) in [
        (
            "wrong-version",
            &["logging@0.2.0", "this host serves 0.1.0"][..],
        ),
        ("no-metadata", &["renderer@0.1.0", "metadata"]),
        ("hook-without-renderer", &["hook render", "export renderer"]),
        (
            "hook-without-decider",
            &["hook job-failed", "export decider"],
        ),
        ("tick-without-decider", &["hook tick", "export decider"]),
        ("unknown-hook", &["hooks", "\"sleep\" is not known"]),
        ("unknown-grant", &["grants", "\"everything\" is not known"]),
        ("bad-name", &["name", "\"Bad Name\""]),
        (
            "core-module",
            &["core WebAssembly module", "kubectl arcane plugin build"],
        ),
        ("text", &["this is text"]),
        ("truncated", &["arrived whole"]),
        ("trap-describe", &["describe failed", "unreachable"]),
    ] {
        let text = refusal(name).to_string();
        for word in words {
            assert!(text.contains(word), "{name}: {word:?} is not in: {text}");
        }
    }
}

#[test]
fn a_component_cut_anywhere_is_refused_without_harm() {
    let whole = bytes("unchanged");
    for length in (0..whole.len()).step_by(97) {
        let cut = host().load(&whole[..length], patient());
        assert!(cut.is_err(), "{length}");
    }
}

#[test]
fn a_configuration_is_checked_when_it_is_taken_into_service() {
    let mut lines = Vec::new();
    let error = host()
        .load_logged(
            &bytes("picky-config"),
            PluginSettings {
                config: json!({"zone": "x"}),
                ..patient()
            },
            &mut lines,
        )
        .map(drop)
        .unwrap_err();
    assert_eq!(error.reason(), "ConfigRefused");
    assert!(
        error.to_string().contains("field `zone`: set one of a, b"),
        "{error}"
    );
    assert_eq!(lines[0].message, "checking");
    load("picky-config");
}

#[test]
fn a_component_beyond_the_limit_is_not_even_compiled() {
    let host = PluginHost::new(HostSettings {
        maximum_component_bytes: 1_000,
        ..settings()
    })
    .unwrap();
    let error = host
        .load(&bytes("unchanged"), patient())
        .map(drop)
        .unwrap_err();
    assert_eq!(error.reason(), "ComponentTooLarge");
    assert_eq!(host.statistics().compile.compiled_here, 0);
}

#[test]
fn a_component_out_of_config_maps_is_the_component() {
    let whole = bytes("unchanged");
    let packed = arcane_guests::zstd(&whole).unwrap();
    let (front, back) = packed.split_at(packed.len() / 2);
    let parts = [Part::Binary(front), Part::Binary(back)];
    let assembled = source::assemble(&parts, 1 << 20).unwrap();
    let digest = source::verify(&assembled, None).unwrap();
    let plugin = host().load(&assembled, patient()).unwrap();
    assert_eq!(plugin.digest(), digest);
}

#[test]
fn a_decompression_bomb_is_stopped_at_the_limit() {
    for bomb in [
        arcane_guests::gzip_bomb(512).unwrap(),
        arcane_guests::zstd_bomb(512).unwrap(),
    ] {
        assert!(bomb.len() < 1 << 20);
        let error = source::assemble(&[Part::Binary(&bomb)], 1 << 20).unwrap_err();
        assert_eq!(error.reason(), "ComponentTooLarge");
    }
}

#[test]
fn one_component_in_many_classes_is_compiled_once() {
    let host = PluginHost::new(settings()).unwrap();
    let bytes = bytes("patch");
    let plugins: Vec<_> = std::thread::scope(|scope| {
        let loads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| host.load(&bytes, patient()).unwrap()))
            .collect();
        loads.into_iter().map(|load| load.join().unwrap()).collect()
    });
    let statistics = host.statistics();
    assert_eq!(statistics.compile.compiled_here, 1);
    assert_eq!(statistics.loaded, [plugins[0].digest()]);
    drop(plugins);
    assert!(host.statistics().loaded.is_empty());
    host.load(&bytes, patient()).unwrap();
    assert_eq!(host.statistics().compile.compiled_here, 2);
}
