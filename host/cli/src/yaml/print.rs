//! YAML for people, and for every reader of YAML 1.1 and 1.2 alike: a text that some of them take
//! for something else, such as `no`, stands in quotes.

use std::fmt::Write as _;

use serde_json::Value;

/// Words that are no texts to some readers, in lower case.
const RESERVED: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
/// What follows the number in quantities of Kubernetes; readers agree that these are texts.
const UNITS: [&str; 11] = ["m", "k", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "Pi"];

/// The value as YAML in block style, keys sorted.
#[must_use]
pub fn print(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => write_block(&mut text, value, 0),
        Value::Array(items) if !items.is_empty() => write_block(&mut text, value, 0),
        leaf => {
            write_leaf(&mut text, leaf);
            text.push('\n');
        }
    }
    text
}

/// An object with fields or a list with items, the first line of which is indented already.
fn write_block(text: &mut String, value: &Value, depth: usize) {
    let margin = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            for (index, (key, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    text.push_str(&margin);
                }
                write_text(text, key);
                text.push(':');
                match value {
                    // Lists stand below their key, as `kubectl` writes them.
                    Value::Array(items) if !items.is_empty() => {
                        text.push('\n');
                        text.push_str(&margin);
                        write_block(text, value, depth);
                    }
                    Value::Object(fields) if !fields.is_empty() => {
                        text.push('\n');
                        text.push_str(&"  ".repeat(depth + 1));
                        write_block(text, value, depth + 1);
                    }
                    leaf => {
                        text.push(' ');
                        write_leaf(text, leaf);
                        text.push('\n');
                    }
                }
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                if index > 0 {
                    text.push_str(&margin);
                }
                text.push_str("- ");
                let nested = value.as_object().is_some_and(|fields| !fields.is_empty())
                    || value.as_array().is_some_and(|items| !items.is_empty());
                if nested {
                    write_block(text, value, depth + 1);
                } else {
                    write_leaf(text, value);
                    text.push('\n');
                }
            }
        }
        leaf => write_leaf(text, leaf),
    }
}

fn write_leaf(text: &mut String, value: &Value) {
    match value {
        Value::String(string) => write_text(text, string),
        // JSON is YAML; what has fields or items does not come here.
        other => text.push_str(&other.to_string()),
    }
}

fn write_text(text: &mut String, string: &str) {
    if is_plain(string) {
        text.push_str(string);
        return;
    }
    for c in Value::from(string).to_string().chars() {
        match c {
            // JSON may have these as they are, YAML may not.
            '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                // Writing to a String does not fail.
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
}

/// Whether every reader takes this for a text without quotes.
fn is_plain(string: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || " _-./,;()'+=%".contains(c);
    let fine = |part: &str| !part.is_empty() && part == part.trim() && part.chars().all(known);
    let whole = string.split(':').all(fine);
    let begins = string.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let reserved = RESERVED.contains(&string.to_ascii_lowercase().as_str());
    (whole && begins && !reserved) || is_quantity(string)
}

fn is_quantity(string: &str) -> bool {
    UNITS.iter().any(|unit| {
        let number = string.strip_suffix(unit).unwrap_or_default();
        !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_manifest_is_laid_out_as_people_write_it() {
        let value = json!({
            "b": {"list": [{"name": "a", "count": 1}, [1, [2]], {}, "x"], "empty": []},
            "a": null,
        });
        let expected = "a: null
b:
  empty: []
  list:
  - count: 1
    name: a
  - - 1
    - - 2
  - {}
  - x
";
        assert_eq!(print(&value), expected);
        assert_eq!(print(&json!("x")), "x\n");
        assert_eq!(print(&json!({})), "{}\n");
    }

    #[test]
    fn texts_that_some_readers_misunderstand_are_quoted() {
        for text in [
            "",
            "no",
            "Yes",
            "on",
            "y",
            "true",
            "null",
            "~",
            "1",
            "1.5",
            "1e3",
            "0x1f",
            "12:30",
            "-",
            "- a",
            "a: b",
            "a #b",
            " a",
            "a ",
            "@a",
            "*a",
            "a:",
            "a::b",
            "=",
            "<<",
            ".inf",
            "2026-01-01",
            "1E",
            "ö",
            "a\nb",
        ] {
            let printed = print(&json!(text));
            assert!(printed.starts_with('"'), "{printed}");
        }
        for text in [
            "orders",
            "registry.example/stream:1",
            "/scratch",
            "500m",
            "4Gi",
            "arcane/v1",
        ] {
            assert_eq!(print(&json!(text)), format!("{text}\n"));
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "[ -~\n\t]{0,12}".prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                prop::collection::vec(("[ -~]{0,8}", inner), 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_as_the_same_value(value in value()) {
            // A key that asks for merging is not read as what it says.
            prop_assume!(!value.to_string().contains("\"<<\""));
            let read: Value = serde_yaml_ng::from_str(&print(&value)).unwrap();
            prop_assert_eq!(read, value);
        }
    }
}
