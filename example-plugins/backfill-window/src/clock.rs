//! Times of day and offsets from UTC, as people write them.

use arcane_plugin_sdk::Weekday;

use crate::window::DAY;

/// The days of the week.
pub const DAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// The largest offset that is in use anywhere, on either side of UTC.
const MAXIMUM_OFFSET: i32 = 14 * 60 * 60;

/// Seconds since midnight of a time such as `22:30`; `24:00` is the end of the day.
pub fn parse_time(text: &str) -> Option<u64> {
    let (hours, minutes) = text.split_once(':')?;
    let seconds = two_digits(hours)? * 3_600 + below_sixty(minutes)? * 60;
    (seconds <= DAY).then_some(seconds)
}

/// Seconds ahead of UTC of `Z`, `+02:00` or `-05:30`.
pub fn parse_offset(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, clock) = match text.split_at_checked(1)? {
        ("+", clock) => (1, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    let seconds = i32::try_from(parse_time(clock)?).ok()?;
    (seconds <= MAXIMUM_OFFSET).then_some(sign * seconds)
}

/// Days from Monday to a day.
pub fn since_monday(day: Weekday) -> u64 {
    DAYS.iter()
        .zip(0..)
        .find_map(|(known, days)| (*known == day).then_some(days))
        .unwrap_or(0)
}

/// A second of the week as people read it: `Monday 22:00`.
pub fn describe(second_of_week: u64) -> String {
    let minute = second_of_week % DAY / 60;
    let day = DAYS
        .iter()
        .zip(0..)
        .find(|(_, days)| *days == second_of_week / DAY % 7);
    let name = day.map_or(Weekday::Monday, |(day, _)| *day);
    format!("{name:?} {:02}:{:02}", minute / 60, minute % 60)
}

fn below_sixty(text: &str) -> Option<u64> {
    two_digits(text).filter(|minutes| *minutes < 60)
}

fn two_digits(text: &str) -> Option<u64> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::window::WEEK;

    #[test]
    fn times_go_from_midnight_to_midnight() {
        assert_eq!(parse_time("00:00"), Some(0));
        assert_eq!(parse_time("22:30"), Some(81_000));
        assert_eq!(parse_time("24:00"), Some(DAY));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "", "7:00", "24:01", "99:99", "12:60", "12", "12:5", "+1:00", "12:00:00", " 1:00",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn offsets_are_ahead_of_utc_or_behind() {
        assert_eq!(parse_offset("Z"), Some(0));
        assert_eq!(parse_offset("+00:00"), Some(0));
        assert_eq!(parse_offset("+05:45"), Some(20_700));
        assert_eq!(parse_offset("-03:30"), Some(-12_600));
        assert_eq!(parse_offset("+14:00"), Some(MAXIMUM_OFFSET));
    }

    #[test]
    fn what_is_no_offset_is_none() {
        for text in [
            "",
            "z",
            "UTC",
            "02:00",
            "+2:00",
            "+14:01",
            "+24:00",
            "Europe/Berlin",
            "−02:00",
            "ä",
        ] {
            assert_eq!(parse_offset(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_minute_of_the_week_reads_back_as_day_and_time(minute in 0..WEEK / 60) {
            let text = describe(minute * 60);
            let (name, time) = text.split_once(' ').unwrap();
            let day = DAYS.iter().find(|day| format!("{day:?}") == name).unwrap();
            let second = since_monday(*day) * DAY + parse_time(time).unwrap();
            prop_assert_eq!(second, minute * 60);
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in "\\PC*") {
            parse_time(&text);
            parse_offset(&text);
        }
    }
}
