//! What people read.

use arcane_plugins::rails::{EffectiveGrants, judge};
use serde_json::json;

use crate::support::{all_asked, class, edited, refusals, remove, set, streaming};

fn said(edit: crate::support::Edit, grants: &EffectiveGrants) -> String {
    let found = refusals(&streaming(), &[edit], grants);
    let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
    texts.join("\n")
}

#[test]
fn a_refusal_tells_where_what_and_how_it_can_be_allowed() {
    let nothing = all_asked(&class(json!({})));
    for (edit, text) in [
        (
            set("nodeSelector/pool", json!("spot")),
            "spec.template.spec.nodeSelector: {\"pool\":\"spot\"} is proposed in place of \
             {\"pool\":\"streams\"}; this needs the grant placement: set \
             spec.plugin.grants.placement: true in the StreamClass",
        ),
        (
            set("containers/0/image", json!("evil:1")),
            "spec.template.spec.containers[0:main].image: \"evil:1\" is proposed in place of \
             \"registry.example.com/stream:1.4.0\"; this needs the grant images: set \
             spec.plugin.grants.images in the StreamClass: [\"evil:1\"]",
        ),
        (
            set("containers/0/resources/limits/memory", json!("8Gi")),
            "spec.template.spec.containers[0:main].resources.limits.memory: \"8Gi\" is proposed in \
             place of \"4Gi\"; this needs the grant resources: set \
             spec.plugin.grants.resources.memory in the StreamClass to the most that it may be",
        ),
        (
            remove("hostUsers"),
            "spec.template.spec.hostUsers: nothing is proposed in place of false; this needs the \
             grant hostNamespaces: set spec.plugin.grants.hostNamespaces: true in the StreamClass",
        ),
        (
            set("/metadata/name", json!("other")),
            "metadata.name: \"other\" is proposed in place of \"orders\"; no grant allows this: it \
             tells whose Job this is",
        ),
        (
            set("/metadata/labels/arcane~1stream-id", json!("other")),
            "metadata.labels[\"arcane/stream-id\"]: \"other\" is proposed in place of \"orders\"; no \
             grant allows this: labels and annotations of this name are for the platform and for \
             Kubernetes",
        ),
        (
            set("hostnetwork", json!(true)),
            "spec.template.spec.hostnetwork: true is proposed in place of nothing; no grant allows \
             this: this field is not known here, so what it can do is not known either; set it in \
             the template",
        ),
    ] {
        assert_eq!(said(edit, &nothing), text);
    }
}

#[test]
fn a_class_that_grants_some_is_told_what_to_add() {
    let some = all_asked(&class(
        json!({"images": ["a"], "resources": {"memory": "5Gi"}}),
    ));
    let image = said(set("containers/0/image", json!("b")), &some);
    assert!(
        image.contains("add to spec.plugin.grants.images in the StreamClass: [\"b\"]"),
        "{image}"
    );
    let memory = said(
        set("containers/0/resources/limits/memory", json!("8Gi")),
        &some,
    );
    assert!(
        memory
            .contains("raise spec.plugin.grants.resources.memory in the StreamClass, which is 5Gi"),
        "{memory}"
    );
    let removed = said(remove("containers/0/resources/limits/memory"), &some);
    assert!(removed.contains("set a limit, of at most 5Gi"), "{removed}");
}

#[test]
fn hostile_values_are_shown_short_and_harmless() {
    let nothing = EffectiveGrants::default();
    let evil = format!("\u{1b}[2J\n\u{202e}{}", "x".repeat(1 << 20));
    for edit in [
        set("nodeName", json!(evil)),
        set(&format!("/{evil}"), json!(1)),
        set(&format!("/metadata/labels/arcane~1{evil}"), json!("a")),
        set("containers/-", json!({"name": evil, "image": evil})),
        set("containers/0/resources/limits/a", json!(evil)),
        set(&format!("containers/0/resources/limits/{evil}"), json!(1)),
        set("containers/0/image", json!(evil)),
    ] {
        let text = said(edit, &nothing);
        assert!(!text.is_empty());
        for line in text.lines() {
            assert!(line.len() < 1_000, "{line}");
            assert!(
                !line.contains(|c: char| c.is_control() || c == '\u{202e}'),
                "{line:?}"
            );
        }
    }
}

#[test]
fn of_very_many_refusals_a_few_are_told() {
    let job = streaming();
    let edits: Vec<_> = (0..1_000)
        .map(|index| set(&format!("unknown{index}"), json!(1)))
        .collect();
    let proposed = edited(&job, &edits);
    let found = judge(&job, &proposed, &EffectiveGrants::default()).unwrap_err();
    assert_eq!(found.len(), 20);
}

#[test]
fn a_refusal_is_written_as_json_with_its_grant_by_name() {
    let found = refusals(
        &streaming(),
        &[set("dnsPolicy", json!("None"))],
        &EffectiveGrants::default(),
    );
    let written = json!(found[0]);
    assert_eq!(written["grant"], "dns");
    assert_eq!(written["path"], "spec.template.spec.dnsPolicy");
    assert_eq!(written["proposed"], "\"None\"");
    assert_eq!(written["found"], "nothing");
}
