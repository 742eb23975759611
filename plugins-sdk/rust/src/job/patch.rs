//! What was changed, as a JSON Patch (RFC 6902).

use serde_json::Value;

use crate::json;

/// The text of a patch that makes `new` of `old`; none where they are equal.
pub(super) fn between(old: &Value, new: &Value) -> Option<String> {
    let mut patch = Patch {
        path: String::new(),
        operations: String::new(),
    };
    patch.compare(old, new);
    if patch.operations.is_empty() {
        return None;
    }
    patch.operations.push(']');
    Some(patch.operations)
}

struct Patch {
    /// Where we are: a JSON Pointer.
    path: String,
    operations: String,
}

impl Patch {
    fn compare(&mut self, old: &Value, new: &Value) {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                for (key, old) in old {
                    let parent = self.enter(key);
                    match new.get(key) {
                        Some(new) => self.compare(old, new),
                        None => self.push("remove", None),
                    }
                    self.path.truncate(parent);
                }
                for (key, new) in new {
                    if !old.contains_key(key) {
                        self.add(key, new);
                    }
                }
            }
            // Lists grow at their end, as a rule; what has lost an element is given as a whole.
            (Value::Array(old), Value::Array(new)) if old.len() <= new.len() => {
                let mut old = old.iter();
                for (index, new) in new.iter().enumerate() {
                    match old.next() {
                        Some(old) => {
                            let parent = self.enter(&index.to_string());
                            self.compare(old, new);
                            self.path.truncate(parent);
                        }
                        None => self.add("-", new),
                    }
                }
            }
            _ if old == new => {}
            _ => self.push("replace", Some(new)),
        }
    }

    fn add(&mut self, key: &str, new: &Value) {
        let parent = self.enter(key);
        self.push("add", Some(new));
        self.path.truncate(parent);
    }

    /// Goes to a member; returns the length of the path to go back to.
    #[inline(never)]
    fn enter(&mut self, key: &str) -> usize {
        let parent = self.path.len();
        self.path.push('/');
        for character in key.chars() {
            match character {
                '~' => self.path.push_str("~0"),
                '/' => self.path.push_str("~1"),
                other => self.path.push(other),
            }
        }
        parent
    }

    #[inline(never)]
    fn push(&mut self, operation: &str, value: Option<&Value>) {
        let start = if self.operations.is_empty() { "[" } else { "," };
        let path = json::text(&Value::String(self.path.clone()));
        let (member, value) = match value {
            Some(value) => (",\"value\":", json::text(value)),
            None => ("", String::new()),
        };
        for part in [
            start,
            "{\"op\":\"",
            operation,
            "\",\"path\":",
            &path,
            member,
            &value,
            "}",
        ] {
            self.operations.push_str(part);
        }
    }
}
