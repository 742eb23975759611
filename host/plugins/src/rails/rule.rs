//! What may become of a field.

use super::grant::Grant;

/// A field of a Job, what may become of it, and why.
#[derive(Debug)]
pub(super) struct Row {
    /// Path from the root of its table: fields by name, `[]` for the entries of a list, `{}` for
    /// the values of a map. A row speaks of everything below that has no row of its own.
    pub(super) path: &'static str,
    /// What may become of it.
    pub(super) rule: Rule,
    /// Why: for readers of the table, and where nothing allows a change, for authors of plugins.
    pub(super) why: &'static str,
}

/// What may become of a field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// It stays as it is.
    Fixed,
    /// Anything.
    Free,
    /// Any change needs the grant.
    Needs(Grant),
    /// Of its values, those of earlier rungs are less than those of later ones. Less is free, more
    /// needs the grant; a value that is on no rung is more than all.
    Raises(Grant, &'static [&'static [Rung]]),
    /// It names something, or nothing; another name has to be granted.
    Names(Grant),
    /// Not by itself, but in one go with what stands above it. The grant is the one that a change
    /// can need at most.
    Within(Option<Grant>),
    /// It takes more than a value to judge it. The grant is the one that a change can need at most.
    Special(Special, Option<Grant>),
}

/// A value on a ladder.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rung {
    /// There is none.
    Absent,
    /// True or false.
    Flag(bool),
    /// A text.
    Text(&'static str),
}

/// What it takes more than a value to judge.
#[derive(Clone, Copy, Debug)]
pub(super) enum Special {
    /// Labels or annotations.
    Keys,
    /// When the Job replaces a pod.
    Replacement,
    /// How long a pod may take to end.
    Grace,
    /// As which ServiceAccount a pod runs.
    Account,
    /// Containers that run the stream.
    Containers,
    /// Containers that run before, and sidecars.
    InitContainers,
    /// Variables of a container.
    Env,
    /// Sources of variables of a container.
    EnvFrom,
    /// A container's image.
    Image,
    /// When a container's image is pulled.
    ImagePull,
    /// A container's ports.
    Ports,
    /// What a container, or the pod, has of the node's resources.
    Resources,
    /// A securityContext of a container.
    ContainerSecurity,
    /// A securityContext of the pod.
    PodSecurity,
    /// Where a container has the pod's volumes.
    Mounts,
    /// Where a container has the pod's volumes as raw devices.
    Devices,
    /// Volumes of the pod.
    Volumes,
    /// Secrets that images are pulled with.
    PullSecrets,
    /// Devices that the pod claims.
    Claims,
}

impl Rule {
    /// The grant that a change can need, if there is one.
    pub(super) fn grant(self) -> Option<Grant> {
        match self {
            Self::Fixed | Self::Free => None,
            Self::Needs(grant) | Self::Raises(grant, _) | Self::Names(grant) => Some(grant),
            Self::Within(grant) | Self::Special(_, grant) => grant,
        }
    }
}
