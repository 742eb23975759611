//! What was given, as far as it matters in more than one place.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::json::{field, list, text};
use super::protected::Protected;

/// What was given.
pub(super) struct Facts<'a> {
    pod: Option<&'a Value>,
    readable: OnceCell<Readable<'a>>,
    parts: OnceCell<HashSet<&'a str>>,
}

/// A kind of object whose keys a pod can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Secret,
    ConfigMap,
}

/// What a pod reads of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Reference<'a> {
    pub(super) kind: Kind,
    pub(super) name: &'a str,
    /// One key; `None` for all.
    pub(super) key: Option<&'a str>,
}

type Readable<'a> = HashSet<Reference<'a>>;

impl<'a> Facts<'a> {
    pub(super) fn new(given: &'a Value) -> Self {
        let spec = field(given, "spec").and_then(|spec| field(spec, "template"));
        Self {
            pod: spec.and_then(|template| field(template, "spec")),
            readable: OnceCell::new(),
            parts: OnceCell::new(),
        }
    }

    /// The containers that are not init containers.
    pub(super) fn containers(&self) -> &'a [Value] {
        list(self.pod, "containers")
    }

    /// Containers of both sorts.
    pub(super) fn all_containers(&self) -> impl Iterator<Item = &'a Value> {
        self.containers()
            .iter()
            .chain(list(self.pod, "initContainers"))
    }

    /// Whether a container runs the image.
    pub(super) fn runs(&self, image: &str) -> bool {
        self.all_containers()
            .any(|container| text(container, "image") == Some(image))
    }

    /// The volume of that name.
    pub(super) fn volume(&self, name: &str) -> Option<&'a Value> {
        list(self.pod, "volumes")
            .iter()
            .find(|volume| text(volume, "name") == Some(name))
    }

    /// Volumes.
    pub(super) fn volumes(&self) -> &'a [Value] {
        list(self.pod, "volumes")
    }

    /// The pod's securityContext.
    pub(super) fn pod_security(&self) -> Option<&'a Value> {
        self.pod.and_then(|pod| field(pod, "securityContext"))
    }

    /// The pod's resources as a whole.
    pub(super) fn pod_resources(&self) -> Option<&'a Value> {
        self.pod.and_then(|pod| field(pod, "resources"))
    }

    /// The value of a variable that the contract sets in the first container.
    pub(super) fn contract_variable(&self, name: &str) -> Option<&'a Value> {
        list(self.containers().first(), "env")
            .iter()
            .find(|entry| text(entry, "name") == Some(name))
    }

    /// Whether the platform's variables, or paths of the template's volumes, are made of the label
    /// or annotation `key` of the pod.
    pub(super) fn is_part(&self, key: &str) -> bool {
        let parts = self.parts.get_or_init(|| {
            self.all_containers()
                .flat_map(|container| Protected::of(Some(container)).keys(container))
                .collect()
        });
        parts.contains(key)
    }

    /// Whether the pod can read it.
    pub(super) fn can_read(&self, reference: Reference<'_>) -> bool {
        let readable = self.readable.get_or_init(|| self.read());
        let whole = Reference {
            key: None,
            ..reference
        };
        readable.contains(&whole) || readable.contains(&reference)
    }

    fn read(&self) -> Readable<'a> {
        let mut readable = HashSet::new();
        for container in self.all_containers() {
            for entry in list(Some(container), "env") {
                readable.extend(of_variable(entry));
            }
            for source in list(Some(container), "envFrom") {
                readable.extend(of_source(source));
            }
        }
        for volume in self.volumes() {
            of_volume(volume, &mut |reference| {
                readable.insert(reference);
            });
        }
        readable
    }
}

/// What a variable reads.
pub(super) fn of_variable(entry: &Value) -> impl Iterator<Item = Reference<'_>> {
    let from = field(entry, "valueFrom");
    [
        ("secretKeyRef", Kind::Secret),
        ("configMapKeyRef", Kind::ConfigMap),
    ]
    .into_iter()
    .filter_map(move |(name, kind)| {
        let reference = from.and_then(|from| field(from, name))?;
        Some(Reference {
            kind,
            name: text(reference, "name").unwrap_or_default(),
            key: Some(text(reference, "key").unwrap_or_default()),
        })
    })
}

/// What an entry of envFrom reads.
pub(super) fn of_source(entry: &Value) -> impl Iterator<Item = Reference<'_>> {
    [
        ("secretRef", Kind::Secret),
        ("configMapRef", Kind::ConfigMap),
    ]
    .into_iter()
    .filter_map(move |(name, kind)| {
        let reference = field(entry, name)?;
        Some(Reference {
            kind,
            name: text(reference, "name").unwrap_or_default(),
            key: None,
        })
    })
}

/// What a volume's Secrets and ConfigMaps are read for, also those of a projected volume.
pub(super) fn of_volume<'a>(volume: &'a Value, visit: &mut impl FnMut(Reference<'a>)) {
    let plain = [
        ("secret", "secretName", Kind::Secret),
        ("configMap", "name", Kind::ConfigMap),
    ];
    let projected = [
        ("secret", "name", Kind::Secret),
        ("configMap", "name", Kind::ConfigMap),
    ];
    of_objects(volume, plain, visit);
    for source in list(field(volume, "projected"), "sources") {
        of_objects(source, projected, visit);
    }
}

fn of_objects<'a>(
    holder: &'a Value,
    fields: [(&str, &str, Kind); 2],
    visit: &mut impl FnMut(Reference<'a>),
) {
    for (field_name, name, kind) in fields {
        let Some(object) = field(holder, field_name) else {
            continue;
        };
        let name = text(object, name).unwrap_or_default();
        let items = list(Some(object), "items");
        if items.is_empty() {
            visit(Reference {
                kind,
                name,
                key: None,
            });
        }
        for item in items {
            visit(Reference {
                kind,
                name,
                key: Some(text(item, "key").unwrap_or_default()),
            });
        }
    }
}

/// The entries of a list by the text in their field `key`.
pub(super) fn by_name<'a>(entries: &'a [Value], key: &str) -> HashMap<&'a str, &'a Value> {
    entries
        .iter()
        .filter_map(|entry| Some((text(entry, key)?, entry)))
        .collect()
}
