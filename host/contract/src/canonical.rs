//! JSON as Go's `encoding/json` writes it.
//!
//! Stream images and the configuration hash depend on every byte of a definition's spec, and both
//! were first produced by a Go program. This is that program's encoding of a decoded Kubernetes
//! object: keys in byte order, no white space, HTML characters escaped, numbers in Go's shortest
//! form.

mod quote;

use std::io::Write as _;

use serde_json::{Map, Number, Value};

pub(crate) use quote::write_string;

/// The canonical text of `value`.
///
/// Canonical text parses back to a value with the same canonical text. Integers beyond the range
/// of `i64` are written as floats, as Go's decoder makes them floats.
///
/// ```
/// use serde_json::json;
///
/// let text = arcane_contract::canonical::to_string(&json!({"url": "a&b", "n": 1.0}));
/// assert_eq!(text, r#"{"n":1,"url":"a\u0026b"}"#);
/// ```
#[must_use]
pub fn to_string(value: &Value) -> String {
    let mut text = Vec::with_capacity(256);
    write_value(&mut text, value);
    finish(text)
}

/// What was written, as text.
#[expect(
    clippy::expect_used,
    reason = "only whole strings and ASCII are written"
)]
pub(crate) fn finish(text: Vec<u8>) -> String {
    String::from_utf8(text).expect("UTF-8 was written")
}

/// Appends the canonical text of `value`.
pub(crate) fn write_value(text: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => text.extend_from_slice(b"null"),
        Value::Bool(true) => text.extend_from_slice(b"true"),
        Value::Bool(false) => text.extend_from_slice(b"false"),
        Value::Number(number) => write_number(text, number),
        Value::String(string) => write_string(text, string),
        Value::Array(items) => {
            text.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                write_value(text, item);
            }
            text.push(b']');
        }
        Value::Object(fields) => write_object(text, fields),
    }
}

fn write_object(text: &mut Vec<u8>, fields: &Map<String, Value>) {
    // serde_json keeps keys sorted unless some crate of the build turns on its `preserve_order`:
    // hashes must not depend on that.
    if fields.keys().is_sorted() {
        write_fields(text, fields.iter());
        return;
    }
    let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    write_fields(text, sorted.into_iter());
}

fn write_fields<'a>(text: &mut Vec<u8>, fields: impl Iterator<Item = (&'a String, &'a Value)>) {
    text.push(b'{');
    for (index, (key, value)) in fields.enumerate() {
        if index > 0 {
            text.push(b',');
        }
        write_string(text, key);
        text.push(b':');
        write_value(text, value);
    }
    text.push(b'}');
}

fn write_number(text: &mut Vec<u8>, number: &Number) {
    // Writing to a vector cannot fail.
    let _ = match (number.as_i64(), number.as_f64()) {
        (Some(integer), _) => write!(text, "{integer}"),
        (None, Some(float)) => write_float(text, float),
        (None, None) => write!(text, "{number}"),
    };
}

/// Go writes plain digits between 1e-6 and 1e21, and an exponent with a sign outside.
fn write_float(text: &mut Vec<u8>, float: f64) -> std::io::Result<()> {
    let magnitude = float.abs();
    if magnitude == 0.0 {
        // A minus zero comes from the text `-0`, which Go reads as the integer 0.
        write!(text, "0")
    } else if (1e-6..1e21).contains(&magnitude) {
        write!(text, "{float}")
    } else if magnitude < 1.0 {
        write!(text, "{float:e}")
    } else {
        let digits = format!("{float:e}");
        write!(text, "{}", digits.replacen('e', "e+", 1))
    }
}
