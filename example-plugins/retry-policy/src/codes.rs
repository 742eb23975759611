//! Exit codes, one or a range.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Exit codes from one number to another; a number alone is both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codes {
    first: i32,
    last: i32,
}

impl Codes {
    /// Whether the code is one of them.
    pub fn contains(self, code: i32) -> bool {
        (self.first..=self.last).contains(&code)
    }

    /// From a number such as `3`, or a range such as `10-19`.
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let codes = Self {
            first: code(first)?,
            last: code(last)?,
        };
        (codes.first <= codes.last).then_some(codes)
    }
}

/// A process of a container ends with 0 to 255.
fn code(text: &str) -> Option<i32> {
    let code: u8 = text.trim().parse().ok()?;
    Some(code.into())
}

impl<'de> Deserialize<'de> for Codes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CodesVisitor)
    }
}

struct CodesVisitor;

impl Visitor<'_> for CodesVisitor {
    type Value = Codes;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("in exitCodes a number from 0 to 255, or a range such as \"10-19\"")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Codes, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Codes, E> {
        Codes::parse(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<Codes, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn a_number_is_itself_alone() {
        for text in ["137", "\"137\""] {
            let codes = read(text).unwrap();
            assert!(codes.contains(137));
            assert!(!codes.contains(136) && !codes.contains(138));
        }
    }

    #[test]
    fn what_is_no_code_is_refused_with_what_to_give() {
        for json in [
            "256",
            "-1",
            "\"\"",
            "\"19-10\"",
            "\"1-2-3\"",
            "\"a\"",
            "\"10-\"",
            "1.5",
            "null",
            "[]",
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(
                error.contains("exitCodes a number from 0 to 255"),
                "{json}: {error}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_range_has_its_ends_and_what_is_between(first: u8, more: u8, code: u8) {
            let last = first.saturating_add(more);
            let codes = read(&format!("\"{first}-{last}\"")).unwrap();
            prop_assert_eq!(codes.contains(code.into()), first <= code && code <= last);
        }
    }
}
