//! Kubernetes quantities, such as `1500m` or `64Mi`, compared exactly.

use std::cmp::Ordering;

use serde_json::Value;

/// Nano-units in one unit: nothing smaller can be said.
const NANO: u128 = 1_000_000_000;
/// The largest amount, as for the API server: 2^63 - 1 units.
const MAXIMUM: u128 = i64::MAX as u128 * NANO;
/// Significant digits that are read; the largest amount has 19.
const DIGITS: usize = 20;

/// An amount of a resource, exact to a billionth. What is more precise is rounded away from zero,
/// and what is larger than 2^63 - 1 is cut to that, as the API server does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount {
    nanos: i128,
}

/// Text that is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a quantity, such as 500m, 2 or 64Mi")]
pub struct NotAQuantity;

impl Amount {
    /// None of it.
    pub const ZERO: Self = Self { nanos: 0 };

    /// Reads a quantity.
    ///
    /// # Errors
    /// The text is no quantity, or has more than 20 significant digits.
    pub fn parse(text: &str) -> Result<Self, NotAQuantity> {
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let end = unsigned
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let magnitude = magnitude(number, Scale::parse(suffix)?)?;
        let nanos = i128::try_from(magnitude).map_err(|_| NotAQuantity)?;
        Ok(Self {
            nanos: if negative { -nanos } else { nanos },
        })
    }

    /// Reads a quantity from JSON: a text, or a number.
    ///
    /// # Errors
    /// As [`Amount::parse`], and what is neither.
    pub fn from_json(value: &Value) -> Result<Self, NotAQuantity> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Number(number) => Self::parse(&number.to_string()),
            _ => Err(NotAQuantity),
        }
    }

    /// Whole units, such as bytes, rounded up; 0 for less than none.
    #[must_use]
    pub fn units(self) -> u64 {
        let nanos = u128::try_from(self.nanos).unwrap_or(0);
        u64::try_from(nanos.div_ceil(NANO)).unwrap_or(u64::MAX)
    }

    /// How it compares to none.
    #[must_use]
    pub fn sign(self) -> Ordering {
        self.nanos.cmp(&0)
    }
}

/// What a suffix multiplies by: 2^`twos` · 10^`tens`.
#[derive(Clone, Copy)]
struct Scale {
    twos: u32,
    tens: i32,
}

impl Scale {
    fn parse(suffix: &str) -> Result<Self, NotAQuantity> {
        let binary = |twos| Ok(Self { twos, tens: 0 });
        let decimal = |tens| Ok(Self { twos: 0, tens });
        match suffix {
            "Ki" => binary(10),
            "Mi" => binary(20),
            "Gi" => binary(30),
            "Ti" => binary(40),
            "Pi" => binary(50),
            "Ei" => binary(60),
            "n" => decimal(-9),
            "u" => decimal(-6),
            "m" => decimal(-3),
            "" => decimal(0),
            "k" => decimal(3),
            "M" => decimal(6),
            "G" => decimal(9),
            "T" => decimal(12),
            "P" => decimal(15),
            "E" => decimal(18),
            _ => {
                let exponent = suffix.strip_prefix(['e', 'E']).ok_or(NotAQuantity)?;
                // Far beyond what makes a difference, and far from an overflow.
                let tens: i32 = exponent.parse().map_err(|_| NotAQuantity)?;
                decimal(tens.clamp(-1_000, 1_000))
            }
        }
    }
}

/// Nano-units of `number`, digits with at most one point, times `scale`.
fn magnitude(number: &str, scale: Scale) -> Result<u128, NotAQuantity> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return Err(NotAQuantity);
    }
    let fraction = fraction.trim_end_matches('0');
    let digits = [whole.trim_start_matches('0'), fraction].concat();
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(0);
    }
    let significant = digits.trim_end_matches('0');
    if significant.len() > DIGITS {
        return Err(NotAQuantity);
    }
    let mantissa: u128 = significant.parse().map_err(|_| NotAQuantity)?;
    let shift = |length: usize| i32::try_from(length).map_err(|_| NotAQuantity);
    let tens = scale.tens + 9 - shift(fraction.len())? + shift(digits.len() - significant.len())?;

    // 20 digits and 60 bits fit.
    let mantissa = mantissa << scale.twos;
    let power = 10_u128.checked_pow(tens.unsigned_abs());
    let nanos = match (power, tens >= 0) {
        (Some(power), true) => mantissa.saturating_mul(power),
        (None, true) => u128::MAX,
        (Some(power), false) => mantissa.div_ceil(power),
        (None, false) => 1,
    };
    Ok(nanos.min(MAXIMUM))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap_or_else(|_| panic!("{text}"))
    }

    #[test]
    fn the_same_amount_can_be_said_in_many_ways() {
        for (one, other) in [
            ("1", "1000m"),
            ("0.1", "100m"),
            (".5", "500m"),
            ("1.", "1"),
            ("+1", "1"),
            ("1.5Gi", "1536Mi"),
            ("1Ki", "1024"),
            ("1k", "1000"),
            ("1e3", "1k"),
            ("1E3", "1k"),
            ("1e+3", "1k"),
            ("1000e-3", "1"),
            ("1E", "1000P"),
            ("1Ei", "1024Pi"),
            ("000.5000", "500m"),
            ("1000000n", "1m"),
            ("100u", "0.1m"),
            ("0Gi", "-0"),
        ] {
            assert_eq!(amount(one), amount(other), "{one} {other}");
        }
    }

    #[test]
    fn amounts_are_ordered_by_size_and_not_by_their_text() {
        let ascending = [
            "-1Gi", "-1", "0", "1n", "1m", "999m", "1", "9", "10", "1k", "1Ki", "999999k", "1G",
            "1Gi", "9E",
        ];
        for pair in ascending.windows(2) {
            assert!(amount(pair[0]) < amount(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn what_is_too_precise_is_rounded_up_and_what_is_too_large_is_cut() {
        assert_eq!(amount("0.1n"), amount("1n"));
        assert_eq!(amount("1e-1000000"), amount("1n"));
        assert_eq!(amount("-0.1n"), amount("-1n"));
        for large in ["10E", "8Ei", "1e100", "1e2000000", "99999999999999999999"] {
            assert_eq!(amount(large), amount("9223372036854775807"), "{large}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in [
            "",
            ".",
            "+",
            "-",
            "--1",
            "1 ",
            " 1",
            "1.2.3",
            "1K",
            "1ki",
            "1KI",
            "1mi",
            "1e",
            "1e1.5",
            "1e99999999999",
            "Mi",
            "1MiB",
            "0x10",
            "1_000",
            "١",
            "1\0",
            "1,5",
            "NaN",
            "inf",
            "123456789012345678901.5",
        ] {
            assert_eq!(Amount::parse(text), Err(NotAQuantity), "{text:?}");
        }
    }

    #[test]
    fn json_gives_quantities_as_texts_and_as_numbers() {
        for (json, text) in [(json!("2"), "2"), (json!(2), "2"), (json!(0.5), "500m")] {
            assert_eq!(Amount::from_json(&json), Ok(amount(text)));
        }
        for json in [json!(null), json!(true), json!(["1"]), json!({})] {
            assert_eq!(Amount::from_json(&json), Err(NotAQuantity), "{json}");
        }
    }

    #[test]
    fn whole_units_are_rounded_up() {
        assert_eq!(amount("64Mi").units(), 67_108_864);
        assert_eq!(amount("1m").units(), 1);
        assert_eq!(amount("-5").units(), 0);
        assert_eq!(amount("9E").units(), 9_000_000_000_000_000_000);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
            let _ = Amount::parse(&text);
        }

        #[test]
        fn no_text_like_a_quantity_makes_the_parser_panic(text in "[-+]?[0-9]{0,45}[.]?[0-9]{0,45}[eE]?[-+]?[0-9]{0,20}[KMGi]{0,2}") {
            let _ = Amount::parse(&text);
        }

        #[test]
        fn amounts_compare_as_their_numbers_do(one in 0_u64..1 << 40, other in 0_u64..1 << 40) {
            for suffix in ["n", "u", "m", "", "k", "Ki", "Mi"] {
                let amounts = [one, other].map(|number| amount(&format!("{number}{suffix}")));
                prop_assert_eq!(amounts[0].cmp(&amounts[1]), one.cmp(&other));
            }
        }

        #[test]
        fn a_point_moves_as_an_exponent_does(digits in 1_u64..1 << 40, places in 1_usize..9) {
            let text = format!("{digits:0>width$}", width = places + 1);
            let (whole, fraction) = text.split_at(text.len() - places);
            let pointed = amount(&format!("{whole}.{fraction}"));
            prop_assert_eq!(pointed, amount(&format!("{digits}e-{places}")));
        }

        #[test]
        fn binary_suffixes_multiply_exactly(number in 0_u64..1 << 33) {
            prop_assert_eq!(amount(&format!("{number}Gi")), amount(&(number << 30).to_string()));
        }
    }
}
