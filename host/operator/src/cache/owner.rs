//! Whose object it is.

use arcane_lifecycle::Ownership;
use kube::api::ObjectMeta;

use super::routes::GroupKind;

/// The object that controls another.
#[derive(Clone, Debug, PartialEq)]
pub struct Owner {
    /// Its uid.
    pub uid: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its group and kind.
    pub kind: GroupKind,
}

impl Owner {
    /// The controller of the object with this metadata.
    pub fn of(metadata: &ObjectMeta) -> Option<Self> {
        let mut owners = metadata.owner_references.iter().flatten();
        let controller = owners.find(|owner| owner.controller == Some(true))?;
        Some(Owner {
            uid: controller.uid.as_str().into(),
            name: controller.name.as_str().into(),
            kind: GroupKind::of(&controller.api_version, &controller.kind),
        })
    }
}

/// The stream that asks.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    /// uid of its definition.
    pub uid: &'a str,
    /// Name of its definition.
    pub name: &'a str,
    /// Kind of its definition.
    pub kind: &'a GroupKind,
}

impl Claimant<'_> {
    /// Whose an object with this controller is to the stream.
    pub fn ownership(self, owner: Option<&Owner>) -> Ownership {
        let Claimant { uid, name, kind } = self;
        match owner {
            Some(owner) if *owner.uid == *uid => Ownership::Ours,
            Some(owner) if *owner.name == *name && owner.kind == *kind => Ownership::Predecessors,
            _ => Ownership::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_told_by_uid_and_the_leftover_of_a_namesake_by_kind_and_name() {
        let kind = GroupKind::of("g/v1", "K");
        let owner = Owner {
            uid: "u".into(),
            name: "s".into(),
            kind: kind.clone(),
        };
        let ownership =
            |uid, name, kind: &GroupKind| Claimant { uid, name, kind }.ownership(Some(&owner));
        assert_eq!(ownership("u", "s", &kind), Ownership::Ours);
        assert_eq!(ownership("v", "s", &kind), Ownership::Predecessors);
        assert_eq!(ownership("v", "t", &kind), Ownership::Foreign);
        let other = GroupKind::of("g/v1", "L");
        assert_eq!(ownership("v", "s", &other), Ownership::Foreign);
    }
}
