//! What was changed, as a JSON Patch (RFC 6902).

use serde_json::{Map, Value};

/// The operations that make `new` of `old`.
pub(super) fn between(old: &Value, new: &Value) -> Vec<Value> {
    let mut operations = Vec::new();
    compare(&mut String::new(), old, new, &mut operations);
    operations
}

fn compare(path: &mut String, old: &Value, new: &Value, operations: &mut Vec<Value>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, old) in old {
                below(path, key, |path| match new.get(key) {
                    Some(new) => compare(path, old, new, operations),
                    None => operations.push(operation("remove", path, None)),
                });
            }
            for (key, new) in new {
                if !old.contains_key(key) {
                    below(path, key, |path| {
                        operations.push(operation("add", path, Some(new)));
                    });
                }
            }
        }
        // Lists grow at their end, as a rule; what has lost an element is given as a whole.
        (Value::Array(old), Value::Array(new)) if old.len() <= new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                below(path, &index.to_string(), |path| {
                    compare(path, old, new, operations);
                });
            }
            for new in &new[old.len()..] {
                below(path, "-", |path| {
                    operations.push(operation("add", path, Some(new)));
                });
            }
        }
        _ if old == new => {}
        _ => operations.push(operation("replace", path, Some(new))),
    }
}

/// Does something at the path of a member.
fn below(path: &mut String, key: &str, act: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push('/');
    for character in key.chars() {
        match character {
            '~' => path.push_str("~0"),
            '/' => path.push_str("~1"),
            other => path.push(other),
        }
    }
    act(path);
    path.truncate(length);
}

fn operation(name: &str, path: &str, value: Option<&Value>) -> Value {
    let mut operation = Map::new();
    operation.insert("op".to_owned(), Value::String(name.to_owned()));
    operation.insert("path".to_owned(), Value::String(path.to_owned()));
    if let Some(value) = value {
        operation.insert("value".to_owned(), value.clone());
    }
    Value::Object(operation)
}
