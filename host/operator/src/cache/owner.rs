//! Whose object it is.

use arcane_lifecycle::Ownership;
use kube::api::ObjectMeta;

use super::routes::GroupKind;

/// The object that controls another.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Its uid.
    pub uid: Box<str>,
    /// Its group and kind.
    pub kind: GroupKind,
}

impl Owner {
    /// The controller of the object with this metadata.
    pub fn of(metadata: &ObjectMeta) -> Option<Self> {
        let owners = metadata.owner_references.iter().flatten();
        let controller = owners
            .into_iter()
            .find(|owner| owner.controller == Some(true))?;
        Some(Owner {
            uid: controller.uid.as_str().into(),
            kind: GroupKind::of(&controller.api_version, &controller.kind),
        })
    }
}

/// Whether an object with this controller is that of the stream with this uid.
pub fn ownership(owner: Option<&Owner>, stream: &str) -> Ownership {
    if owner.is_some_and(|owner| *owner.uid == *stream) {
        Ownership::Ours
    } else {
        Ownership::Foreign
    }
}
