use std::fmt;

use arcane_contract::canonical;
use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use crate::support::{any_json, vectors};

#[test]
fn every_vector_of_gos_encoder_is_matched_byte_for_byte() {
    for vector in vectors() {
        let spec: Value = serde_json::from_str(&vector.spec).unwrap();
        assert_eq!(
            canonical::to_string(&spec),
            vector.canonical,
            "{}",
            vector.name
        );
    }
}

#[test]
fn a_minus_zero_is_a_zero_as_the_text_that_it_comes_from_is_an_integer_to_go() {
    let spec: Value = serde_json::from_str("[-0, 0, 0.0]").unwrap();
    assert_eq!(canonical::to_string(&spec), "[0,0,0]");
}

#[test]
fn floats_change_form_exactly_where_go_changes_it() {
    for (float, text) in [
        (1e-6, "0.000001"),
        (9.999e-7, "9.999e-7"),
        (-1e-7, "-1e-7"),
        (1.5e-10, "1.5e-10"),
        (999_999_999_999_999_900_000.0, "999999999999999900000"),
        (1e21, "1e+21"),
        (-1.25e21, "-1.25e+21"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        (0.1 + 0.2, "0.30000000000000004"),
    ] {
        assert_eq!(canonical::to_string(&json!(float)), text);
    }
}

#[test]
fn the_deepest_nesting_that_can_be_read_can_be_written() {
    let text = format!("{}1{}", "[".repeat(127), "]".repeat(127));
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(canonical::to_string(&value), text);
}

proptest! {
    #[test]
    fn canonical_text_parses_back_to_the_same_value(value in any_json()) {
        let text = canonical::to_string(&value);
        let back: Value = serde_json::from_str(&text).unwrap();
        prop_assert!(same(&value, &back), "{value} became {back}");
    }

    #[test]
    fn the_canonical_text_of_canonical_text_is_itself(value in any_json()) {
        let text = canonical::to_string(&value);
        let back: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(canonical::to_string(&back), text);
    }

    #[test]
    fn keys_are_sorted_by_their_bytes_at_every_level(value in any_json()) {
        serde_json::from_str::<KeysInOrder>(&canonical::to_string(&value)).unwrap();
    }

    #[test]
    fn nothing_that_go_escapes_is_left_bare(value in any_json()) {
        let text = canonical::to_string(&value);
        let escaped = ['<', '>', '&', '\u{2028}', '\u{2029}'];
        prop_assert!(!text.contains(escaped));
        prop_assert!(!text.contains(|character: char| character < ' '));
    }
}

proptest! {
    #[test]
    fn a_string_of_any_length_is_written_character_by_character(
        string in "[a-z \"\\\\<>&\u{0}-\u{1f}\u{7f}é€\u{2027}-\u{202a}😀]{0,120}"
    ) {
        let mut expected = String::from("\"");
        for character in string.chars() {
            match character {
                '"' => expected.push_str("\\\""),
                '\\' => expected.push_str("\\\\"),
                '\u{8}' => expected.push_str("\\b"),
                '\u{c}' => expected.push_str("\\f"),
                '\n' => expected.push_str("\\n"),
                '\r' => expected.push_str("\\r"),
                '\t' => expected.push_str("\\t"),
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | ..' ' => {
                    expected.push_str(&format!("\\u{:04x}", u32::from(character)));
                }
                other => expected.push(other),
            }
        }
        expected.push('"');
        prop_assert_eq!(canonical::to_string(&json!(string)), expected);
    }
}

/// Equal as Go sees them: an integer beyond `i64` is the float nearest to it.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => match (one.as_i64(), other.as_i64()) {
            (Some(one), Some(other)) => one == other,
            _ => one.as_f64() == other.as_f64(),
        },
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}

/// JSON that can be read only while the keys of each object rise.
struct KeysInOrder;

impl<'de> Deserialize<'de> for KeysInOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysInOrder)
    }
}

impl<'de> Visitor<'de> for KeysInOrder {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON with sorted keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut last: Option<String> = None;
        while let Some((key, KeysInOrder)) = map.next_entry::<String, KeysInOrder>()? {
            if last
                .as_ref()
                .is_some_and(|last| last.as_bytes() >= key.as_bytes())
            {
                return Err(serde::de::Error::custom(format!("{last:?} before {key:?}")));
            }
            last = Some(key);
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<KeysInOrder>()?.is_some() {}
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}
