//! The Secrets that a definition names and its class asks for.

use std::collections::BTreeMap;

use serde_json::{Value, value::RawValue};

use super::{Error, Stream};
use crate::json::describe;

/// Names of the Secrets, in the order of the class's `secretRefs`.
pub(super) fn names(stream: &Stream<'_>) -> Result<Vec<String>, Error> {
    if stream.secret_refs.is_empty() {
        return Ok(Vec::new());
    }
    // Only the fields that are asked for are built. A spec that is no object has none of them.
    let fields: BTreeMap<String, &RawValue> =
        serde_json::from_str(stream.spec.as_str()).unwrap_or_default();
    stream
        .secret_refs
        .iter()
        .map(|field| {
            let reference = fields
                .get(field)
                .and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
            name(reference.as_ref()).map_err(|found| Error::SecretRef {
                kind: stream.kind.to_owned(),
                stream: format!("{}/{}", stream.namespace, stream.name),
                class: stream.class.to_owned(),
                field: field.clone(),
                found,
            })
        })
        .collect()
}

/// The name that a reference holds, or what was found instead.
fn name(reference: Option<&Value>) -> Result<String, String> {
    let Some(Value::Object(fields)) = reference else {
        return Err(describe(reference));
    };
    match fields.get("name") {
        Some(Value::String(name)) if !name.is_empty() => Ok(name.clone()),
        other => Err(format!("an object whose name is {}", describe(other))),
    }
}
