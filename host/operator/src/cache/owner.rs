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

/// What an object is to a stream of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The stream's own.
    Own,
    /// Left by an earlier definition of the same kind and name: it is about to be collected.
    Predecessors,
    /// Somebody else's.
    Strange,
}

impl Relation {
    /// Of an object with this controller.
    pub fn of(owner: Option<&Owner>, claimant: Claimant<'_>) -> Self {
        let Claimant { uid, name, kind } = claimant;
        match owner {
            Some(owner) if *owner.uid == *uid => Relation::Own,
            Some(owner) if *owner.name == *name && owner.kind == *kind => Relation::Predecessors,
            _ => Relation::Strange,
        }
    }

    /// As the lifecycle sees it.
    pub fn ownership(self) -> Ownership {
        match self {
            Relation::Own => Ownership::Ours,
            Relation::Predecessors | Relation::Strange => Ownership::Foreign,
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
        let relation =
            |uid, name, kind: &GroupKind| Relation::of(Some(&owner), Claimant { uid, name, kind });
        assert_eq!(relation("u", "s", &kind), Relation::Own);
        assert_eq!(relation("v", "s", &kind), Relation::Predecessors);
        assert_eq!(relation("v", "t", &kind), Relation::Strange);
        let other = GroupKind::of("g/v1", "L");
        assert_eq!(relation("v", "s", &other), Relation::Strange);
    }
}
