//! Reading JSON of any depth: one object that is nested too deep to be read must not keep others from
//! being read with it.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// Levels that are read. A reader of JSON gives up at 128, with what is around the value.
pub const DEEPEST: usize = 100;

/// A value, as far as it is not nested too deep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounded {
    /// What is nested deeper is null.
    pub value: Value,
    /// Something was.
    pub is_too_deep: bool,
}

impl<'de> serde::Deserialize<'de> for Bounded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut is_too_deep = false;
        let level = Level {
            depth: 0,
            is_too_deep: &mut is_too_deep,
        };
        let value = level.deserialize(deserializer)?;
        Ok(Self { value, is_too_deep })
    }
}

struct Level<'a> {
    depth: usize,
    is_too_deep: &'a mut bool,
}

impl Level<'_> {
    fn inner(&mut self) -> Level<'_> {
        Level {
            depth: self.depth + 1,
            is_too_deep: self.is_too_deep,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.depth < DEEPEST {
            return deserializer.deserialize_any(self);
        }
        // It may be a plain value or the rest of a tower: skipped either way, by a loop.
        *self.is_too_deep = true;
        deserializer.deserialize_ignored_any(IgnoredAny)?;
        Ok(Value::Null)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number that JSON cannot write"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner())? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = fields.next_key()? {
            let value = fields.next_value_seed(self.inner())?;
            map.insert(key, value);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tower(levels: usize) -> String {
        format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn what_can_be_read_is_read_as_it_is() {
        let value = json!({"a": [1, -2, 2.5, "t", true, null, {"b": {}}], "c": u64::MAX});
        let read: Bounded = serde_json::from_str(&value.to_string()).unwrap();
        assert_eq!(read.value, value);
        assert!(!read.is_too_deep);
        let deep: Bounded = serde_json::from_str(&tower(DEEPEST - 1)).unwrap();
        assert!(!deep.is_too_deep);
    }

    #[test]
    fn what_is_too_deep_is_said_to_be_and_keeps_nothing_else_from_being_read() {
        for levels in [DEEPEST, 200, 9_999] {
            let text = format!(r#"{{"before": 1, "deep": {}, "after": 2}}"#, tower(levels));
            let read: Bounded = serde_json::from_str(&text).unwrap();
            assert!(read.is_too_deep, "{levels}");
            assert_eq!(read.value["before"], 1);
            assert_eq!(read.value["after"], 2);
        }
    }
}
