//! Amounts, as Kubernetes writes them.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::json;

/// Billionths in a whole.
const WHOLE: i128 = 1_000_000_000;
const LARGEST: i128 = i64::MAX as i128 * WHOLE;
/// Suffixes of powers of 1,024.
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/// Suffixes of powers of 1,000.
const WHOLES: [&str; 6] = ["k", "M", "G", "T", "P", "E"];

/// An amount of memory, processor time, or the like: `500m`, `1.5Gi`, `2`.
///
/// Exact to a billionth; what is finer is rounded up, and what is larger than 2⁶³-1 is cut to that,
/// as Kubernetes does. Equal amounts are equal however they are written. The text keeps the kind of
/// suffix, and has no fractions.
///
/// ```
/// use arcane_plugin_sdk::Quantity;
///
/// let memory: Quantity = "1.5Gi".parse()?;
/// assert_eq!(memory.to_string(), "1536Mi");
/// assert!(memory > "1500M".parse()?);
/// assert_eq!(memory.times(2).to_string(), "3Gi");
/// assert_eq!(memory.scaled(1, 3).to_string(), "512Mi");
/// let step = "1Gi".parse()?;
/// assert_eq!(memory.rounded_up_to(step).to_string(), "2Gi");
/// # Ok::<(), arcane_plugin_sdk::QuantityError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Quantity {
    /// Billionths.
    nano: i128,
    binary: bool,
}

/// A text that is no quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuantityError(String);

impl fmt::Display for QuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no quantity such as `500m`, `2` or `1.5Gi`",
            self.0
        )
    }
}

impl std::error::Error for QuantityError {}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self {
        nano: 0,
        binary: false,
    };

    /// So many of what is counted: bytes, processors.
    pub const fn whole(amount: u64) -> Self {
        Self::cut(amount as i128 * WHOLE, false)
    }

    /// So many thousandths.
    pub const fn milli(amount: u64) -> Self {
        Self::cut(amount as i128 * (WHOLE / 1_000), false)
    }

    /// So many times 2²⁰.
    pub const fn mebi(amount: u64) -> Self {
        Self::cut((amount as i128 * WHOLE) << 20, true)
    }

    /// So many times.
    #[must_use]
    pub const fn times(self, factor: u32) -> Self {
        self.scaled(factor, 1)
    }

    /// Times `numerator / denominator`, rounded up to a whole or, where the amount itself is finer
    /// than that or not binary, to a thousandth. A denominator of 0 counts as 1.
    #[must_use]
    pub const fn scaled(self, numerator: u32, denominator: u32) -> Self {
        let product = self.nano * numerator as i128;
        let denominator = if denominator == 0 { 1 } else { denominator };
        let nano = div_up(product, denominator as i128);
        let step = if self.binary && self.nano % WHOLE == 0 {
            WHOLE
        } else {
            WHOLE / 1_000
        };
        Self::cut(div_up(nano, step) * step, self.binary)
    }

    /// The next multiple of `step`, or the same where it is one; the text has the kind of suffix
    /// that the step has. A step that is not above zero changes nothing.
    #[must_use]
    pub const fn rounded_up_to(self, step: Self) -> Self {
        if step.nano <= 0 {
            return self;
        }
        Self::cut(div_up(self.nano, step.nano) * step.nano, step.binary)
    }

    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self::cut(self.nano + other.nano, self.binary)
    }

    /// In wholes, rounded up; 0 for what is below zero.
    pub const fn to_whole(self) -> u64 {
        let whole = div_up(self.nano, WHOLE);
        if whole < 0 { 0 } else { whole as u64 }
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.nano == 0
    }

    /// From a text or a number.
    pub(crate) fn of_json(value: &Value) -> Result<Self, QuantityError> {
        match value {
            Value::String(text) => text.parse(),
            other => json::text(other).parse(),
        }
    }

    const fn cut(nano: i128, binary: bool) -> Self {
        let nano = if nano > LARGEST {
            LARGEST
        } else if nano < -LARGEST {
            -LARGEST
        } else {
            nano
        };
        Self { nano, binary }
    }
}

/// Rounds up, away from zero for positive numbers and towards it for negative ones.
const fn div_up(number: i128, by: i128) -> i128 {
    let quotient = number / by;
    if number % by > 0 {
        quotient + 1
    } else {
        quotient
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse(text).ok_or_else(|| QuantityError(text.chars().take(64).collect()))
    }
}

fn parse(text: &str) -> Option<Quantity> {
    let (digits, negative) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let suffix = digits.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = digits.strip_suffix(suffix)?;
    let (binary, shift, power) = scale(suffix)?;

    // As many digits as matter, and as leave room for the shift.
    let most = 10_u128.pow(if binary { 19 } else { 28 });
    let mut mantissa: u128 = 0;
    let mut exponent = power + 9;
    let mut digits = 0;
    let mut points = 0;
    let mut is_rounded = false;
    for character in number.bytes() {
        let digit = character.wrapping_sub(b'0');
        if digit > 9 {
            points += 1;
            continue;
        }
        digits += 1;
        if mantissa < most {
            mantissa = mantissa * 10 + u128::from(digit);
            exponent -= points;
        } else {
            is_rounded |= digit != 0;
            exponent += 1 - points;
        }
    }
    if digits == 0 || points > 1 {
        return None;
    }
    // Shifted first, so that nothing is lost that the suffix would bring back.
    mantissa <<= shift;
    while exponent < 0 && mantissa > 0 {
        is_rounded |= !mantissa.is_multiple_of(10);
        mantissa /= 10;
        exponent += 1;
    }
    let largest = LARGEST.cast_unsigned();
    while exponent > 0 && mantissa > 0 && mantissa < largest {
        mantissa *= 10;
        exponent -= 1;
    }
    let nano = mantissa.min(largest).cast_signed();
    Some(if negative {
        Quantity::cut(-nano, binary)
    } else {
        Quantity::cut(nano + i128::from(is_rounded), binary)
    })
}

/// What a suffix says: whether it is binary, the power of two, and the power of ten.
fn scale(suffix: &str) -> Option<(bool, u32, i32)> {
    let power = match suffix {
        "" => 0,
        "m" => -3,
        "u" => -6,
        "n" => -9,
        _ => {
            for ((index, binary), decimal) in (1..).zip(BINARY).zip(WHOLES) {
                if suffix == binary {
                    return Some((true, index * 10, 0));
                }
                if suffix == decimal {
                    return Some((false, 0, index.cast_signed() * 3));
                }
            }
            let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            // More than any quantity has, in either direction.
            power.clamp(-1_000, 1_000)
        }
    };
    Some((false, 0, power))
}

/// The shortest text without a fraction.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In two parts, either of which is a number that is written in little code.
        let sign = if self.nano < 0 { "-" } else { "" };
        let whole = (self.nano.unsigned_abs() / WHOLE.unsigned_abs()) as u64;
        let rest = (self.nano.unsigned_abs() % WHOLE.unsigned_abs()) as u32;
        if rest > 0 {
            let (suffix, width, unit) = match rest {
                _ if rest.is_multiple_of(1_000_000) => ("m", 3, 1_000_000),
                _ if rest.is_multiple_of(1_000) => ("u", 6, 1_000),
                _ => ("n", 9, 1),
            };
            let rest = rest / unit;
            return match whole {
                0 => write!(f, "{sign}{rest}{suffix}"),
                _ => write!(f, "{sign}{whole}{rest:0width$}{suffix}"),
            };
        }
        let (base, suffixes) = match self.binary {
            true => (1_024, BINARY),
            false => (1_000, WHOLES),
        };
        let mut number = whole;
        let mut suffix = "";
        for larger in suffixes {
            if number == 0 || !number.is_multiple_of(base) {
                break;
            }
            number /= base;
            suffix = larger;
        }
        write!(f, "{sign}{number}{suffix}")
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.nano.cmp(&other.nano)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From a text or a number, as Kubernetes takes it.
impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::of_json(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantity(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn texts_are_read_as_kubernetes_reads_them() {
        for (text, canonical) in [
            ("0", "0"),
            ("0Gi", "0"),
            ("1", "1"),
            ("1000", "1k"),
            ("1024Ki", "1Mi"),
            ("1536Mi", "1536Mi"),
            ("1.5Gi", "1536Mi"),
            ("100m", "100m"),
            ("1000m", "1"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("5.", "5"),
            ("+5", "5"),
            ("-5", "-5"),
            ("-0.5Mi", "-512Ki"),
            ("1e3", "1k"),
            ("1E3", "1k"),
            ("1E", "1E"),
            ("12e-1", "1200m"),
            ("1n", "1n"),
            ("0.1n", "1n"),
            ("1.0000000001", "1000000001n"),
            ("0.1Ki", "102400m"),
            ("00012", "12"),
            ("1e400", "9223372036854775807"),
            ("-1e400", "-9223372036854775807"),
            ("8Ei", "9223372036854775807"),
            ("0e400", "0"),
            ("1e-400", "1n"),
        ] {
            assert_eq!(quantity(text).to_string(), canonical, "of {text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in [
            "", "-", ".", "Gi", "1 Gi", "1gi", "1.2.3", "1ee3", "1e", "1e1.5", "0x10", "١", "1KiB",
            "--1", "NaN",
        ] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
        let long = "9".repeat(10_000);
        assert_eq!(quantity(&long).to_string(), "9223372036854775807");
        assert!("x".repeat(10_000).parse::<Quantity>().unwrap_err().0.len() <= 64);
    }

    #[test]
    fn amounts_are_compared_however_they_are_written() {
        assert_eq!(quantity("1"), quantity("1000m"));
        assert!(quantity("1G") < quantity("1Gi"));
        assert!(quantity("999m") < quantity("1"));
        assert_eq!(
            quantity("2Gi").max(quantity("3000M")).to_string(),
            "3G",
            "the larger"
        );
    }

    #[test]
    fn scaling_rounds_up_to_what_can_be_had() {
        assert_eq!(quantity("1Gi").scaled(13, 10).to_string(), "1395864372");
        assert_eq!(quantity("100m").scaled(1, 3).to_string(), "34m");
        assert_eq!(quantity("3").scaled(1, 2).to_string(), "1500m");
        assert_eq!(quantity("3").scaled(1, 0), quantity("3"));
        assert_eq!(quantity("8Ei").times(u32::MAX), quantity("8Ei"));
    }

    #[test]
    fn rounding_goes_to_the_next_multiple() {
        let step = Quantity::mebi(256);
        assert_eq!(quantity("1G").rounded_up_to(step).to_string(), "1Gi");
        assert_eq!(quantity("512Mi").rounded_up_to(step), quantity("512Mi"));
        assert_eq!(quantity("1").rounded_up_to(Quantity::ZERO), quantity("1"));
    }

    #[test]
    fn every_amount_is_read_back_from_its_text() {
        let mut nano: i128 = 1;
        while nano < LARGEST {
            for binary in [true, false] {
                for value in [nano - 1, nano, nano + 1, nano * 1_024, -nano] {
                    let quantity = Quantity::cut(value, binary);
                    let again: Quantity = quantity.to_string().parse().unwrap();
                    assert_eq!(again.nano, quantity.nano, "{quantity}");
                }
            }
            nano *= 7;
        }
    }

    #[test]
    fn a_configuration_may_give_a_text_or_a_number() {
        let read = |json: &str| serde_json::from_str::<Quantity>(json);
        assert_eq!(read("\"2Gi\"").unwrap(), quantity("2Gi"));
        assert_eq!(read("2").unwrap(), quantity("2"));
        assert_eq!(read("0.5").unwrap(), quantity("500m"));
        assert_eq!(read("-1").unwrap(), quantity("-1"));
        let error = read("\"2GB\"").unwrap_err().to_string();
        assert!(error.contains("`2GB` is no quantity"), "{error}");
        assert!(
            read("true")
                .unwrap_err()
                .to_string()
                .contains("`true` is no quantity such as `500m`")
        );
        assert_eq!(
            serde_json::to_string(&quantity("1.5Gi")).unwrap(),
            "\"1536Mi\""
        );
    }
}
