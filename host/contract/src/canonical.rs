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
    // hashes must not depend on that.
    if fields.keys().is_sorted() {
        write_fields(text, fields.iter());
        return;
    }
    let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    write_fields(text, sorted.into_iter());
}

fn write_fields<'a>(text: &mut String, fields: impl Iterator<Item = (&'a String, &'a Value)>) {
    text.push('{');
    for (index, (key, value)) in fields.enumerate() {
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

/// Which bytes stand for themselves in a JSON string, whatever follows them: a look-up takes a
/// fraction of the comparisons that it stands for, and texts here are long.
static CLEAN: [bool; 256] = {
    let mut clean = [true; 256];
    let mut byte = 0;
    while byte < 0x20 {
        clean[byte] = false;
        byte += 1;
    }
    let others = [b'"', b'\\', b'<', b'>', b'&', 0xe2];
    let mut at = 0;
    while at < others.len() {
        clean[others[at] as usize] = false;
        at += 1;
    }
    clean
};

/// Appends `string` as a JSON string.
pub(crate) fn write_string(text: &mut String, string: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";

    text.reserve(string.len() + 2);
    text.push('"');
    let mut rest = string;
    while let Some(at) = rest.bytes().position(|byte| !CLEAN[usize::from(byte)]) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let byte = rest.as_bytes()[0];
        let mut length = 1;
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'<' => text.push_str("\\u003c"),
            b'>' => text.push_str("\\u003e"),
            b'&' => text.push_str("\\u0026"),
            0x08 => text.push_str("\\b"),
            0x09 => text.push_str("\\t"),
            0x0a => text.push_str("\\n"),
            0x0c => text.push_str("\\f"),
            0x0d => text.push_str("\\r"),
            // A character of three bytes; U+2028 and U+2029 end a line in JavaScript.
            0xe2 => {
                length = 3;
                text.push_str(match &rest[..length] {
                    "\u{2028}" => "\\u2028",
                    "\u{2029}" => "\\u2029",
                    other => other,
                });
            }
            _ => {
                text.push_str("\\u00");
                text.push(char::from(HEX[usize::from(byte >> 4)]));
                text.push(char::from(HEX[usize::from(byte & 0xf)]));
            }
        }
        rest = &rest[length..];
    }
    text.push_str(rest);
    text.push('"');
}
