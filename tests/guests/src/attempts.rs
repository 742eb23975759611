//! Patches that try to leave the guard rails.

use crate::{Builder, Render};

/// A patch of a Job that a plugin must not make, or only with a grant.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// A name for it.
    pub name: &'static str,
    /// JSON Patch for the Job of a stream whose first container has an environment.
    pub patch: &'static str,
    /// The grant that would allow it; none for what is never allowed.
    pub grant: Option<&'static str>,
}

impl Attempt {
    /// A plugin that makes this attempt whenever it is asked, and asks for the grant.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn guest(&self) -> anyhow::Result<Vec<u8>> {
        let asked: Vec<&str> = self.grant.into_iter().collect();
        Builder::new(self.name)
            .grants(&asked)
            .render(Render::Patch(self.patch.as_bytes().to_vec()))
            .build()
    }
}

const fn never(name: &'static str, patch: &'static str) -> Attempt {
    Attempt {
        name,
        patch,
        grant: None,
    }
}

const fn with(grant: &'static str, name: &'static str, patch: &'static str) -> Attempt {
    Attempt {
        name,
        patch,
        grant: Some(grant),
    }
}

/// Attempts on a Job's identity, and to raise its privilege.
pub const ATTEMPTS: &[Attempt] = &[
    never(
        "rename",
        r#"[{"op":"replace","path":"/metadata/name","value":"another"}]"#,
    ),
    never(
        "move-away",
        r#"[{"op":"replace","path":"/metadata/namespace","value":"kube-system"}]"#,
    ),
    never(
        "pose-as-another-stream",
        r#"[{"op":"replace","path":"/metadata/labels/arcane~1stream-id","value":"another"}]"#,
    ),
    never(
        "shed-labels",
        r#"[{"op":"remove","path":"/metadata/labels"}]"#,
    ),
    never(
        "disown",
        r#"[{"op":"remove","path":"/metadata/ownerReferences"}]"#,
    ),
    never(
        "claim-to-be-current",
        r#"[{"op":"replace","path":"/metadata/annotations/configuration-hash","value":"0"}]"#,
    ),
    never(
        "forge-environment",
        r#"[{"op":"add","path":"/spec/template/spec/containers/0/env/-","value":{"name":"STREAMCONTEXT__SPEC","value":"{}"}}]"#,
    ),
    never(
        "drop-environment",
        r#"[{"op":"remove","path":"/spec/template/spec/containers/0/env"}]"#,
    ),
    never(
        "another-kind",
        r#"[{"op":"replace","path":"/kind","value":"Pod"}]"#,
    ),
    never(
        "unknown-field",
        r#"[{"op":"add","path":"/spec/template/spec/rootAccess","value":true}]"#,
    ),
    never(
        "whole-document",
        r#"[{"op":"replace","path":"","value":{"kind":"Job"}}]"#,
    ),
    with(
        "hostNamespaces",
        "host-network",
        r#"[{"op":"add","path":"/spec/template/spec/hostNetwork","value":true}]"#,
    ),
    with(
        "serviceAccounts",
        "service-account",
        r#"[{"op":"add","path":"/spec/template/spec/serviceAccountName","value":"admin"}]"#,
    ),
    with(
        "serviceAccountToken",
        "token",
        r#"[{"op":"add","path":"/spec/template/spec/automountServiceAccountToken","value":true}]"#,
    ),
    with(
        "privileged",
        "privileged",
        r#"[{"op":"add","path":"/spec/template/spec/containers/0/securityContext","value":{"privileged":true}}]"#,
    ),
    with(
        "volumes",
        "host-path",
        r#"[{"op":"add","path":"/spec/template/spec/volumes","value":[{"name":"root","hostPath":{"path":"/"}}]}]"#,
    ),
    with(
        "secrets",
        "secret",
        r#"[{"op":"add","path":"/spec/template/spec/containers/0/envFrom","value":[{"secretRef":{"name":"another-tenants"}}]}]"#,
    ),
    with(
        "images",
        "image",
        r#"[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"registry.invalid/miner:latest"}]"#,
    ),
    with(
        "placement",
        "placement",
        r#"[{"op":"add","path":"/spec/template/spec/nodeName","value":"control-plane"}]"#,
    ),
    with(
        "containers",
        "sidecar",
        r#"[{"op":"add","path":"/spec/template/spec/containers/-","value":{"name":"sidecar","image":"registry.invalid/miner:latest"}}]"#,
    ),
    with(
        "priorityClasses",
        "priority",
        r#"[{"op":"add","path":"/spec/template/spec/priorityClassName","value":"system-node-critical"}]"#,
    ),
    with(
        "resources",
        "resources",
        r#"[{"op":"add","path":"/spec/template/spec/containers/0/resources","value":{"requests":{"memory":"900Gi"}}}]"#,
    ),
];
