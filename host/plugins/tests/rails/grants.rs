//! What takes a grant: refused without it, accepted with it, refused when the plugin did not ask.

use std::collections::BTreeSet;

use arcane_plugins::rails::{EffectiveGrants, Grant};
use serde_json::{Value, json};

use crate::support::{Edit, all_asked, class, everything, refusals, remove, set, streaming};

/// Something that needs one grant: what the class has to give, and what else it has to give
/// because the change is about more than one thing, and what it gives in vain.
pub struct Case {
    pub grant: Grant,
    pub gives: Value,
    pub edits: Vec<Edit>,
}

fn case(grant: Grant, gives: Value, edits: Vec<Edit>) -> Case {
    Case {
        grant,
        gives: json!({grant.as_str(): gives}),
        edits,
    }
}

/// At least one case for each grant.
pub fn cases() -> Vec<Case> {
    let switch = |grant, edit| case(grant, json!(true), vec![edit]);
    let named = |grant, name: &str, edit| case(grant, json!([name]), vec![edit]);
    let main = |field: &str, value| set(&format!("containers/0/{field}"), value);
    let volume = |kind: &str, source: Value| set("volumes/-", json!({"name": "new", kind: source}));
    let ceiling = |resource: &str, amount: &str, edit| {
        case(Grant::Resources, json!({resource: amount}), vec![edit])
    };
    let mut cases = vec![
        named(
            Grant::Images,
            "registry.example.com/*",
            main("image", json!("registry.example.com/stream:1.5.0")),
        ),
        named(
            Grant::Images,
            "other/**",
            set("initContainers/0/image", json!("other/a/b@sha256:0")),
        ),
        named(Grant::Images, "**", remove("containers/0/image")),
        named(
            Grant::Images,
            "registry.example.com/stream:*",
            main("imagePullPolicy", json!("IfNotPresent")),
        ),
        named(
            Grant::ServiceAccounts,
            "streams-*",
            set("serviceAccountName", json!("streams-eu")),
        ),
        case(
            Grant::ServiceAccounts,
            json!(["other"]),
            vec![
                remove("serviceAccountName"),
                set("serviceAccount", json!("other")),
            ],
        ),
        named(
            Grant::ServiceAccounts,
            "default",
            remove("serviceAccountName"),
        ),
        switch(
            Grant::ServiceAccountToken,
            set("automountServiceAccountToken", json!(true)),
        ),
        switch(
            Grant::ServiceAccountToken,
            remove("automountServiceAccountToken"),
        ),
        switch(
            Grant::ServiceAccountToken,
            volume(
                "projected",
                json!({"sources": [{"serviceAccountToken": {"path": "token"}}]}),
            ),
        ),
        switch(
            Grant::ServiceAccountToken,
            set(
                "volumes/4/projected/sources/0/serviceAccountToken/audience",
                json!("api"),
            ),
        ),
        switch(
            Grant::ServiceAccountToken,
            volume(
                "projected",
                json!({"sources": [{"podCertificate": {"signerName": "a/b"}}]}),
            ),
        ),
        switch(
            Grant::ServiceAccountToken,
            volume(
                "projected",
                json!({"sources": [{"clusterTrustBundle": {"name": "a"}}]}),
            ),
        ),
        named(
            Grant::Secrets,
            "tls-*",
            main(
                "env/-",
                json!({"name": "A", "valueFrom": {"secretKeyRef": {"name": "tls-eu", "key": "a"}}}),
            ),
        ),
        // The template reads one key of it.
        named(
            Grant::Secrets,
            "database",
            main(
                "env/-",
                json!({"name": "A", "valueFrom": {"secretKeyRef": {"name": "database", "key": "admin"}}}),
            ),
        ),
        named(
            Grant::Secrets,
            "database",
            main("envFrom/+", json!({"secretRef": {"name": "database"}})),
        ),
        named(Grant::Secrets, "tls", remove("volumes/0/secret/items")),
        named(
            Grant::Secrets,
            "other",
            volume("secret", json!({"secretName": "other"})),
        ),
        named(
            Grant::Secrets,
            "other",
            volume(
                "projected",
                json!({"sources": [{"secret": {"name": "other"}}]}),
            ),
        ),
        named(
            Grant::ConfigMaps,
            "other",
            main(
                "env/0",
                json!({"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "other", "key": "a"}}}),
            ),
        ),
        named(
            Grant::ConfigMaps,
            "other",
            volume("configMap", json!({"name": "other"})),
        ),
        named(
            Grant::ConfigMaps,
            "other",
            volume(
                "projected",
                json!({"sources": [{"configMap": {"name": "other"}}]}),
            ),
        ),
        named(
            Grant::ImagePullSecrets,
            "hub",
            set("imagePullSecrets/-", json!({"name": "hub"})),
        ),
        named(
            Grant::PersistentVolumeClaims,
            "lake-*",
            volume("persistentVolumeClaim", json!({"claimName": "lake-2"})),
        ),
        named(
            Grant::PersistentVolumeClaims,
            "lake",
            remove("containers/0/volumeMounts/0/readOnly"),
        ),
        named(
            Grant::PersistentVolumeClaims,
            "lake",
            remove("containers/0/volumeMounts/0/subPathExpr"),
        ),
        named(
            Grant::PersistentVolumeClaims,
            "lake",
            main("volumeMounts/0/subPath", json!("hr")),
        ),
        // What is no path is not the same as none.
        named(
            Grant::PersistentVolumeClaims,
            "lake",
            main("volumeMounts/0/subPath", json!([])),
        ),
        // The path is made of another container's variables.
        named(
            Grant::PersistentVolumeClaims,
            "lake",
            set(
                "initContainers/0/volumeMounts/-",
                json!({"name": "data", "mountPath": "/all", "subPathExpr": "$(TENANT)", "readOnly": true}),
            ),
        ),
        named(
            Grant::PersistentVolumeClaims,
            "lake",
            set(
                "initContainers/0/volumeMounts/-",
                json!({"name": "data", "mountPath": "/all"}),
            ),
        ),
        named(
            Grant::PersistentVolumeClaims,
            "lake",
            main(
                "volumeDevices/-",
                json!({"name": "data", "devicePath": "/dev/lake"}),
            ),
        ),
        named(
            Grant::Volumes,
            "hostPath",
            volume("hostPath", json!({"path": "/"})),
        ),
        named(
            Grant::Volumes,
            "emptyDir",
            volume("emptyDir", json!({"medium": "Memory"})),
        ),
        named(
            Grant::Volumes,
            "emptyDir",
            set("volumes/-", json!({"name": "of-no-type"})),
        ),
        named(
            Grant::Volumes,
            "csi",
            volume("csi", json!({"driver": "secrets-store.csi.k8s.io"})),
        ),
        named(
            Grant::Volumes,
            "nfs",
            set(
                "volumes/2",
                json!({"name": "data", "nfs": {"server": "a", "path": "/"}}),
            ),
        ),
        named(
            Grant::Volumes,
            "image",
            volume(
                "image",
                json!({"reference": "registry.example.com/stream:1.4.0"}),
            ),
        ),
        switch(Grant::HostNamespaces, main("ports/0/hostPort", json!(9090))),
        switch(
            Grant::HostNamespaces,
            main("ports/-", json!({"containerPort": 22, "hostPort": 22})),
        ),
        switch(Grant::HostNamespaces, set("hostUsers", json!(true))),
        switch(Grant::HostNamespaces, remove("hostUsers")),
        switch(
            Grant::HostNamespaces,
            main("livenessProbe/httpGet/host", json!("169.254.169.254")),
        ),
        switch(
            Grant::HostNamespaces,
            main("lifecycle/preStop/tcpSocket/host", json!("10.0.0.1")),
        ),
        switch(
            Grant::SecurityContext,
            set("shareProcessNamespace", json!(true)),
        ),
        switch(
            Grant::SecurityContext,
            remove("securityContext/runAsNonRoot"),
        ),
        switch(
            Grant::SecurityContext,
            set("securityContext/runAsUser", json!(0)),
        ),
        switch(
            Grant::SecurityContext,
            set("securityContext/supplementalGroups", json!([0])),
        ),
        switch(
            Grant::SecurityContext,
            set("securityContext/fsGroup", json!(0)),
        ),
        switch(
            Grant::SecurityContext,
            set("securityContext/seccompProfile/type", json!("Unconfined")),
        ),
        switch(
            Grant::SecurityContext,
            set(
                "securityContext/seccompProfile",
                json!({"type": "Localhost", "localhostProfile": "a"}),
            ),
        ),
        switch(
            Grant::SecurityContext,
            main("securityContext/allowPrivilegeEscalation", json!(true)),
        ),
        switch(
            Grant::SecurityContext,
            remove("containers/0/securityContext/allowPrivilegeEscalation"),
        ),
        switch(
            Grant::SecurityContext,
            main("securityContext/readOnlyRootFilesystem", json!(false)),
        ),
        // Against what the pod says.
        switch(
            Grant::SecurityContext,
            main("securityContext/runAsNonRoot", json!(false)),
        ),
        switch(
            Grant::SecurityContext,
            main("securityContext/runAsUser", json!(0)),
        ),
        switch(
            Grant::SecurityContext,
            main("securityContext/seccompProfile/type", json!("Unconfined")),
        ),
        switch(
            Grant::SecurityContext,
            set(
                "initContainers/0/securityContext/seLinuxOptions/type",
                json!("spc_t"),
            ),
        ),
        switch(
            Grant::SecurityContext,
            set(
                "securityContext/windowsOptions/runAsUserName",
                json!("SYSTEM"),
            ),
        ),
        switch(
            Grant::Privileged,
            main("securityContext/privileged", json!(true)),
        ),
        switch(
            Grant::Privileged,
            main("securityContext/procMount", json!("Unmasked")),
        ),
        switch(
            Grant::Privileged,
            set("securityContext/windowsOptions/hostProcess", json!(true)),
        ),
        switch(
            Grant::Privileged,
            main("volumeMounts/1/mountPropagation", json!("Bidirectional")),
        ),
        named(
            Grant::Capabilities,
            "NET_*",
            main("securityContext/capabilities/add/-", json!("NET_ADMIN")),
        ),
        named(
            Grant::Capabilities,
            "SYS_ADMIN",
            main("securityContext/capabilities/add/-", json!("cap_sys_admin")),
        ),
        named(
            Grant::Capabilities,
            "ALL",
            remove("containers/0/securityContext/capabilities"),
        ),
        named(
            Grant::Capabilities,
            "ALL",
            main("securityContext/capabilities/drop", json!(["KILL"])),
        ),
        named(
            Grant::Sysctls,
            "net.ipv4.*",
            set(
                "securityContext/sysctls/-",
                json!({"name": "net.ipv4.ip_forward", "value": "1"}),
            ),
        ),
        named(
            Grant::RuntimeClasses,
            "kata*",
            set("runtimeClassName", json!("kata")),
        ),
        named(Grant::RuntimeClasses, "*", remove("runtimeClassName")),
        named(
            Grant::PriorityClasses,
            "stream-*",
            set("priorityClassName", json!("stream-high")),
        ),
        named(Grant::PriorityClasses, "*", remove("priorityClassName")),
        switch(Grant::Placement, set("nodeSelector/pool", json!("spot"))),
        switch(Grant::Placement, remove("nodeSelector")),
        switch(Grant::Placement, set("nodeName", json!("control-plane-1"))),
        switch(
            Grant::Placement,
            set("tolerations/-", json!({"operator": "Exists"})),
        ),
        switch(
            Grant::Placement,
            set("affinity/nodeAffinity/anything", json!({})),
        ),
        switch(
            Grant::Placement,
            set("topologySpreadConstraints/-", json!({"maxSkew": 1})),
        ),
        switch(Grant::Placement, set("schedulerName", json!("mine"))),
        switch(Grant::Containers, remove("initContainers/0")),
        switch(Grant::Containers, remove("initContainers/1/restartPolicy")),
        switch(
            Grant::Containers,
            main("restartPolicyRules/-", json!({"action": "Restart"})),
        ),
        switch(
            Grant::Commands,
            main("command", json!(["sh", "-c", "curl evil"])),
        ),
        switch(Grant::Commands, remove("containers/0/command")),
        switch(
            Grant::Commands,
            set("initContainers/1/workingDir", json!("/data")),
        ),
        switch(
            Grant::Commands,
            main("readinessProbe/exec/command", json!(["sh"])),
        ),
        switch(
            Grant::Commands,
            main("lifecycle/postStart/exec/command", json!(["sh"])),
        ),
        switch(
            Grant::Commands,
            main("lifecycle/stopSignal", json!("SIGKILL")),
        ),
        switch(Grant::Dns, set("dnsPolicy", json!("None"))),
        switch(
            Grant::Dns,
            set("dnsConfig/nameservers", json!(["10.6.6.6"])),
        ),
        switch(
            Grant::Dns,
            set(
                "hostAliases/-",
                json!({"ip": "10.6.6.6", "hostnames": ["database"]}),
            ),
        ),
        switch(Grant::Dns, set("subdomain", json!("database"))),
        switch(Grant::Dns, set("hostname", json!("database-0"))),
        switch(Grant::Dns, set("setHostnameAsFQDN", json!(true))),
        ceiling(
            "memory",
            "8Gi",
            main("resources/limits/memory", json!("8192Mi")),
        ),
        ceiling("cpu", "1", main("resources/requests/cpu", json!(1))),
        // Without a request the limit is one.
        ceiling(
            "memory",
            "4Gi",
            remove("containers/0/resources/requests/memory"),
        ),
        ceiling(
            "cpu",
            "1",
            set("initContainers/0/resources/limits/cpu", json!("1")),
        ),
        ceiling(
            "nvidia.com/gpu",
            "2",
            main("resources/limits/nvidia.com~1gpu", json!(2)),
        ),
        ceiling(
            "memory",
            "1Gi",
            set("resources/requests/memory", json!("1Gi")),
        ),
        named(
            Grant::ResourceClaims,
            "gpu-*",
            set(
                "resourceClaims/-",
                json!({"name": "gpu", "resourceClaimTemplateName": "gpu-large"}),
            ),
        ),
    ];
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        cases.push(switch(Grant::HostNamespaces, set(field, json!(true))));
    }
    // In another order.
    let init = streaming()["spec"]["template"]["spec"]["initContainers"].clone();
    let reversed = json!([init[1], init[0]]);
    cases.push(switch(Grant::Containers, set("initContainers", reversed)));
    cases
}

/// What needs several grants at once.
pub fn combined() -> Vec<(BTreeSet<Grant>, Vec<Edit>)> {
    let strict = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
    });
    let bounded =
        json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "0", "memory": "0"}});
    let sidecar = |fields: Value| {
        let mut container = json!({
            "name": "new",
            "image": "registry.example.com/stream:1.4.0",
            "securityContext": strict,
            "resources": bounded,
        });
        for (name, value) in fields.as_object().unwrap() {
            container[name] = value.clone();
        }
        vec![set("containers/-", container)]
    };
    let base = [Grant::Containers, Grant::Resources];
    let with = |more: &[Grant]| base.iter().chain(more).copied().collect::<BTreeSet<_>>();
    vec![
        (with(&[]), sidecar(json!({}))),
        (with(&[Grant::Images]), sidecar(json!({"image": "other:1"}))),
        (
            with(&[Grant::Commands]),
            sidecar(json!({"command": ["sh"]})),
        ),
        (with(&[]), sidecar(json!({"resources": null}))),
        (
            with(&[Grant::SecurityContext, Grant::Capabilities]),
            sidecar(json!({"securityContext": null})),
        ),
        (
            with(&[Grant::Privileged]),
            sidecar(json!({"securityContext": {
                "privileged": true,
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            }})),
        ),
        (
            with(&[Grant::Secrets]),
            sidecar(json!({"envFrom": [{"secretRef": {"name": "database"}}]})),
        ),
        (
            BTreeSet::from([Grant::Volumes, Grant::Secrets]),
            vec![set(
                "volumes/-",
                json!({"name": "new", "csi": {"driver": "a", "nodePublishSecretRef": {"name": "other"}}}),
            )],
        ),
        (
            BTreeSet::from([Grant::Volumes, Grant::Secrets]),
            vec![set(
                "volumes/-",
                json!({"name": "new", "azureFile": {"secretName": "other", "shareName": "a"}}),
            )],
        ),
        (
            BTreeSet::from([Grant::Volumes, Grant::Images]),
            vec![set(
                "volumes/-",
                json!({"name": "new", "image": {"reference": "other:1"}}),
            )],
        ),
    ]
}

#[test]
fn every_grant_has_a_case() {
    let with_a_case: BTreeSet<_> = cases().into_iter().map(|case| case.grant).collect();
    assert_eq!(with_a_case, BTreeSet::from(Grant::ALL));
}

#[test]
fn what_needs_a_grant_is_refused_without_it_and_names_it() {
    for Case { grant, edits, .. } in cases() {
        let found = refusals(&streaming(), &edits, &EffectiveGrants::default());
        let [refusal] = found.as_slice() else {
            panic!("{edits:?}: {found:?}");
        };
        assert_eq!(refusal.grant, Some(grant), "{edits:?}");
        let text = refusal.to_string();
        assert!(
            text.contains(&format!("spec.plugin.grants.{}", grant.as_str())),
            "{text}"
        );
        assert!(text.contains("in the plugin's description"), "{text}");
    }
}

#[test]
fn what_needs_a_grant_is_accepted_with_it() {
    for Case { gives, edits, .. } in cases() {
        let grants = all_asked(&class(gives));
        assert_eq!(refusals(&streaming(), &edits, &grants), [], "{edits:?}");
    }
}

#[test]
fn a_grant_that_the_plugin_does_not_ask_for_is_not_in_force_and_is_told() {
    for Case {
        grant,
        gives,
        edits,
    } in cases()
    {
        let mut asked = BTreeSet::from(Grant::ALL);
        asked.remove(&grant);
        let grants = EffectiveGrants::of(&class(gives), &asked);
        let found = refusals(&streaming(), &edits, &grants);
        let [refusal] = found.as_slice() else {
            panic!("{edits:?}: {found:?}");
        };
        assert_eq!(refusal.grant, Some(grant), "{edits:?}");
        let text = refusal.to_string();
        assert!(
            text.contains("the StreamClass gives it, but the plugin does not ask"),
            "{text}"
        );
    }
}

#[test]
fn a_grant_of_other_names_or_less_does_not_help() {
    for Case { grant, edits, .. } in cases() {
        let other = match grant {
            Grant::Resources => json!({"cpu": "501m", "memory": "10Mi", "nvidia.com/gpu": "1"}),
            _ => json!(["another", "registry.example.com", "lak", "*/"]),
        };
        let Ok(gives) = serde_json::from_value(json!({grant.as_str(): other})) else {
            continue;
        };
        let found = refusals(&streaming(), &edits, &all_asked(&gives));
        assert_eq!(found.len(), 1, "{edits:?}");
    }
}

#[test]
fn all_other_grants_do_not_make_up_for_the_one() {
    for Case { grant, edits, .. } in cases() {
        let mut asked = BTreeSet::from(Grant::ALL);
        asked.remove(&grant);
        let grants = EffectiveGrants::of(&everything(), &asked);
        assert_eq!(
            refusals(&streaming(), &edits, &grants).len(),
            1,
            "{edits:?}"
        );
    }
}

#[test]
fn what_needs_several_grants_needs_each_of_them() {
    for (needed, edits) in combined() {
        let found = refusals(&streaming(), &edits, &EffectiveGrants::default());
        let named: BTreeSet<_> = found.iter().filter_map(|refusal| refusal.grant).collect();
        assert_eq!(named, needed, "{edits:?}: {found:?}");
        let unbounded = edits[0]
            .value
            .as_ref()
            .is_some_and(|value| value.get("resources") == Some(&Value::Null));
        let grants = EffectiveGrants::of(&everything(), &needed);
        // Where the template's containers have limits, so has one that is added, whatever the
        // ceiling.
        assert_eq!(
            refusals(&streaming(), &edits, &grants).is_empty(),
            !unbounded,
            "{edits:?}"
        );
        for grant in &needed {
            let mut fewer = needed.clone();
            fewer.remove(grant);
            let grants = EffectiveGrants::of(&everything(), &fewer);
            assert_ne!(
                refusals(&streaming(), &edits, &grants),
                [],
                "{edits:?} without {grant:?}"
            );
        }
    }
}
