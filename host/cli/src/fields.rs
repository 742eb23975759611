//! Objects that people wrote, read field by field, so that a mistake is told with its path.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Longest text quoted in a message, in characters.
const QUOTED: usize = 60;

/// The fields of an object, and where it stands.
pub struct Fields<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The fields of `value`, which stands at `path` and may have no others than `known`.
    ///
    /// # Errors
    /// Names the path or the unknown field, and what would be known.
    pub fn of(path: &str, value: &'a Value, known: &[&str]) -> Result<Self, String> {
        let Value::Object(map) = value else {
            return Err(format!(
                "{path} is {}: set it to an object with {}",
                quoted(value),
                known.join(", ")
            ));
        };
        let fields = Self {
            path: path.to_owned(),
            map,
        };
        let unknown = map.keys().find(|key| !known.contains(&key.as_str()));
        match unknown {
            None => Ok(fields),
            Some(key) => Err(format!(
                "{} is not a known field: use {}",
                fields.path_of(key),
                known.join(", ")
            )),
        }
    }

    /// Path of a field.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Names of the fields that are there, also of those that are null.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.map.keys().map(String::as_str)
    }

    /// A field as it stands; none if it is absent or null.
    pub fn value(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// The complaint that a field is not as expected.
    pub fn wrong(&self, key: &str, expected: &str) -> String {
        let found = self
            .map
            .get(key)
            .map_or_else(|| "missing".to_owned(), quoted);
        format!("{} is {found}: set it to {expected}", self.path_of(key))
    }

    /// A field that `read` understands.
    ///
    /// # Errors
    /// Names the field, and what is there.
    pub fn read<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        self.value(key)
            .map(|value| read(value).ok_or_else(|| self.wrong(key, expected)))
            .transpose()
    }

    /// A text.
    ///
    /// # Errors
    /// As [`Fields::read`].
    pub fn text(&self, key: &str) -> Result<Option<&'a str>, String> {
        self.read(
            key,
            "a text, in quotes where it looks like a number",
            Value::as_str,
        )
    }

    /// A whole number that fits.
    ///
    /// # Errors
    /// As [`Fields::read`].
    pub fn number<T: TryFrom<i64>>(&self, key: &str) -> Result<Option<T>, String> {
        self.read(key, "a whole number", |value| {
            value.as_i64().and_then(|number| T::try_from(number).ok())
        })
    }

    /// An object.
    ///
    /// # Errors
    /// As [`Fields::read`].
    pub fn object(&self, key: &str) -> Result<Option<&'a Value>, String> {
        self.read(key, "an object", |value| {
            Some(value).filter(|value| value.is_object())
        })
    }

    /// An object of texts; empty if it is absent.
    ///
    /// # Errors
    /// As [`Fields::read`].
    pub fn texts(&self, key: &str) -> Result<BTreeMap<String, String>, String> {
        let texts = self.read(
            key,
            "an object of texts, in quotes where they look like numbers",
            |value| {
                let pairs = value.as_object()?.iter();
                pairs
                    .map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                    .collect()
            },
        )?;
        Ok(texts.unwrap_or_default())
    }
}

/// A value as a message shows it.
fn quoted(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_that_is_not_known_is_told_with_those_that_are() {
        let error = Fields::of("given", &json!({"mod": "x"}), &["mode", "now"]).err();
        let expected = "given.mod is not a known field: use mode, now";
        assert_eq!(error.as_deref(), Some(expected));
        let error = Fields::of("given", &json!([1]), &["mode"]).err();
        let expected = "given is [1]: set it to an object with mode";
        assert_eq!(error.as_deref(), Some(expected));
    }

    #[test]
    fn a_field_of_the_wrong_type_is_told_with_what_is_there() {
        let value = json!({"name": 7, "attempt": -1, "labels": {"a": true}, "spec": "x"});
        let fields = Fields::of("s", &value, &["name", "attempt", "labels", "spec"]).unwrap();
        let text = fields.text("name").unwrap_err();
        assert!(text.starts_with("s.name is 7: set it to a text"), "{text}");
        let number = fields.number::<u32>("attempt").unwrap_err();
        assert_eq!(number, "s.attempt is -1: set it to a whole number");
        assert!(fields.texts("labels").is_err());
        assert!(fields.object("spec").is_err());
    }

    #[test]
    fn null_is_as_good_as_absent() {
        let value = json!({"name": null});
        let fields = Fields::of("", &value, &["name"]).unwrap();
        assert_eq!(fields.text("name"), Ok(None));
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["name"]);
    }

    #[test]
    fn long_values_are_cut_in_messages() {
        assert_eq!(quoted(&json!("ö".repeat(100))).chars().count(), QUOTED + 1);
    }
}
