//! What stands in a Job's JSON. What is of another type than is asked for is not there.

use serde_json::Value;

/// The field `name` of an object; `None` for null.
pub(super) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).filter(|value| !value.is_null())
}

/// The text in the field `name` of an object.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// The entries of the list in the field `name` of an object.
pub(super) fn list<'a>(value: Option<&'a Value>, name: &str) -> &'a [Value] {
    entries(value.and_then(|value| value.get(name)))
}

/// The entries of a list; none of anything else.
pub(super) fn entries(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
