//! Fields that no Job has.

use k8s_openapi::api::batch::v1::Job;
use serde_json::{Map, Value};

/// Removes from the Job what its schema does not know, and tells the paths below `root`.
///
/// Unknown is what does not survive a round trip through the typed Job.
pub(super) fn remove(
    root: &str,
    metadata: &mut Map<String, Value>,
    spec: &mut Map<String, Value>,
) -> Vec<String> {
    let mut unknown = Vec::new();
    let job = serde_json::json!({ "metadata": metadata, "spec": spec });
    // A Job that does not fit its type is for the API server to refuse, in its own words.
    if let Ok(typed) = serde_json::from_value::<Job>(job)
        && let Ok(known) = serde_json::to_value(&typed)
    {
        for (key, fields) in [("metadata", metadata), ("spec", spec)] {
            if let Some(known) = known[key].as_object() {
                retain_fields(fields, known, &format!("{root}.{key}"), &mut unknown);
            }
        }
    }
    unknown
}

fn retain_fields(
    fields: &mut Map<String, Value>,
    known: &Map<String, Value>,
    path: &str,
    unknown: &mut Vec<String>,
) {
    fields.retain(|key, value| {
        let path = format!("{path}.{key}");
        match known.get(key) {
            Some(known) => {
                retain(value, known, &path, unknown);
                true
            }
            // The typed Job drops every null, of fields it knows too; a null says nothing anyway.
            None if value.is_null() => true,
            None => {
                unknown.push(path);
                false
            }
        }
    });
}

fn retain(value: &mut Value, known: &Value, path: &str, unknown: &mut Vec<String>) {
    match (value, known) {
        (Value::Object(fields), Value::Object(known)) => {
            retain_fields(fields, known, path, unknown);
        }
        (Value::Array(items), Value::Array(known)) => {
            for (index, (item, known)) in items.iter_mut().zip(known).enumerate() {
                retain(item, known, &format!("{path}[{index}]"), unknown);
            }
        }
        _ => {}
    }
}
