//! Every field of a Job, what may become of it, and why. What is not here is refused.
//!
//! The boundary is the pod: what one container of the template may read or run, the other
//! containers may too. The plugin is taken to be hostile, the template and the definition are not.

use super::grant::Grant;
use super::rule::{Row, Rule, Rung, Special};

use Rule::{Fixed, Free, Names, Needs, Raises, Within};
use Rung::{Absent, Flag};

const fn row(path: &'static str, rule: Rule, why: &'static str) -> Row {
    Row { path, rule, why }
}

const fn special(special: Special, grant: Grant) -> Rule {
    Rule::Special(special, Some(grant))
}

/// Off by default; on is more.
const OFF_ON: &[&[Rung]] = &[&[Absent, Flag(false)], &[Flag(true)]];
/// On by default, and on is more.
const ON_BY_DEFAULT: &[&[Rung]] = &[&[Flag(false)], &[Absent, Flag(true)]];

const OBJECT: &str = "it tells the API server what object this is";
const WHOSE: &str = "it tells whose Job this is";
const SERVER: &str = "the API server keeps it";
const ONE_POD: &str = "two pods of one stream must never run at once";
const ADMISSION: &str = "admission fills it in, by what the cluster has";

/// The Job, but for its pod.
pub(super) const JOB: &[Row] = &[
    row("apiVersion", Fixed, OBJECT),
    row("kind", Fixed, OBJECT),
    row("status", Fixed, SERVER),
    row(
        "spec.activeDeadlineSeconds",
        Free,
        "how long a run may take",
    ),
    row("spec.backoffLimit", Free, "how often a run is tried again"),
    row(
        "spec.backoffLimitPerIndex",
        Free,
        "how often a run is tried again",
    ),
    row(
        "spec.maxFailedIndexes",
        Free,
        "how many failures there may be",
    ),
    row("spec.completionMode", Fixed, ONE_POD),
    row("spec.completions", Fixed, ONE_POD),
    row("spec.parallelism", Fixed, ONE_POD),
    row(
        "spec.podReplacementPolicy",
        Rule::Special(Special::Replacement, None),
        ONE_POD,
    ),
    // Its rules are free as deadlines are; but without it, Kubernetes replaces pods that still end.
    row(
        "spec.podFailurePolicy",
        Rule::Special(Special::Replacement, None),
        ONE_POD,
    ),
    row(
        "spec.managedBy",
        Fixed,
        "another controller would run the Job, or none",
    ),
    row(
        "spec.manualSelector",
        Fixed,
        "the Job would take pods that are not its own",
    ),
    row(
        "spec.selector",
        Fixed,
        "the Job would take pods that are not its own",
    ),
    row(
        "spec.successPolicy",
        Fixed,
        "it would call a run complete that is not",
    ),
    row(
        "spec.suspend",
        Fixed,
        "whether a stream runs is for its definition to say",
    ),
    row(
        "spec.ttlSecondsAfterFinished",
        Fixed,
        "the Job has to stay until its outcome is recorded",
    ),
];

/// Metadata of the Job, of its pod template, and of what a volume makes.
pub(super) const METADATA: &[Row] = &[
    row("name", Fixed, WHOSE),
    row("namespace", Fixed, WHOSE),
    row("generateName", Fixed, WHOSE),
    row("ownerReferences", Fixed, WHOSE),
    row("labels", Rule::Special(Special::Keys, None), RESERVED),
    row("annotations", Rule::Special(Special::Keys, None), RESERVED),
    row("labels.{}", Within(None), "judged by its key"),
    row("annotations.{}", Within(None), "judged by its key"),
    row("finalizers", Fixed, "the Job could not be deleted"),
    row("creationTimestamp", Fixed, SERVER),
    row("deletionGracePeriodSeconds", Fixed, SERVER),
    row("deletionTimestamp", Fixed, SERVER),
    row("generation", Fixed, SERVER),
    row("managedFields", Fixed, SERVER),
    row("resourceVersion", Fixed, SERVER),
    row("selfLink", Fixed, SERVER),
    row("uid", Fixed, SERVER),
];

/// Why some labels and annotations are not for plugins.
pub(super) const RESERVED: &str =
    "labels and annotations of this name are for the platform and for Kubernetes";

/// The pod, but for its containers.
pub(super) const POD: &[Row] = &[
    row("activeDeadlineSeconds", Free, "how long a pod may run"),
    row(
        "terminationGracePeriodSeconds",
        Rule::Special(Special::Grace, None),
        "0 would take the pod away while it still runs, and more than the template's, or 600, \
         would keep a stream from being stopped",
    ),
    row(
        "restartPolicy",
        Fixed,
        "it decides what counts as a failure of the run",
    ),
    row(
        "containers",
        special(Special::Containers, Grant::Containers),
        "what runs",
    ),
    row(
        "initContainers",
        special(Special::InitContainers, Grant::Containers),
        "what runs",
    ),
    row(
        "ephemeralContainers",
        Fixed,
        "a pod cannot be made with them",
    ),
    row(
        "volumes",
        special(Special::Volumes, Grant::Volumes),
        "what a pod can read and write",
    ),
    row(
        "resourceClaims",
        special(Special::Claims, Grant::ResourceClaims),
        "devices of a node",
    ),
    row(
        "resources",
        special(Special::Resources, Grant::Resources),
        "what others can not use",
    ),
    // Where it runs.
    row(
        "affinity",
        Needs(Grant::Placement),
        "where it runs, and beside whom",
    ),
    row(
        "nodeName",
        Needs(Grant::Placement),
        "where it runs, past the scheduler and past taints",
    ),
    row("nodeSelector", Needs(Grant::Placement), "where it runs"),
    row(
        "schedulerName",
        Needs(Grant::Placement),
        "who decides where it runs",
    ),
    row(
        "tolerations",
        Needs(Grant::Placement),
        "nodes that are kept for others",
    ),
    row(
        "topologySpreadConstraints",
        Needs(Grant::Placement),
        "where it runs",
    ),
    row(
        "schedulingGates",
        Fixed,
        "the pod would wait for somebody to let it go",
    ),
    row(
        "schedulingGroup",
        Fixed,
        "the pod would wait for others of its group",
    ),
    row(
        "readinessGates",
        Fixed,
        "others than the pod would say when it is ready",
    ),
    // Whose turn it is.
    row(
        "priorityClassName",
        Names(Grant::PriorityClasses),
        "whom it drives out",
    ),
    row("priority", Fixed, ADMISSION),
    row("preemptionPolicy", Fixed, ADMISSION),
    // As whom it runs.
    row(
        "serviceAccountName",
        special(Special::Account, Grant::ServiceAccounts),
        "its rights",
    ),
    row(
        "serviceAccount",
        special(Special::Account, Grant::ServiceAccounts),
        "former name of the above",
    ),
    row(
        "automountServiceAccountToken",
        // Where the pod says nothing, the ServiceAccount does.
        Raises(
            Grant::ServiceAccountToken,
            &[&[Flag(false)], &[Absent], &[Flag(true)]],
        ),
        "its rights in the cluster's API",
    ),
    row(
        "imagePullSecrets",
        special(Special::PullSecrets, Grant::ImagePullSecrets),
        "whose images it can run",
    ),
    // How far it is from its node and from others.
    row(
        "hostIPC",
        Raises(Grant::HostNamespaces, OFF_ON),
        "memory of the node's processes",
    ),
    row(
        "hostNetwork",
        Raises(Grant::HostNamespaces, OFF_ON),
        "the node's network",
    ),
    row(
        "hostPID",
        Raises(Grant::HostNamespaces, OFF_ON),
        "the node's processes",
    ),
    row(
        "hostUsers",
        Raises(Grant::HostNamespaces, ON_BY_DEFAULT),
        "root on the node",
    ),
    row(
        "shareProcessNamespace",
        Raises(Grant::SecurityContext, OFF_ON),
        "files and variables of the other containers",
    ),
    row(
        "runtimeClassName",
        Names(Grant::RuntimeClasses),
        "the sandbox",
    ),
    row("overhead", Fixed, ADMISSION),
    row(
        "os",
        Fixed,
        "the image decides, and it turns parts of securityContext off",
    ),
    row(
        "securityContext",
        special(Special::PodSecurity, Grant::SecurityContext),
        "what its processes may do",
    ),
    row(
        "securityContext.sysctls",
        Within(Some(Grant::Sysctls)),
        "parameters of the kernel",
    ),
    // Whom it finds under a name, and under which it is found: names can be made to lead elsewhere,
    // and take credentials there.
    row("dnsConfig", Needs(Grant::Dns), "whom it finds under a name"),
    row("dnsPolicy", Needs(Grant::Dns), "whom it finds under a name"),
    row(
        "hostAliases",
        Needs(Grant::Dns),
        "whom it finds under a name",
    ),
    row(
        "hostname",
        Needs(Grant::Dns),
        "under which name others find it",
    ),
    row(
        "hostnameOverride",
        Needs(Grant::Dns),
        "under which name others find it",
    ),
    row(
        "setHostnameAsFQDN",
        Needs(Grant::Dns),
        "under which name others find it",
    ),
    row(
        "subdomain",
        Needs(Grant::Dns),
        "under which name others find it",
    ),
    row(
        "enableServiceLinks",
        Fixed,
        "the variables that it brings are put in place of $(NAME) in those of the platform",
    ),
];

/// A container of either list.
pub(super) const CONTAINER: &[Row] = &[
    row(
        "name",
        Within(None),
        "entries are the same when their names are",
    ),
    row("image", special(Special::Image, Grant::Images), "what runs"),
    row(
        "imagePullPolicy",
        special(Special::ImagePull, Grant::Images),
        "whose image it may be",
    ),
    row(
        "args",
        Free,
        "the template's image decides what arguments can do",
    ),
    row(
        "command",
        Needs(Grant::Commands),
        "anything that the image, or a volume, holds",
    ),
    row(
        "workingDir",
        Needs(Grant::Commands),
        "where the command finds what it loads",
    ),
    row(
        "restartPolicy",
        Needs(Grant::Containers),
        "whether it is a sidecar",
    ),
    row(
        "restartPolicyRules",
        Needs(Grant::Containers),
        "what counts as a failure of the run",
    ),
    row(
        "env",
        special(Special::Env, Grant::Secrets),
        "the contract with the stream, and secrets",
    ),
    row(
        "envFrom",
        special(Special::EnvFrom, Grant::Secrets),
        "secrets",
    ),
    row(
        "resources",
        special(Special::Resources, Grant::Resources),
        "what others can not use",
    ),
    row(
        "resizePolicy",
        Free,
        "what becomes of the container if somebody resizes it",
    ),
    row(
        "securityContext",
        special(Special::ContainerSecurity, Grant::SecurityContext),
        "what its processes may do",
    ),
    row(
        "securityContext.capabilities",
        Within(Some(Grant::Capabilities)),
        "single powers of root",
    ),
    row(
        "securityContext.privileged",
        Within(Some(Grant::Privileged)),
        "root on the node",
    ),
    row(
        "securityContext.procMount",
        Within(Some(Grant::Privileged)),
        "the node's kernel",
    ),
    row(
        "ports",
        special(Special::Ports, Grant::HostNamespaces),
        "ports of the node",
    ),
    row(
        "volumeMounts",
        special(Special::Mounts, Grant::PersistentVolumeClaims),
        "what is read and written of a volume",
    ),
    row(
        "volumeDevices",
        special(Special::Devices, Grant::PersistentVolumeClaims),
        "what is read and written of a volume",
    ),
    // Attaching to it needs rights of its own.
    row("stdin", Free, "whether there is somewhere to type"),
    row("stdinOnce", Free, "whether there is somewhere to type"),
    row("tty", Free, "whether there is somewhere to type"),
    row("terminationMessagePath", Free, "a file of the container"),
    row(
        "terminationMessagePolicy",
        Free,
        "whether the end of the log is the last message",
    ),
    row(
        "lifecycle.stopSignal",
        Needs(Grant::Commands),
        "how the process is told to end",
    ),
];

/// Variables and their sources.
pub(super) const ENV: &[Row] = &[
    row("env.[].name", Within(None), "judged with the entry"),
    row("env.[].value", Within(None), "judged with the entry"),
    row(
        "env.[].valueFrom.secretKeyRef",
        Within(Some(Grant::Secrets)),
        "secrets",
    ),
    row(
        "env.[].valueFrom.configMapKeyRef",
        Within(Some(Grant::ConfigMaps)),
        "others' settings",
    ),
    // What a pod is told of itself.
    row(
        "env.[].valueFrom.fieldRef",
        Within(None),
        "the pod's own fields",
    ),
    row(
        "env.[].valueFrom.resourceFieldRef",
        Within(None),
        "the pod's own resources",
    ),
    row(
        "env.[].valueFrom.fileKeyRef",
        Within(None),
        "a volume that the pod has anyway",
    ),
    row("envFrom.[].prefix", Within(None), "judged with the entry"),
    row(
        "envFrom.[].secretRef",
        Within(Some(Grant::Secrets)),
        "secrets",
    ),
    row(
        "envFrom.[].configMapRef",
        Within(Some(Grant::ConfigMaps)),
        "others' settings",
    ),
];

/// Resources of a container, or of the pod.
pub(super) const RESOURCES: &[Row] = &[
    row(
        "limits",
        Within(Some(Grant::Resources)),
        "the most that it has",
    ),
    row(
        "requests",
        Within(Some(Grant::Resources)),
        "what is kept for it",
    ),
    // What a pod may claim is judged where the pod claims it.
    row(
        "claims",
        Within(None),
        "which of the pod's devices the container has",
    ),
];

/// What containers' and pods' securityContexts have in common, and what each has of its own.
pub(super) const SECURITY: &[Row] = &[
    row(
        "runAsUser",
        Within(Some(Grant::SecurityContext)),
        "files of that user",
    ),
    row(
        "runAsGroup",
        Within(Some(Grant::SecurityContext)),
        "files of that group",
    ),
    row("runAsNonRoot", Within(Some(Grant::SecurityContext)), "root"),
    row(
        "seLinuxOptions",
        Within(Some(Grant::SecurityContext)),
        "the kernel's policies",
    ),
    row(
        "seccompProfile",
        Within(Some(Grant::SecurityContext)),
        "the kernel's policies",
    ),
    row(
        "appArmorProfile",
        Within(Some(Grant::SecurityContext)),
        "the kernel's policies",
    ),
    row(
        "windowsOptions",
        Within(Some(Grant::SecurityContext)),
        "as whom it runs",
    ),
];

/// What only containers' securityContexts have.
pub(super) const CONTAINER_SECURITY: &[Row] = &[
    row(
        "allowPrivilegeEscalation",
        Within(Some(Grant::SecurityContext)),
        "root",
    ),
    row(
        "readOnlyRootFilesystem",
        Within(Some(Grant::SecurityContext)),
        "what the image runs",
    ),
];

/// What only pods' securityContexts have.
pub(super) const POD_SECURITY: &[Row] = &[
    row(
        "fsGroup",
        Within(Some(Grant::SecurityContext)),
        "files of that group",
    ),
    row(
        "fsGroupChangePolicy",
        Within(None),
        "when the owner of files is changed",
    ),
    row(
        "supplementalGroups",
        Within(Some(Grant::SecurityContext)),
        "files of those groups",
    ),
    row(
        "supplementalGroupsPolicy",
        Within(Some(Grant::SecurityContext)),
        "groups of the image",
    ),
    row(
        "seLinuxChangePolicy",
        Within(Some(Grant::SecurityContext)),
        "the kernel's policies",
    ),
];

/// A probe.
pub(super) const PROBE: &[Row] = &[
    row(
        "exec",
        Needs(Grant::Commands),
        "anything that the image, or a volume, holds",
    ),
    row("grpc", Free, "a port of the pod itself"),
    row("failureThreshold", Free, "when the pod counts as unwell"),
    row("initialDelaySeconds", Free, "when the pod is looked after"),
    row("periodSeconds", Free, "when the pod is looked after"),
    row("successThreshold", Free, "when the pod counts as well"),
    row("timeoutSeconds", Free, "when the pod counts as unwell"),
    row(
        "terminationGracePeriodSeconds",
        Rule::Special(Special::Grace, None),
        "more than the template's, or 600, would keep a stream from being stopped",
    ),
];

/// What a container does when it starts or ends.
pub(super) const HOOK: &[Row] = &[
    row(
        "exec",
        Needs(Grant::Commands),
        "anything that the image, or a volume, holds",
    ),
    // Within the termination grace period.
    row("sleep", Free, "how long it waits"),
];

/// Calls that the kubelet makes, from the node's network.
pub(super) const CALL: &[Row] = &[
    row(
        "httpGet.host",
        Needs(Grant::HostNamespaces),
        "whom the node calls",
    ),
    row("httpGet.httpHeaders", Free, "what the pod is told"),
    row("httpGet.path", Free, "what the pod is told"),
    row("httpGet.port", Free, "a port of the pod itself"),
    row("httpGet.scheme", Free, "what the pod is told"),
    row(
        "tcpSocket.host",
        Needs(Grant::HostNamespaces),
        "whom the node calls",
    ),
    row("tcpSocket.port", Free, "a port of the pod itself"),
];

/// Parts of lists that are judged in one go.
pub(super) const PARTS: &[Row] = &[
    row(
        "ports.[].containerPort",
        Within(None),
        "a port of the pod itself",
    ),
    row("ports.[].name", Within(None), "a port of the pod itself"),
    row(
        "ports.[].protocol",
        Within(None),
        "a port of the pod itself",
    ),
    row(
        "ports.[].hostIP",
        Within(Some(Grant::HostNamespaces)),
        "ports of the node",
    ),
    row(
        "ports.[].hostPort",
        Within(Some(Grant::HostNamespaces)),
        "ports of the node",
    ),
    row(
        "volumeMounts.[].name",
        Within(None),
        "judged with the entry",
    ),
    row(
        "volumeMounts.[].mountPath",
        Within(None),
        "where it is, in the container itself",
    ),
    row(
        "volumeMounts.[].mountPropagation",
        Within(Some(Grant::Privileged)),
        "what the node mounts, and has mounted",
    ),
    row(
        "volumeMounts.[].readOnly",
        Within(Some(Grant::PersistentVolumeClaims)),
        "others' data",
    ),
    row(
        "volumeMounts.[].recursiveReadOnly",
        Within(Some(Grant::PersistentVolumeClaims)),
        "others' data",
    ),
    row(
        "volumeMounts.[].subPath",
        Within(Some(Grant::PersistentVolumeClaims)),
        "others' data",
    ),
    row(
        "volumeMounts.[].subPathExpr",
        Within(Some(Grant::PersistentVolumeClaims)),
        "others' data",
    ),
    row(
        "volumeDevices.[].name",
        Within(None),
        "judged with the entry",
    ),
    row(
        "volumeDevices.[].devicePath",
        Within(None),
        "where it is, in the container itself",
    ),
];

/// Sources of volumes that have grants of their own. All others need the type's.
pub(super) const VOLUME: &[Row] = &[
    row(
        "name",
        Within(None),
        "entries are the same when their names are",
    ),
    row("secret", Within(Some(Grant::Secrets)), "secrets"),
    row(
        "configMap",
        Within(Some(Grant::ConfigMaps)),
        "others' settings",
    ),
    row(
        "persistentVolumeClaim",
        Within(Some(Grant::PersistentVolumeClaims)),
        "others' data",
    ),
    row(
        "projected.defaultMode",
        Within(None),
        "who in the pod can read it",
    ),
    row(
        "projected.sources.[].secret",
        Within(Some(Grant::Secrets)),
        "secrets",
    ),
    row(
        "projected.sources.[].configMap",
        Within(Some(Grant::ConfigMaps)),
        "others' settings",
    ),
    row(
        "projected.sources.[].downwardAPI",
        Within(None),
        "the pod's own fields",
    ),
    row(
        "projected.sources.[].serviceAccountToken",
        Within(Some(Grant::ServiceAccountToken)),
        "its rights, in the cluster's API and elsewhere",
    ),
    row(
        "projected.sources.[].podCertificate",
        Within(Some(Grant::ServiceAccountToken)),
        "its rights, in the cluster's API and elsewhere",
    ),
    row(
        "projected.sources.[].clusterTrustBundle",
        Within(Some(Grant::ServiceAccountToken)),
        "whom it trusts",
    ),
];
