//! Reading and editing JSON that people wrote.

use serde_json::{Map, Value};

/// Longest text quoted from a user's object in a message, in characters.
const QUOTED: usize = 60;

/// A field that is missing, or not what it should be.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// Path of the field, from the object's root.
    pub(crate) field: String,
    /// What is there.
    pub(crate) found: String,
    /// What belongs there.
    pub(crate) expected: &'static str,
}

/// An object, and where it stands. A null field counts as absent, as it does for the API server.
pub(crate) struct Section<'a> {
    path: String,
    fields: &'a Map<String, Value>,
}

impl<'a> Section<'a> {
    /// The object `value`, which stands at `path`.
    pub(crate) fn new(path: &str, value: &'a Value, expected: &'static str) -> Result<Self, Wrong> {
        match value {
            Value::Object(fields) => Ok(Self {
                path: path.to_owned(),
                fields,
            }),
            other => Err(Wrong {
                field: path.to_owned(),
                found: describe(Some(other).filter(|value| !value.is_null())),
                expected,
            }),
        }
    }

    /// The object itself.
    pub(crate) fn fields(&self) -> &'a Map<String, Value> {
        self.fields
    }

    /// The field `key`.
    pub(crate) fn value(&self, key: &str) -> Option<&'a Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }

    /// The complaint that the field `key` is not as expected.
    pub(crate) fn wrong(&self, key: &str, expected: &'static str) -> Wrong {
        Wrong {
            field: self.path_of(key),
            found: describe(self.value(key)),
            expected,
        }
    }

    /// An object, if there is one.
    pub(crate) fn object(
        &self,
        key: &str,
        expected: &'static str,
    ) -> Result<Option<Section<'a>>, Wrong> {
        self.value(key)
            .map(|value| Section::new(&self.path_of(key), value, expected))
            .transpose()
    }

    /// An object that must be there.
    pub(crate) fn required_object(
        &self,
        key: &str,
        expected: &'static str,
    ) -> Result<Section<'a>, Wrong> {
        self.object(key, expected)?
            .ok_or_else(|| self.wrong(key, expected))
    }

    /// The objects of a list; none if there is no list.
    pub(crate) fn objects(
        &self,
        key: &str,
        expected: &'static str,
    ) -> Result<Vec<Section<'a>>, Wrong> {
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    Section::new(
                        &format!("{}[{index}]", self.path_of(key)),
                        item,
                        "an object",
                    )
                })
                .collect(),
            Some(_) => Err(self.wrong(key, expected)),
        }
    }

    /// True or false, if it is given.
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, Wrong> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    /// A text, if one is given; an empty one counts as absent, as everywhere in the platform.
    pub(crate) fn text(&self, key: &str, expected: &'static str) -> Result<Option<&'a str>, Wrong> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.wrong(key, expected)),
        }
    }

    /// A text that must be there.
    pub(crate) fn required_text(
        &self,
        key: &str,
        expected: &'static str,
    ) -> Result<&'a str, Wrong> {
        self.text(key, expected)?
            .ok_or_else(|| self.wrong(key, expected))
    }

    fn path_of(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }
}

/// Says what `value` is, for an error message.
pub(crate) fn describe(value: Option<&Value>) -> String {
    match value {
        None => "missing".to_owned(),
        Some(Value::Null) => "null".to_owned(),
        Some(Value::Bool(flag)) => flag.to_string(),
        Some(Value::Number(number)) => format!("the number {number}"),
        Some(Value::String(text)) if text.is_empty() => "an empty string".to_owned(),
        Some(Value::String(text)) if text.chars().nth(QUOTED).is_some() => {
            let start: String = text.chars().take(QUOTED).collect();
            format!("the string {start:?}…")
        }
        Some(Value::String(text)) => format!("the string {text:?}"),
        Some(Value::Array(items)) if items.is_empty() => "an empty list".to_owned(),
        Some(Value::Array(_)) => "a list".to_owned(),
        Some(Value::Object(_)) => "an object".to_owned(),
    }
}

/// Takes the object `key` out of `parent` for editing; an empty one if there is none.
pub(crate) fn take_object(parent: &mut Map<String, Value>, key: &str) -> Map<String, Value> {
    match parent.get_mut(key).map(Value::take) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// Takes the list `key` out of `parent` for editing; an empty one if there is none.
pub(crate) fn take_list(parent: &mut Map<String, Value>, key: &str) -> Vec<Value> {
    match parent.get_mut(key).map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}
