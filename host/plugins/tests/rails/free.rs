//! What every plugin may do.

use arcane_plugins::rails::{EffectiveGrants, judge};
use serde_json::json;

use crate::support::{Edit, edited, refusals, remove, scheduled, set, streaming};

/// Changes that need no grant.
pub fn edits() -> Vec<Edit> {
    let main = |field: &str, value| set(&format!("containers/0/{field}"), value);
    vec![
        set("/metadata/labels/team", json!("finance")),
        set("/metadata/labels/team.example.com~1cost", json!("7")),
        set("/metadata/annotations/note", json!("hello")),
        remove("/metadata/annotations/cost-centre"),
        set(
            "/spec/template/metadata/labels/app.kubernetes.io~1name",
            json!("orders"),
        ),
        set("/spec/template/metadata/annotations/note", json!("hello")),
        set("/spec/backoffLimit", json!(0)),
        remove("/spec/activeDeadlineSeconds"),
        set(
            "/spec/podFailurePolicy/rules/-",
            json!({"action": "FailJob"}),
        ),
        set("/spec/podReplacementPolicy", json!("Failed")),
        set("activeDeadlineSeconds", json!(60)),
        set("terminationGracePeriodSeconds", json!(600)),
        set("terminationGracePeriodSeconds", json!(1)),
        remove("terminationGracePeriodSeconds"),
        // Not looked at beside the field that came after it.
        set("serviceAccount", json!("other")),
        set("hostNetwork", json!(false)),
        set("hostPID", json!(null)),
        remove("imagePullSecrets"),
        remove("volumes/3"),
        main("args", json!(["--slow", "--level=$(LEVEL)"])),
        remove("containers/0/args"),
        main("image", json!("registry.example.com/prepare:1")),
        main("imagePullPolicy", json!("Always")),
        main("env/-", json!({"name": "NEW", "value": "1"})),
        main("env/+", json!({"name": "NEW", "value": "$(LEVEL)"})),
        main("env/0/value", json!("debug")),
        remove("containers/0/env/0"),
        main("env/4", json!({"name": "PASSWORD", "value": "plain"})),
        main(
            "env/-",
            json!({"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}),
        ),
        main(
            "env/-",
            json!({"name": "A", "valueFrom": {"secretKeyRef": {"name": "database", "key": "password"}}}),
        ),
        // The template reads it as a whole already, and so does the definition.
        main(
            "envFrom/+",
            json!({"configMapRef": {"name": "stream-defaults"}}),
        ),
        main(
            "envFrom/+",
            json!({"secretRef": {"name": "orders-database"}, "prefix": "DB_"}),
        ),
        main("resources/limits/memory", json!("1Gi")),
        main("resources/limits/cpu", json!("1999m")),
        main("resources/requests", json!({"cpu": "100m", "memory": 1})),
        // A quantity of 0, and not as much as the limit, as it would be without it.
        main("resources/requests/memory", json!(null)),
        main("resources/limits/ephemeral-storage", json!("0")),
        set(
            "containers/0/resources/requests/ephemeral-storage",
            json!(0),
        ),
        main("ports/-", json!({"containerPort": 8080})),
        remove("containers/0/ports"),
        main("livenessProbe/periodSeconds", json!(5)),
        main("livenessProbe/terminationGracePeriodSeconds", json!(10)),
        main(
            "readinessProbe",
            json!({"httpGet": {"port": 9090, "path": "/ready"}, "failureThreshold": 2}),
        ),
        remove("containers/0/livenessProbe"),
        main("lifecycle/preStop/sleep/seconds", json!(5)),
        main("terminationMessagePolicy", json!("FallbackToLogsOnError")),
        main(
            "resizePolicy/-",
            json!({"resourceName": "cpu", "restartPolicy": "NotRequired"}),
        ),
        main("securityContext/runAsNonRoot", json!(true)),
        main("securityContext/privileged", json!(false)),
        main("securityContext/procMount", json!("Default")),
        main("securityContext/capabilities/drop/-", json!("KILL")),
        set(
            "initContainers/0/securityContext",
            json!({
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["NET_RAW"]},
                "appArmorProfile": {"type": "RuntimeDefault"},
            }),
        ),
        set("securityContext/supplementalGroupsPolicy", json!("Strict")),
        set(
            "securityContext/fsGroupChangePolicy",
            json!("OnRootMismatch"),
        ),
        main(
            "volumeMounts/-",
            json!({"name": "settings", "mountPath": "/settings", "subPath": "a"}),
        ),
        main("volumeMounts/0/mountPath", json!("/elsewhere")),
        main("volumeMounts/1/readOnly", json!(true)),
        remove("containers/0/volumeMounts"),
        set("volumes/1/configMap/defaultMode", json!(256)),
        set("volumes/0/secret/items/0/path", json!("renamed.crt")),
        set(
            "volumes/-",
            json!({"name": "new", "configMap": {"name": "shared-settings"}}),
        ),
        set(
            "volumes/-",
            json!({"name": "more", "projected": {"sources": [
                {"downwardAPI": {"items": []}},
                {"configMap": {"name": "stream-defaults"}},
                {"serviceAccountToken": {"audience": "vault", "path": "token"}},
            ]}}),
        ),
    ]
}

#[test]
fn every_plugin_may_change_what_harms_nobody() {
    for job in [streaming(), scheduled()] {
        for edit in edits() {
            let found = refusals(
                &job,
                std::slice::from_ref(&edit),
                &EffectiveGrants::default(),
            );
            assert_eq!(found, [], "{edit:?}");
        }
    }
}

#[test]
fn what_is_allowed_by_itself_is_allowed_together() {
    let job = streaming();
    let unrelated: Vec<_> = edits()
        .into_iter()
        .filter(|edit| !edit.pointer.contains("volumes/3"))
        .collect();
    for pair in unrelated.windows(2) {
        // Two variables of one name are no two changes.
        if pair.iter().all(|edit| edit.pointer.contains("/env/")) {
            continue;
        }
        let proposed = edited(&job, pair);
        let verdict = judge(&job, &proposed, &EffectiveGrants::default());
        assert_eq!(verdict, Ok(()), "{pair:?}");
    }
}

#[test]
fn a_job_stays_as_it_is() {
    for job in [streaming(), scheduled()] {
        assert_eq!(judge(&job, &job, &EffectiveGrants::default()), Ok(()));
    }
}
