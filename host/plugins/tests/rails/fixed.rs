//! What no grant allows.

use arcane_plugins::rails::judge;
use serde_json::json;

use crate::support::{
    Edit, all_asked, edited, everything, refusals, remove, scheduled, set, streaming,
};

/// Changes that no grant allows.
pub fn edits() -> Vec<Edit> {
    let main = |field: &str, value| set(&format!("containers/0/{field}"), value);
    let names = streaming()["spec"]["template"]["spec"]["containers"][0]["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["name"].as_str().unwrap().to_owned())
        .collect::<Vec<_>>();
    let at = |name: &str| {
        format!(
            "env/{}",
            names.iter().position(|found| found == name).unwrap()
        )
    };
    let id = at("STREAMCONTEXT__STREAM_ID");
    let spec = at("STREAMCONTEXT__SPEC");
    vec![
        set("/apiVersion", json!("v1")),
        set("/kind", json!("Pod")),
        set("/status/succeeded", json!(1)),
        set("/anything", json!(1)),
        set("/metadata/name", json!("other")),
        set("/metadata/namespace", json!("kube-system")),
        set("/metadata/generateName", json!("a-")),
        set("/metadata/ownerReferences", json!([])),
        set("/metadata/ownerReferences/-", json!({"name": "other"})),
        set("/metadata/finalizers/-", json!("example.com/stay")),
        set("/metadata/uid", json!("1")),
        set("/metadata/anything", json!("1")),
        set("/metadata/labels/arcane~1stream-id", json!("other")),
        remove("/metadata/labels/arcane~1backfilling"),
        set("/metadata/labels", json!(["a"])),
        set("/metadata/labels/arcane~1new", json!("a")),
        set("/metadata/labels/job-name", json!("a")),
        set(
            "/spec/template/metadata/annotations/k8s.v1.cni.cncf.io~1networks",
            json!("other"),
        ),
        set(
            "/spec/template/metadata/annotations/io.katacontainers.config.agent.enable_tracing",
            json!("true"),
        ),
        set("/metadata/labels/job-name", json!(null)),
        set("/metadata/labels/team", json!(7)),
        set(
            "/spec/template/metadata/annotations/note",
            json!({"a": "b"}),
        ),
        remove("/metadata/annotations/configuration-hash"),
        set(
            "/metadata/annotations/arcane.sneaksanddata.com~1render-hash",
            json!("a"),
        ),
        set(
            "/metadata/annotations/arcane.streaming.sneaksanddata.com~1state",
            json!("schema-mismatch"),
        ),
        set(
            "/metadata/annotations/arcane~1state",
            json!("schema-mismatch"),
        ),
        remove("/metadata/annotations/arcane~1team"),
        set(
            "/spec/template/metadata/labels/arcane~1stream-id",
            json!("other"),
        ),
        set(
            "/spec/template/metadata/labels/batch.kubernetes.io~1job-name",
            json!("other"),
        ),
        set(
            "/spec/template/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1main",
            json!("unconfined"),
        ),
        set("/spec/template/metadata/name", json!("other")),
        set("/spec/parallelism", json!(2)),
        set("/spec/completions", json!(2)),
        set("/spec/completionMode", json!("Indexed")),
        set("/spec/suspend", json!(true)),
        set("/spec/manualSelector", json!(true)),
        set("/spec/selector/matchLabels/a", json!("b")),
        set("/spec/successPolicy/rules", json!([])),
        set("/spec/managedBy", json!("example.com/mine")),
        set("/spec/ttlSecondsAfterFinished", json!(0)),
        remove("/spec/ttlSecondsAfterFinished"),
        set("/spec/podReplacementPolicy", json!("TerminatingOrFailed")),
        remove("/spec/podFailurePolicy"),
        set("/spec/podFailurePolicy", json!(null)),
        set("/spec/anything", json!({})),
        remove("/spec/template"),
        set("restartPolicy", json!("OnFailure")),
        set("terminationGracePeriodSeconds", json!(0)),
        set("terminationGracePeriodSeconds", json!(-1)),
        set("terminationGracePeriodSeconds", json!(601)),
        set("terminationGracePeriodSeconds", json!(1e300)),
        set("terminationGracePeriodSeconds", json!("60")),
        set("ephemeralContainers/-", json!({"name": "debug"})),
        set("enableServiceLinks", json!(false)),
        set("schedulingGates/-", json!({"name": "a"})),
        set("schedulingGroup/podGroupName", json!("a")),
        set("readinessGates/-", json!({"conditionType": "a"})),
        set("overhead/cpu", json!("1")),
        set("priority", json!(1_000_000)),
        set("preemptionPolicy", json!("Never")),
        set("os/name", json!("windows")),
        set("anything", json!(true)),
        set("HostNetwork", json!(true)),
        remove("containers"),
        remove("containers/0"),
        set("containers", json!({})),
        set("containers/-", json!({"image": "nameless"})),
        set("containers/-", json!(null)),
        set("containers/-", json!({"name": "main", "image": "other"})),
        main("name", json!("renamed")),
        main("anything", json!(true)),
        main("image", json!(["a"])),
        main("livenessProbe/terminationGracePeriodSeconds", json!(86400)),
        main("livenessProbe/anything", json!(1)),
        main("lifecycle/preStop/anything", json!(1)),
        main("env", json!([])),
        main("env", json!({})),
        main(&format!("{id}/value"), json!("other")),
        remove(&format!("containers/0/{id}")),
        main(&format!("{spec}/value"), json!("{}")),
        main(&format!("{spec}/value"), json!(null)),
        main(
            "env/-",
            json!({"name": "STREAMCONTEXT__STREAM_ID", "value": "other"}),
        ),
        main(
            "env/+",
            json!({"name": "STREAMCONTEXT__STREAM_ID", "value": "orders"}),
        ),
        main(
            "env/-",
            json!({"name": "STREAMCONTEXT__OVERRIDE", "value": "{}"}),
        ),
        main(
            "env/-",
            json!({"name": "streamcontext__spec", "value": "{}"}),
        ),
        main("env/-", json!({"name": "LEVEL", "value": "twice"})),
        main("env/-", json!({"value": "nameless"})),
        main("env/-", json!("text")),
        main("env/-", json!({"name": "A", "valueFrom": {"anything": {}}})),
        // What stands for it in the definition's spec, directly and further on.
        main("env/3/value", json!("other")),
        remove("containers/0/env/3"),
        main("env/2/value", json!("other")),
        remove("containers/0/env/2"),
        set("/spec/template/metadata/labels/tier", json!("other")),
        remove("/spec/template/metadata/labels/tier"),
        // What stands for it in the path of the template's volume.
        main("env/1/value", json!("hr")),
        main("envFrom", json!([])),
        remove("containers/0/envFrom/1"),
        main(
            "envFrom/-",
            json!({"configMapRef": {"name": "shared-settings"}}),
        ),
        main(
            "envFrom/+",
            json!({"prefix": "STREAMCONTEXT__", "configMapRef": {"name": "a"}}),
        ),
        main(
            "envFrom/+",
            json!({"prefix": "S", "configMapRef": {"name": "a"}}),
        ),
        main("resources/limits/memory", json!("much")),
        main("resources/limits", json!("much")),
        main("resources/anything", json!({})),
        main("securityContext/anything", json!(true)),
        main("securityContext/capabilities/add", json!("ALL")),
        main("securityContext/capabilities/add", json!([["ALL"]])),
        main("ports", json!("many")),
        main("volumeMounts/0/anything", json!(1)),
        set("volumes/-", json!({"secret": {"secretName": "nameless"}})),
        set("volumes/-", json!({"name": "tls", "emptyDir": {}})),
        set("volumes/-", json!({"name": "new", "anything": {}})),
        set("volumes", json!("many")),
        set("serviceAccountName", json!(["a"])),
    ]
}

#[test]
fn no_grant_allows_what_would_break_the_contract() {
    let grants = all_asked(&everything());
    for edit in edits() {
        let found = refusals(&streaming(), std::slice::from_ref(&edit), &grants);
        assert!(!found.is_empty(), "{edit:?} is allowed");
        for refusal in found {
            assert_eq!(refusal.grant, None, "{edit:?}: {refusal}");
            assert!(refusal.to_string().contains("no grant allows this"));
        }
    }
}

#[test]
fn the_order_of_what_the_contract_is_made_of_stays() {
    let job = streaming();
    let env = "/spec/template/spec/containers/0/env";
    let mut variables = job.pointer(env).unwrap().as_array().unwrap().clone();
    // Before, the definition's spec did not see it.
    let region = variables.remove(3);
    variables.push(region);
    let found = refusals(
        &job,
        &[set(env, variables.into())],
        &all_asked(&everything()),
    );
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_source_of_variables_cannot_fill_what_the_definition_leaves_open() {
    let source = set(
        "containers/0/envFrom/+",
        json!({"configMapRef": {"name": "zones"}}),
    );
    let grants = all_asked(&everything());
    let closed = streaming();
    assert_eq!(
        refusals(&closed, std::slice::from_ref(&source), &grants),
        []
    );
    // Without `ZONE`, which REGION is made of, which the definition's spec is made of.
    let open = edited(&closed, &[remove("containers/0/env/2")]);
    let found = refusals(&open, &[source], &grants);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].grant, None);
}

#[test]
fn a_container_that_is_added_is_told_of_no_other_stream() {
    let grants = all_asked(&everything());
    let added = |stream: &str| {
        let variable = json!({"name": "STREAMCONTEXT__STREAM_ID", "value": stream});
        let limits = json!({"limits": {"cpu": "1", "memory": "1Gi"}});
        set(
            "containers/-",
            json!({"name": "new", "image": "new:1", "env": [variable], "resources": limits}),
        )
    };
    assert_eq!(refusals(&streaming(), &[added("orders")], &grants), []);
    let found = refusals(&streaming(), &[added("other")], &grants);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].grant, None);
}

#[test]
fn a_limit_is_not_taken_away_whatever_the_ceiling() {
    let grants = all_asked(&everything());
    for edit in [
        remove("containers/0/resources/limits/memory"),
        remove("containers/0/resources"),
        set("containers/0/resources/limits/cpu", json!("0")),
        set("containers/0/resources/limits/cpu", json!(null)),
    ] {
        assert_ne!(
            refusals(&streaming(), std::slice::from_ref(&edit), &grants),
            [],
            "{edit:?}"
        );
    }
}

#[test]
fn the_jobs_of_a_cron_job_keep_what_tells_them_their_run() {
    let job = scheduled();
    let env = job.pointer("/spec/template/spec/containers/0/env").unwrap();
    let index = env
        .as_array()
        .unwrap()
        .iter()
        .position(|entry| entry["name"] == "STREAMCONTEXT__BACKFILL_ID")
        .unwrap();
    let pointer = format!("containers/0/env/{index}");
    let grants = all_asked(&everything());
    for edit in [
        set(
            &pointer,
            json!({"name": "STREAMCONTEXT__BACKFILL_ID", "value": "mine"}),
        ),
        set(
            &format!("{pointer}/valueFrom/fieldRef/fieldPath"),
            json!("metadata.name"),
        ),
        set("/spec/template/metadata/labels/job-name", json!("mine")),
        set("/metadata/name", json!("mine")),
        set("/metadata/ownerReferences/-", json!({})),
    ] {
        let found = refusals(&job, std::slice::from_ref(&edit), &grants);
        assert_eq!(found.len(), 1, "{edit:?}");
        assert_eq!(found[0].grant, None, "{edit:?}");
    }
}

#[test]
fn a_job_of_another_shape_altogether_is_refused() {
    let grants = all_asked(&everything());
    let job = streaming();
    for proposed in [
        json!(null),
        json!([]),
        json!("job"),
        json!({}),
        json!({"spec": {}}),
        json!({"spec": 1}),
    ] {
        assert!(judge(&job, &proposed, &grants).is_err(), "{proposed}");
    }
}
