//! Labels and annotations.

use serde_json::Value;

use super::tree;

/// Labels and annotations of a Job, or of its pods. Those of the host itself cannot be changed.
#[derive(Debug)]
pub struct Metadata<'a> {
    /// What has a field `metadata`.
    object: &'a mut Value,
}

impl<'a> Metadata<'a> {
    pub(super) fn of(object: &'a mut Value) -> Self {
        Self { object }
    }

    /// A label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.get("labels", key)
    }

    /// Sets a label.
    pub fn set_label(&mut self, key: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.set("labels", key.into(), value.into())
    }

    /// Removes a label; tells whether it was there.
    pub fn remove_label(&mut self, key: &str) -> bool {
        tree::remove(self.object, &["metadata", "labels"], key)
    }

    /// An annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.get("annotations", key)
    }

    /// Sets an annotation.
    pub fn set_annotation(
        &mut self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> &mut Self {
        self.set("annotations", key.into(), value.into())
    }

    /// Removes an annotation; tells whether it was there.
    pub fn remove_annotation(&mut self, key: &str) -> bool {
        tree::remove(self.object, &["metadata", "annotations"], key)
    }

    fn get(&self, map: &str, key: &str) -> Option<&str> {
        tree::find(self.object, &["metadata", map])?
            .get(key)?
            .as_str()
    }

    fn set(&mut self, map: &str, key: String, value: String) -> &mut Self {
        let map = tree::entry(self.object, &["metadata", map]);
        tree::object(map).insert(key, Value::String(value));
        self
    }
}
