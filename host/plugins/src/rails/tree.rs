//! The table as a tree, along which Jobs are walked.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use arcane_contract::api::VOLUME_TYPES;

use super::contents::{self, Contents};
use super::grant::Grant;
use super::rule::{Row, Rule};
use super::table;

/// What the table says of a field and of what is below it.
#[derive(Debug, Default)]
pub(super) struct Node {
    row: Option<(Rule, &'static str)>,
    fields: BTreeMap<&'static str, Node>,
    each: Option<Box<Node>>,
}

impl Node {
    /// What may become of it, and why; `None` for what only has parts.
    pub(super) fn row(&self) -> Option<(Rule, &'static str)> {
        self.row
    }

    /// The field `name`; `None` if the table does not know it.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        self.fields.get(name).or(self.each.as_deref())
    }

    /// An entry of the list.
    pub(super) fn entry(&self) -> Option<&Self> {
        self.each.as_deref()
    }

    /// Whether what the table says of it holds for everything below.
    pub(super) fn is_whole(&self) -> bool {
        self.fields.is_empty() && self.each.is_none()
    }

    fn insert(&mut self, prefix: &'static str, path: &'static str, rule: Rule, why: &'static str) {
        self.at(prefix, path).row = Some((rule, why));
    }

    /// Adds what stands in fields that have rows, which hold for it as well.
    fn contain(&mut self, prefix: &'static str, all: &'static [Contents]) {
        for Contents { of, fields } in all {
            let node = self.at(prefix, of);
            let Some((rule, why)) = node.row else {
                continue;
            };
            for field in *fields {
                node.insert("", field, rule, why);
            }
        }
    }

    /// What stands at a path, added where it is not there yet.
    fn at(&mut self, prefix: &'static str, path: &'static str) -> &mut Self {
        let steps = prefix.split('.').chain(path.split('.'));
        let steps = steps.filter(|step| !step.is_empty());
        steps.fold(self, |node, step| node.step(step))
    }

    fn step(&mut self, step: &'static str) -> &mut Self {
        match step {
            "[]" | "{}" => self.each.get_or_insert_default(),
            field => self.fields.entry(field).or_default(),
        }
    }

    fn extend(&mut self, prefix: &'static str, rows: &'static [Row]) {
        for Row { path, rule, why } in rows {
            self.insert(prefix, path, *rule, why);
        }
    }
}

/// What the table says of a whole Job.
pub(super) fn root() -> &'static Node {
    static ROOT: LazyLock<Node> = LazyLock::new(build);
    &ROOT
}

fn build() -> Node {
    let mut root = Node::default();
    root.extend("", table::JOB);
    root.extend("metadata", table::METADATA);
    root.extend("spec.template.metadata", table::METADATA);
    root.extend("spec.template.spec", table::POD);
    root.extend("spec.template.spec.resources", table::RESOURCES);
    root.extend("spec.template.spec.securityContext", table::SECURITY);
    root.extend("spec.template.spec.securityContext", table::POD_SECURITY);
    root.extend("spec.template.spec.volumes.[]", table::VOLUME);
    for volume in VOLUME_TYPES {
        let rule = Rule::Within(Some(Grant::Volumes));
        root.insert(
            "spec.template.spec.volumes.[]",
            volume,
            rule,
            "what a pod can reach",
        );
    }
    root.contain("", contents::JOB);
    root.contain("spec.template.spec.resources", contents::RESOURCES);
    root.contain("spec.template.spec.volumes.[]", contents::VOLUME);
    // A macro, for prefixes that live as long as the program.
    macro_rules! containers {
        ($($list:literal),*) => {$(
            root.extend($list, table::CONTAINER);
            root.extend($list, table::ENV);
            root.extend($list, table::PARTS);
            root.extend(concat!($list, ".resources"), table::RESOURCES);
            root.extend(concat!($list, ".securityContext"), table::SECURITY);
            root.extend(concat!($list, ".securityContext"), table::CONTAINER_SECURITY);
            root.contain($list, contents::CONTAINER);
            root.contain(concat!($list, ".resources"), contents::RESOURCES);
            containers!(@probes $list, "livenessProbe", "readinessProbe", "startupProbe");
            containers!(@hooks $list, "postStart", "preStop");
        )*};
        (@probes $list:literal, $($probe:literal),*) => {$(
            root.extend(concat!($list, ".", $probe), table::PROBE);
            root.extend(concat!($list, ".", $probe), table::CALL);
            root.contain(concat!($list, ".", $probe), contents::PROBE);
            root.contain(concat!($list, ".", $probe), contents::CALL);
        )*};
        (@hooks $list:literal, $($hook:literal),*) => {$(
            root.extend(concat!($list, ".lifecycle.", $hook), table::HOOK);
            root.extend(concat!($list, ".lifecycle.", $hook), table::CALL);
            root.contain(concat!($list, ".lifecycle.", $hook), contents::HOOK);
            root.contain(concat!($list, ".lifecycle.", $hook), contents::CALL);
        )*};
    }
    containers!(
        "spec.template.spec.containers.[]",
        "spec.template.spec.initContainers.[]"
    );
    root
}

/// What may become of a field of a Job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classification {
    /// Nothing: a plugin cannot change it, whatever it is granted. Of labels, annotations and
    /// variables that is so for reserved names.
    Fixed,
    /// It may be changed without a grant.
    Free,
    /// It may be changed within bounds: up to what the template has, or outside reserved names.
    Bounded,
    /// It may be changed with this grant, and in harmless ways without.
    Granted(Grant),
    /// It only holds other fields.
    Parent,
    /// The table does not know it; a plugin cannot set it.
    Unclassified,
}

/// What may become of the field at `path`: names of fields, `[]` for entries of a list, `{}` for
/// values of a map.
#[must_use]
pub fn classify(path: &[&str]) -> Classification {
    let mut node = root();
    for step in path {
        if node.row.is_some() && node.is_whole() {
            break;
        }
        match node.field(step) {
            Some(next) => node = next,
            None => return Classification::Unclassified,
        }
    }
    match node.row {
        None => Classification::Parent,
        Some((Rule::Fixed, _)) => Classification::Fixed,
        Some((Rule::Free, _)) => Classification::Free,
        Some((rule, _)) => rule
            .grant()
            .map_or(Classification::Bounded, Classification::Granted),
    }
}
