//! What stands in the fields that are judged in one go.
//!
//! Where the table's row of such a field needs no grant for a change, a plugin could else set in it
//! what a newer Kubernetes knows and this table does not.

/// Fields below one that is judged in one go. What is not named is not known, and refused.
#[derive(Debug)]
pub(super) struct Contents {
    /// Path of the field that holds them, from the root of its table.
    pub(super) of: &'static str,
    /// Their paths below that.
    pub(super) fields: &'static [&'static str],
}

const fn contents(of: &'static str, fields: &'static [&'static str]) -> Contents {
    Contents { of, fields }
}

const KEY: &[&str] = &["key", "name", "optional"];
const FIELD: &[&str] = &["apiVersion", "fieldPath"];
const RESOURCE: &[&str] = &["containerName", "divisor", "resource"];
const KEYS_OF_NAME: &[&str] = &[
    "defaultMode",
    "items.[].key",
    "items.[].mode",
    "items.[].path",
    "name",
    "optional",
];

/// In a Job.
pub(super) const JOB: &[Contents] = &[
    contents(
        "spec.template.spec.securityContext.sysctls",
        &["[].name", "[].value"],
    ),
    contents(
        "spec.podFailurePolicy",
        &[
            "rules.[].action",
            "rules.[].onExitCodes.containerName",
            "rules.[].onExitCodes.operator",
            "rules.[].onExitCodes.values",
            "rules.[].onPodConditions.[].status",
            "rules.[].onPodConditions.[].type",
        ],
    ),
];

/// In a volume.
pub(super) const VOLUME: &[Contents] = &[
    contents(
        "secret",
        &[
            "defaultMode",
            "items.[].key",
            "items.[].mode",
            "items.[].path",
            "optional",
            "secretName",
        ],
    ),
    contents("configMap", KEYS_OF_NAME),
    contents("projected.sources.[].secret", KEYS_OF_NAME),
    contents("projected.sources.[].configMap", KEYS_OF_NAME),
    contents(
        "projected.sources.[].downwardAPI",
        &[
            "items.[].fieldRef.apiVersion",
            "items.[].fieldRef.fieldPath",
            "items.[].mode",
            "items.[].path",
            "items.[].resourceFieldRef.containerName",
            "items.[].resourceFieldRef.divisor",
            "items.[].resourceFieldRef.resource",
        ],
    ),
];

/// In a container.
pub(super) const CONTAINER: &[Contents] = &[
    contents("env.[].valueFrom.secretKeyRef", KEY),
    contents("env.[].valueFrom.configMapKeyRef", KEY),
    contents("env.[].valueFrom.fieldRef", FIELD),
    contents("env.[].valueFrom.resourceFieldRef", RESOURCE),
    contents(
        "env.[].valueFrom.fileKeyRef",
        &["key", "optional", "path", "volumeName"],
    ),
    contents("envFrom.[].secretRef", &["name", "optional"]),
    contents("envFrom.[].configMapRef", &["name", "optional"]),
    contents("resizePolicy", &["[].resourceName", "[].restartPolicy"]),
    contents("securityContext.capabilities", &["add", "drop"]),
];

/// In what a container, or the pod, has of the node's resources.
pub(super) const RESOURCES: &[Contents] = &[contents("claims", &["[].name", "[].request"])];

/// In a probe.
pub(super) const PROBE: &[Contents] = &[contents("grpc", &["port", "service"])];

/// In a lifecycle hook.
pub(super) const HOOK: &[Contents] = &[contents("sleep", &["seconds"])];

/// In a call that the kubelet makes.
pub(super) const CALL: &[Contents] = &[contents("httpGet.httpHeaders", &["[].name", "[].value"])];
