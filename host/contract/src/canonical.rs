//! JSON as Go's `encoding/json` writes it.
//!
//! Stream images and the configuration hash depend on every byte of a definition's spec, and both
//! were first produced by a Go program. This is that program's encoding of a decoded Kubernetes
//! object: keys in byte order, no white space, HTML characters escaped, numbers in Go's shortest
//! form.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

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
    let mut text = String::with_capacity(256);
    write_value(&mut text, value);
    text
}

/// Appends the canonical text of `value`.
pub(crate) fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => write_number(text, number),
        Value::String(string) => write_string(text, string),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_value(text, item);
            }
            text.push(']');
        }
        Value::Object(fields) => write_object(text, fields),
    }
}

fn write_object(text: &mut String, fields: &Map<String, Value>) {
    // serde_json keeps keys sorted unless some crate of the build turns on its `preserve_order`:
    // hashes must not depend on that. Sorting what is sorted already is one pass.
    let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);

    text.push('{');
    for (index, (key, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_string(text, key);
        text.push(':');
        write_value(text, value);
    }
    text.push('}');
}

fn write_number(text: &mut String, number: &Number) {
    // Writing to a String cannot fail.
    let _ = match (number.as_i64(), number.as_f64()) {
        (Some(integer), _) => write!(text, "{integer}"),
        (None, Some(float)) => write_float(text, float),
        (None, None) => write!(text, "{number}"),
    };
}

/// Go writes plain digits between 1e-6 and 1e21, and an exponent with a sign outside.
fn write_float(text: &mut String, float: f64) -> std::fmt::Result {
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

/// Appends `string` as a JSON string.
pub(crate) fn write_string(text: &mut String, string: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";

    text.push('"');
    let bytes = string.as_bytes();
    let mut clean_from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let (escape, length) = match byte {
            b'"' => ("\\\"", 1),
            b'\\' => ("\\\\", 1),
            b'<' => ("\\u003c", 1),
            b'>' => ("\\u003e", 1),
            b'&' => ("\\u0026", 1),
            0x08 => ("\\b", 1),
            0x09 => ("\\t", 1),
            0x0a => ("\\n", 1),
            0x0c => ("\\f", 1),
            0x0d => ("\\r", 1),
            0..0x20 => ("\\u00", 1),
            // U+2028 and U+2029, which end a line in JavaScript.
            0xe2 if bytes[at..].starts_with("\u{2028}".as_bytes()) => ("\\u2028", 3),
            0xe2 if bytes[at..].starts_with("\u{2029}".as_bytes()) => ("\\u2029", 3),
            _ => continue,
        };
        text.push_str(&string[clean_from..at]);
        text.push_str(escape);
        if escape == "\\u00" {
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 0xf)]));
        }
        clean_from = at + length;
    }
    text.push_str(&string[clean_from..]);
    text.push('"');
}
