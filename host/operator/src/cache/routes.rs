//! Which class is told about a change of a shared kind.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use tokio::sync::mpsc::UnboundedSender;

use super::Key;

/// Something that may matter to streams of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// An object of this stream has changed.
    Stream(Key),
    /// A template has changed.
    Template(Key),
    /// Something has changed that all streams of the class depend on.
    Class,
}

/// A group and a kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupKind {
    /// API group.
    pub group: Box<str>,
    /// Kind.
    pub kind: Box<str>,
}

impl GroupKind {
    /// Of an owner reference.
    pub fn of(api_version: &str, kind: &str) -> Self {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        GroupKind {
            group: group.into(),
            kind: kind.into(),
        }
    }
}

struct Route {
    kind: GroupKind,
    triggers: UnboundedSender<Trigger>,
}

/// The classes that are served, by name.
#[derive(Default)]
pub struct Routes {
    classes: RwLock<HashMap<Box<str>, Route>>,
}

impl Routes {
    /// Tells `triggers` about streams of this class and kind from now on.
    pub fn add(&self, class: &str, kind: GroupKind, triggers: UnboundedSender<Trigger>) {
        self.classes
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(class.into(), Route { kind, triggers });
    }

    /// Ends what [`Routes::add`] began.
    pub fn remove(&self, class: &str) {
        self.classes
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(class);
    }

    /// A stream of this class.
    pub fn class(&self, class: &str, stream: Key) {
        self.send(Trigger::Stream(stream), |name, _| name == class);
    }

    /// Every stream of this class.
    pub fn whole_class(&self, class: &str) {
        self.send(Trigger::Class, |name, _| name == class);
    }

    /// A stream of this kind; without one, whichever class has a stream of that name.
    pub fn kind(&self, kind: Option<&GroupKind>, stream: Key) {
        self.send(Trigger::Stream(stream), |_, route| {
            kind.is_none_or(|kind| route.kind == *kind)
        });
    }

    /// A template.
    pub fn template(&self, template: Key) {
        self.send(Trigger::Template(template), |_, _| true);
    }

    fn send(&self, trigger: Trigger, concerns: impl Fn(&str, &Route) -> bool) {
        let classes = self.classes.read().unwrap_or_else(PoisonError::into_inner);
        for (name, route) in classes.iter() {
            if concerns(name, route) {
                // A class that has just stopped no longer listens.
                let _ = route.triggers.send(trigger.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    fn kind(kind: &str) -> GroupKind {
        GroupKind {
            group: "g".into(),
            kind: kind.into(),
        }
    }

    fn routes() -> (
        Routes,
        UnboundedReceiver<Trigger>,
        UnboundedReceiver<Trigger>,
    ) {
        let routes = Routes::default();
        let ((a, from_a), (b, from_b)) = (unbounded_channel(), unbounded_channel());
        routes.add("a", kind("A"), a);
        routes.add("b", kind("B"), b);
        (routes, from_a, from_b)
    }

    #[test]
    fn a_kind_reaches_its_own_class_only() {
        let (routes, mut a, mut b) = routes();
        routes.kind(Some(&kind("A")), Key::new("ns", "s"));
        assert_eq!(a.try_recv(), Ok(Trigger::Stream(Key::new("ns", "s"))));
        assert!(b.try_recv().is_err());
    }

    #[test]
    fn an_object_without_an_owner_reaches_every_class() {
        let (routes, mut a, mut b) = routes();
        routes.kind(None, Key::new("ns", "s"));
        assert!(a.try_recv().is_ok() && b.try_recv().is_ok());
    }

    #[test]
    fn a_class_that_was_removed_is_not_told() {
        let (routes, mut a, _b) = routes();
        routes.remove("a");
        routes.class("a", Key::new("ns", "s"));
        assert!(a.try_recv().is_err());
    }
}
