//! Definitions of streams in the three layouts.

use std::collections::BTreeMap;

use kube::api::ObjectMeta;
use serde_json::{Map, Value, json};

/// The `spec` of a stream definition, to be created by [`Plugin::create`](crate::Plugin::create).
///
/// It references the job templates `sample-streaming` and `sample-backfill` in the stream's own
/// namespace, where every [`Plugin`](crate::Plugin) has them.
#[derive(Debug, Clone)]
#[must_use]
pub struct Definition {
    layout: Layout,
    suspended: bool,
    backends: Map<String, Value>,
    fields: Map<String, Value>,
    annotations: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    V0,
    V1,
    V2,
}

impl Layout {
    /// The merge patch of a definition's `spec` that says whether it is suspended.
    pub(crate) fn suspension(self, suspended: bool) -> Value {
        match self {
            Self::V0 => json!({"suspended": suspended}),
            Self::V1 | Self::V2 => json!({"execution": {"suspended": suspended}}),
        }
    }
}

impl Definition {
    /// The first layout: everything directly in `spec`.
    pub fn v0() -> Self {
        Self::new(Layout::V0)
    }

    /// Layout `v1`, change capture: the backfill's template beside the backend.
    pub fn v1() -> Self {
        Self::new(Layout::V1).backend("changeCapture", change_capture(Layout::V1))
    }

    /// Layout `v2`, change capture: the backfill's template in the backend.
    pub fn v2() -> Self {
        Self::new(Layout::V2).backend("changeCapture", change_capture(Layout::V2))
    }

    /// Layout `v1` on a schedule. The layout names a template for backfills, too.
    pub fn v1_batch(schedule: &str) -> Self {
        Self::new(Layout::V1).batch(schedule)
    }

    /// Layout `v2` on a schedule.
    pub fn v2_batch(schedule: &str) -> Self {
        Self::new(Layout::V2).batch(schedule)
    }

    /// Layout `v2` with no backend at all.
    pub fn without_backend() -> Self {
        Self::new(Layout::V2)
    }

    fn new(layout: Layout) -> Self {
        // Something that a stream would be configured with, and that the environment escapes.
        let fields = Map::from_iter([("source".to_owned(), json!("db?schema=s&table=<t>"))]);
        Self {
            layout,
            suspended: false,
            backends: Map::new(),
            fields,
            annotations: BTreeMap::new(),
            labels: BTreeMap::new(),
        }
    }

    /// Adds the batch backend, which wins over change capture.
    pub fn batch(self, schedule: &str) -> Self {
        self.backend("batch", batch(schedule))
    }

    /// Creates the stream suspended.
    pub fn suspended(mut self) -> Self {
        self.suspended = true;
        self
    }

    /// Sets a field of `spec`, over what the layout has there.
    pub fn field(mut self, name: &str, value: Value) -> Self {
        self.fields.insert(name.to_owned(), value);
        self
    }

    /// Gives the definition an annotation.
    pub fn annotation(mut self, name: &str, value: &str) -> Self {
        self.annotations.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Gives the definition a label.
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }

    fn backend(mut self, name: &str, backend: Value) -> Self {
        self.backends.insert(name.to_owned(), backend);
        self
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// The definition's `metadata`, under this name.
    pub(crate) fn metadata(&self, name: &str) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.to_owned()),
            annotations: Some(self.annotations.clone()),
            labels: Some(self.labels.clone()),
            ..ObjectMeta::default()
        }
    }

    /// The definition's `spec`.
    #[must_use]
    pub fn spec(&self) -> Value {
        let Self {
            layout,
            suspended,
            backends,
            fields,
            ..
        } = self;
        let mut spec = Map::new();
        match layout {
            Layout::V0 => {
                spec.insert("suspended".into(), json!(suspended));
                spec.insert("jobTemplateRef".into(), streaming());
                spec.insert("backfillJobTemplateRef".into(), backfill());
            }
            Layout::V1 | Layout::V2 => {
                let version = if *layout == Layout::V1 { "v1" } else { "v2" };
                let mut execution = json!({
                    "layoutVersion": version,
                    "suspended": suspended,
                    "streamingBackend": backends,
                });
                if *layout == Layout::V1 {
                    execution["backfillJobTemplateRef"] = backfill();
                }
                spec.insert("execution".into(), execution);
            }
        }
        spec.extend(fields.clone());
        spec.into()
    }
}

fn change_capture(layout: Layout) -> Value {
    let mut backend = json!({"jobTemplateRef": streaming()});
    if layout == Layout::V2 {
        backend["backfillJobTemplateRef"] = backfill();
    }
    backend
}

fn batch(schedule: &str) -> Value {
    json!({"schedule": schedule, "jobTemplateRef": streaming()})
}

fn streaming() -> Value {
    json!({"name": "sample-streaming"})
}

fn backfill() -> Value {
    json!({"name": "sample-backfill"})
}

#[cfg(test)]
mod tests {
    use arcane_contract::definition;

    use super::*;

    fn parse(definition: &Definition) -> definition::Definition {
        definition::Definition::parse(&definition.spec(), "n").unwrap()
    }

    #[test]
    fn every_layout_is_what_it_says_and_has_both_templates() {
        let layouts = [
            (Definition::v0(), definition::Layout::V0),
            (Definition::v1(), definition::Layout::V1),
            (Definition::v2(), definition::Layout::V2),
        ];
        for (definition, layout) in layouts {
            let parsed = parse(&definition);
            assert_eq!(parsed.layout, layout);
            assert!(!parsed.suspended);
            assert_eq!(parsed.backfill.unwrap().name, "sample-backfill");
            let streaming = parsed.backend.unwrap().template().name.clone();
            assert_eq!(streaming, "sample-streaming");
        }
    }

    #[test]
    fn a_patch_suspends_whatever_the_layout() {
        for definition in [Definition::v0(), Definition::v1(), Definition::v2()] {
            assert!(parse(&definition.clone().suspended()).suspended);
            let patch = definition.layout().suspension(true);
            let mut spec = definition.spec();
            for (field, value) in patch.as_object().unwrap() {
                match value {
                    Value::Object(inner) => {
                        for (field, value) in inner {
                            spec["execution"][field] = value.clone();
                        }
                    }
                    value => spec[field] = value.clone(),
                }
            }
            let parsed = definition::Definition::parse(&spec, "n").unwrap();
            assert!(parsed.suspended, "{spec}");
        }
    }
}
