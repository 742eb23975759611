//! From JSON to types of a plugin's own, with errors that say where.
//!
//! `serde_json` does the same in more code, and does not say which field it is about.

use std::fmt::{self, Display, Write};

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

/// What does not fit, and where.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// `tiers[2].memory`; empty for the whole.
    path: String,
    problem: String,
}

impl Misfit {
    /// The same, seen from the member's parent.
    fn below(mut self, member: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path.insert_str(0, dot);
        self.path.insert_str(0, member);
        self
    }
}

impl Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            f.write_str(&self.path)?;
            f.write_str(": ")?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Misfit {}

impl serde::de::Error for Misfit {
    fn custom<T: Display>(problem: T) -> Self {
        Self {
            path: String::new(),
            problem: problem.to_string(),
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        mismatch(&found, expected)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        mismatch(&found, expected)
    }
}

fn mismatch(found: &Unexpected<'_>, expected: &dyn Expected) -> Misfit {
    let mut problem = format!("expected {expected}, found ");
    // Writing to a string does not fail.
    let _ = match found {
        Unexpected::Bool(value) => write!(problem, "{value}"),
        Unexpected::Unsigned(number) => write!(problem, "{number}"),
        Unexpected::Signed(number) => write!(problem, "{number}"),
        Unexpected::Str(text) => write!(problem, "\"{text}\""),
        other => problem.write_str(match other {
            Unexpected::Float(_) => "a number",
            Unexpected::Seq => "a list",
            Unexpected::Map => "an object",
            Unexpected::Unit => "null",
            _ => "something else",
        }),
    };
    Misfit::custom(problem)
}

/// JSON to be read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'de>(pub(crate) &'de Value);

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => {
                if let Some(number) = number.as_u64() {
                    visitor.visit_u64(number)
                } else if let Some(number) = number.as_i64() {
                    visitor.visit_i64(number)
                } else {
                    visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
                }
            }
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(list) => visitor.visit_seq(List {
                elements: list.iter(),
                index: 0,
            }),
            Value::Object(map) => visitor.visit_map(Members {
                members: map.iter(),
                current: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let variant = match self.0 {
            Value::String(name) => Variant {
                name,
                content: None,
            },
            Value::Object(map) => only_member(map)?,
            _ => return Err(Misfit::custom("expected a name, or an object of one field")),
        };
        visitor.visit_enum(variant)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct List<'de> {
    elements: std::slice::Iter<'de, Value>,
    index: usize,
}

impl<'de> SeqAccess<'de> for List<'de> {
    type Error = Misfit;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        let Some(element) = self.elements.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        seed.deserialize(Reader(element))
            .map(Some)
            .map_err(|misfit| misfit.below(&format!("[{index}]")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.elements.len())
    }
}

struct Members<'de> {
    members: serde_json::map::Iter<'de>,
    current: Option<(&'de str, &'de Value)>,
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Misfit;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        let Some((key, value)) = self.members.next() else {
            return Ok(None);
        };
        self.current = Some((key, value));
        seed.deserialize(key_reader(key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Misfit> {
        let (key, value) = self.current.unwrap_or(("", &Value::Null));
        seed.deserialize(Reader(value))
            .map_err(|misfit| misfit.below(key))
    }
}

fn key_reader(key: &str) -> StrDeserializer<'_, Misfit> {
    key.into_deserializer()
}

/// One of several kinds, by its name, and what it holds.
struct Variant<'de> {
    name: &'de str,
    content: Option<&'de Value>,
}

fn only_member(map: &Map<String, Value>) -> Result<Variant<'_>, Misfit> {
    let mut members = map.iter();
    match (members.next(), members.next()) {
        (Some((name, content)), None) => Ok(Variant {
            name,
            content: Some(content),
        }),
        _ => Err(Misfit::custom("expected an object of one field")),
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Misfit;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Misfit> {
        Ok((seed.deserialize(key_reader(self.name))?, self))
    }
}

impl<'de> Variant<'de> {
    fn content(&self) -> Reader<'de> {
        Reader(self.content.unwrap_or(&Value::Null))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        match self.content {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(Misfit::custom("holds nothing").below(self.name)),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Misfit> {
        seed.deserialize(self.content())
            .map_err(|misfit| misfit.below(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.content()
            .deserialize_any(visitor)
            .map_err(|misfit| misfit.below(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.content()
            .deserialize_any(visitor)
            .map_err(|misfit| misfit.below(self.name))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Everything {
        flag: bool,
        small: u8,
        signed: i32,
        ratio: f64,
        #[serde(default)]
        text: Option<String>,
        list: Vec<Pair>,
        map: BTreeMap<String, u32>,
        kinds: Vec<Kind>,
        wrapped: Wrapped,
        letter: char,
        any: Value,
        tuple: (u8, String),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Pair {
        key: String,
        #[serde(default)]
        count: u64,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Plain,
        Number(u8),
        Two(u8, u8),
        Fields { size: u8 },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(u16);

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }

    fn everything() -> Value {
        json!({
            "flag": true, "small": 7, "signed": -7, "ratio": 0.5, "text": "x",
            "list": [{"key": "a", "count": 3}, {"key": "b", "extra": null}],
            "map": {"one": 1}, "wrapped": 9, "letter": "z", "any": {"deep": [1.5, null]},
            "kinds": ["plain", {"number": 1}, {"two": [1, 2]}, {"fields": {"size": 3}}, {"plain": null}],
            "tuple": [1, "x"],
        })
    }

    fn read<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
        T::deserialize(Reader(value)).map_err(|misfit| misfit.to_string())
    }

    #[test]
    fn what_fits_is_read_as_serde_json_reads_it() {
        let value = everything();
        let expected: Everything = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(read::<Everything>(&value).unwrap(), expected);
        assert_eq!(read::<Either>(&json!("x")), Ok(Either::Text("x".into())));
        assert_eq!(read::<Either>(&json!(-4)), Ok(Either::Number(-4)));
        assert_eq!(read::<Option<u8>>(&Value::Null), Ok(None));
        assert_eq!(read::<()>(&Value::Null), Ok(()));
        assert_eq!(read::<u64>(&json!(u64::MAX)), Ok(u64::MAX));
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_path() {
        for (field, wrong, message) in [
            ("/flag", json!(1), "flag: expected a boolean, found 1"),
            ("/small", json!(256), "small: expected u8, found 256"),
            ("/small", json!(1.5), "small: expected u8, found a number"),
            ("/signed", json!("x"), "signed: expected i32, found \"x\""),
            ("/text", json!([]), "text: expected a string, found a list"),
            ("/list/1", json!({}), "list[1]: missing field `key`"),
            (
                "/list/0/count",
                json!(-3),
                "list[0].count: expected u64, found -3",
            ),
            ("/map/one", json!(null), "map.one: expected u32, found null"),
            (
                "/kinds/3/fields/size",
                json!({}),
                "kinds[3].fields.size: expected u8, found an object",
            ),
            (
                "/kinds/1",
                json!({"number": 1, "plain": 2}),
                "kinds[1]: expected an object of one field",
            ),
            (
                "/kinds/1",
                json!({"plain": 2}),
                "kinds[1].plain: holds nothing",
            ),
            (
                "/kinds/1",
                json!(4),
                "kinds[1]: expected a name, or an object of one field",
            ),
        ] {
            let mut value = everything();
            *value.pointer_mut(field).unwrap() = wrong;
            assert_eq!(read::<Everything>(&value).unwrap_err(), message);
        }
    }

    #[test]
    fn fields_that_nobody_knows_are_told_with_those_that_there_are() {
        let mut value = everything();
        value["smal"] = json!(1);
        let message = read::<Everything>(&value).unwrap_err();
        assert!(
            message.starts_with("unknown field `smal`, expected one of `flag`"),
            "{message}"
        );
        value = everything();
        value["kinds"][0] = json!("plane");
        let message = read::<Everything>(&value).unwrap_err();
        assert!(
            message.starts_with("kinds[0]: unknown variant `plane`"),
            "{message}"
        );
    }
}
