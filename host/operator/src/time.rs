//! Times as Kubernetes writes them.

use jiff::Timestamp;

/// The time in RFC 3339, to the second.
pub fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_to_the_second() {
        let time = Timestamp::from_millisecond(1_500).unwrap();
        assert_eq!(written(time), "1970-01-01T00:00:01Z");
    }
}
