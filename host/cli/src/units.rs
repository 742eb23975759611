//! Sizes and times, as people write and read them.

use std::time::Duration;

/// Reads a size: a number of bytes, or one with `KiB` or `MiB`.
///
/// # Errors
/// Says what would be a size.
pub fn size(text: &str) -> Result<usize, String> {
    let (digits, unit) = text.split_at(text.trim_end_matches(|c: char| !c.is_ascii_digit()).len());
    let factor = match unit {
        "" | "B" => 1,
        "KiB" | "Ki" => 1 << 10,
        "MiB" | "Mi" => 1 << 20,
        _ => return Err(format!("{unit:?} is no unit: use KiB or MiB")),
    };
    let number: usize = digits
        .parse()
        .map_err(|_| "is no size: give one such as 900KiB".to_owned())?;
    number
        .checked_mul(factor)
        .ok_or_else(|| "is too large".to_owned())
}

/// A size for people: `812 B`, `56.4 KiB`, `1.5 MiB`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub fn bytes(bytes: usize) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// A short time for people: `24.1 µs`, `1.32 ms`, `2.10 s`.
#[must_use]
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 1e-3 {
        format!("{:.2} ms", seconds * 1e3)
    } else {
        format!("{:.1} µs", seconds * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_unit() {
        assert_eq!(size("900KiB"), Ok(921_600));
        assert_eq!(size("1MiB"), Ok(1_048_576));
        assert_eq!(size("1000"), Ok(1_000));
        for wrong in ["", "KiB", "-1", "1.5MiB", "900kB", "99999999999999MiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_and_times_have_the_unit_that_fits() {
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(57_754), "56.4 KiB");
        assert_eq!(bytes(1_572_864), "1.5 MiB");
        assert_eq!(time(Duration::from_nanos(24_120)), "24.1 µs");
        assert_eq!(time(Duration::from_micros(1_320)), "1.32 ms");
        assert_eq!(time(Duration::from_millis(2_100)), "2.10 s");
    }
}
