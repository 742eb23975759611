//! Points in time, without a time zone.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Days in 400 years, after which the calendar repeats.
const ERA: u64 = 146_097;

/// A point in time, in whole seconds, in UTC unless [shifted](Timestamp::with_offset).
///
/// ```
/// use arcane_plugin_sdk::{Timestamp, Weekday};
/// use std::time::Duration;
///
/// let now = Timestamp::from_seconds(1_767_323_045);
/// assert_eq!(now.to_string(), "2026-01-02T03:04:05Z");
/// assert_eq!((now.weekday(), now.hour(), now.minute()), (Weekday::Friday, 3, 4));
/// assert_eq!((now + Duration::from_secs(60)).minute(), 5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// A day of the week.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// `monday`, as in a configuration.
    Monday,
    /// `tuesday`
    Tuesday,
    /// `wednesday`
    Wednesday,
    /// `thursday`
    Thursday,
    /// `friday`
    Friday,
    /// `saturday`
    Saturday,
    /// `sunday`
    Sunday,
}

impl Weekday {
    const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];
}

impl Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// Day of the week.
    pub fn weekday(self) -> Weekday {
        // The first day of 1970 was a Thursday.
        Weekday::ALL[((self.0 / DAY + 3) % 7) as usize]
    }

    /// Hour of the day, 0 to 23.
    pub const fn hour(self) -> u32 {
        (self.0 % DAY / HOUR) as u32
    }

    /// Minute of the hour, 0 to 59.
    pub const fn minute(self) -> u32 {
        (self.0 % HOUR / MINUTE) as u32
    }

    /// Second of the minute, 0 to 59.
    pub const fn second(self) -> u32 {
        (self.0 % MINUTE) as u32
    }

    /// How much of the day has passed.
    pub const fn time_of_day(self) -> Duration {
        Duration::from_secs(self.0 % DAY)
    }

    /// Midnight at which the day began.
    pub const fn start_of_day(self) -> Self {
        Self(self.0 - self.0 % DAY)
    }

    /// Year, month (1 to 12) and day of the month (1 to 31).
    pub const fn date(self) -> (u64, u32, u32) {
        // Counted from the first of March of the year 0, so that leap days come last.
        let days = self.0 / DAY + 719_468;
        let day_of_era = days % ERA;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        let year = days / ERA * 400 + year_of_era + (month <= 2) as u64;
        (year, month as u32, day as u32)
    }

    /// What clocks show so many minutes east of UTC, to be asked for hour, weekday and date; a
    /// plugin knows no time zones and no summer time.
    ///
    /// ```
    /// # use arcane_plugin_sdk::Timestamp;
    /// let now = Timestamp::from_seconds(1_767_323_045);
    /// assert_eq!((now.hour(), now.with_offset(-330).hour()), (3, 21));
    /// ```
    #[must_use]
    pub const fn with_offset(self, minutes: i32) -> Self {
        Self(self.0.saturating_add_signed(minutes as i64 * MINUTE as i64))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }
}

/// Zero where the other is later.
impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let (hour, minute, second) = (self.hour(), self.minute(), self.second());
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> String {
        Timestamp::from_seconds(seconds).to_string()
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(951_868_800), "2000-03-01T00:00:00Z");
        assert_eq!(at(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00Z");
        assert_eq!(at(1_798_761_599), "2026-12-31T23:59:59Z");
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut before = Timestamp::from_seconds(0).date();
        for day in 1..ERA {
            let date = Timestamp::from_seconds(day * DAY).date();
            let follows = match date {
                (year, 1, 1) => before == (year - 1, 12, 31),
                (year, month, 1) => {
                    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
                    let last = match month - 1 {
                        2 => 28 + u32::from(leap),
                        4 | 6 | 9 | 11 => 30,
                        _ => 31,
                    };
                    before == (year, month - 1, last)
                }
                (year, month, day) => before == (year, month, day - 1),
            };
            assert!(follows, "{before:?} and then {date:?}");
            before = date;
        }
    }

    #[test]
    fn weekdays_follow_one_another() {
        assert_eq!(Timestamp::from_seconds(0).weekday(), Weekday::Thursday);
        let sunday = Timestamp::from_seconds(1_767_225_600 + 3 * DAY);
        assert_eq!(sunday.weekday(), Weekday::Sunday);
        assert_eq!(
            (sunday + Duration::from_secs(DAY)).weekday(),
            Weekday::Monday
        );
    }

    #[test]
    fn the_time_of_day_counts_from_midnight() {
        let time = Timestamp::from_seconds(10 * DAY + 7 * HOUR + 5 * MINUTE + 9);
        assert_eq!((time.hour(), time.minute(), time.second()), (7, 5, 9));
        assert_eq!(time.start_of_day().seconds(), 10 * DAY);
        assert_eq!(time - time.start_of_day(), time.time_of_day());
    }

    #[test]
    fn nothing_overflows() {
        let last = Timestamp::from_seconds(u64::MAX);
        assert_eq!(last + Duration::MAX, last);
        assert_eq!(last.with_offset(i32::MAX), last);
        assert_eq!(
            Timestamp::from_seconds(5).with_offset(i32::MIN).seconds(),
            0
        );
        assert_eq!(Timestamp::from_seconds(5) - last, Duration::ZERO);
        assert!(last.date().0 > 1_000_000);
    }
}
