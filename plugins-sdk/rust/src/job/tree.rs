//! Ways through JSON. A template may hold anything anywhere: what is not of the kind that is asked
//! for counts as not there, and is replaced when something is put there.

use serde_json::{Map, Value};

pub(super) fn find<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

pub(super) fn find_mut<'a>(value: &'a mut Value, path: &[&str]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |value, key| value.get_mut(key))
}

/// The value at a path, made where it is not there.
pub(super) fn entry<'a>(value: &'a mut Value, path: &[&str]) -> &'a mut Value {
    path.iter().fold(value, |value, key| {
        object(value).entry(*key).or_insert(Value::Null)
    })
}

/// The value as an object.
pub(super) fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("it has just been made one"),
    }
}

/// The value as a list.
pub(super) fn list(value: &mut Value) -> &mut Vec<Value> {
    if !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    match value {
        Value::Array(list) => list,
        _ => unreachable!("it has just been made one"),
    }
}

/// Removes a key from the object at a path; tells whether it was there.
pub(super) fn remove(value: &mut Value, path: &[&str], key: &str) -> bool {
    find_mut(value, path)
        .and_then(Value::as_object_mut)
        .is_some_and(|map| map.remove(key).is_some())
}
