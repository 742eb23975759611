//! Windows of the week, and how long it is until one opens.

/// Seconds of a day; a fixed offset from UTC knows no day that is shorter or longer.
pub const DAY: u64 = 24 * 60 * 60;
/// Seconds of a week.
pub const WEEK: u64 = 7 * DAY;

/// 1970-01-01 was a Thursday, and weeks begin with Monday here.
const DAYS_FROM_MONDAY_TO_EPOCH: u64 = 3;

/// A stretch of time that comes back every week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When it opens, in seconds since Monday 00:00.
    pub opens: u64,
    /// How long it stays open, in seconds: 1 to [`WEEK`]. It may go on past Sunday 24:00.
    pub length: u64,
}

/// Seconds since Monday 00:00 on a clock that is `offset` seconds ahead of UTC.
///
/// `unix` is in seconds since 1970-01-01T00:00:00Z.
pub fn second_of_week(unix: u64, offset: i32) -> u64 {
    let offset = u64::from(offset.rem_euclid(WEEK_AS_I32).unsigned_abs());
    (unix % WEEK + offset + DAYS_FROM_MONDAY_TO_EPOCH * DAY) % WEEK
}

/// [`WEEK`], for offsets, which may be negative.
const WEEK_AS_I32: i32 = 7 * 24 * 60 * 60;

/// How many seconds after `now`, a second of the week, the next of `windows` opens: 0 while one is
/// open, `None` where there are none.
pub fn opens_in(windows: &[Window], now: u64) -> Option<u64> {
    windows
        .iter()
        .map(|window| {
            let since_opening = (now + WEEK - window.opens) % WEEK;
            if since_opening < window.length {
                0
            } else {
                WEEK - since_opening
            }
        })
        .min()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-01-05T00:00:00Z, a Monday.
    const MONDAY: u64 = 1_767_571_200;
    const HOUR: u64 = 60 * 60;

    fn windows() -> impl Strategy<Value = Vec<Window>> {
        let window = (0..WEEK, 1..=DAY).prop_map(|(opens, length)| Window { opens, length });
        prop::collection::vec(window, 1..8)
    }

    /// Whether a window is open, told by laying three weeks side by side.
    fn open_by_hand(windows: &[Window], now: u64) -> bool {
        windows.iter().any(|window| {
            [0, WEEK, 2 * WEEK].iter().any(|week| {
                let opens = week + window.opens;
                (opens..opens + window.length).contains(&(now + WEEK))
            })
        })
    }

    #[test]
    fn weeks_begin_with_monday_at_midnight() {
        assert_eq!(second_of_week(MONDAY, 0), 0);
        assert_eq!(second_of_week(MONDAY - 1, 0), WEEK - 1);
        assert_eq!(second_of_week(0, 0), 3 * DAY);
    }

    #[test]
    fn a_clock_ahead_of_utc_is_later_in_the_week_and_one_behind_is_earlier() {
        assert_eq!(second_of_week(MONDAY, 7_200), 2 * HOUR);
        assert_eq!(second_of_week(MONDAY, -7_200), WEEK - 2 * HOUR);
    }

    #[test]
    fn a_window_is_open_from_its_first_second_until_before_its_end() {
        let window = [Window {
            opens: 9 * HOUR,
            length: HOUR,
        }];
        assert_eq!(opens_in(&window, 9 * HOUR - 1), Some(1));
        assert_eq!(opens_in(&window, 9 * HOUR), Some(0));
        assert_eq!(opens_in(&window, 10 * HOUR - 1), Some(0));
        assert_eq!(opens_in(&window, 10 * HOUR), Some(WEEK - HOUR));
    }

    #[test]
    fn a_window_of_sunday_night_is_open_on_monday_morning() {
        let window = [Window {
            opens: 6 * DAY + 22 * HOUR,
            length: 8 * HOUR,
        }];
        assert_eq!(opens_in(&window, 6 * HOUR - 1), Some(0));
        assert_eq!(opens_in(&window, 6 * HOUR), Some(6 * DAY + 16 * HOUR));
    }

    #[test]
    fn without_windows_none_opens() {
        assert_eq!(opens_in(&[], 0), None);
    }

    proptest! {
        #[test]
        fn after_the_wait_a_window_is_open_and_before_none_is(
            windows in windows(),
            now in 0..WEEK,
            part in 0.0..1.0_f64,
        ) {
            let wait = opens_in(&windows, now).unwrap();
            prop_assert!(wait < WEEK);
            prop_assert!(open_by_hand(&windows, (now + wait) % WEEK));
            if wait > 0 {
                let between = (wait as f64 * part) as u64;
                prop_assert!(!open_by_hand(&windows, (now + between) % WEEK));
                prop_assert!(!open_by_hand(&windows, (now + wait - 1) % WEEK));
            }
        }

        #[test]
        fn the_same_time_of_every_week_is_the_same_second(
            unix in 0..u64::MAX / 2,
            weeks in 0..1_000_u64,
            offset in -50_400..=50_400_i32,
        ) {
            let second = second_of_week(unix, offset);
            prop_assert!(second < WEEK);
            prop_assert_eq!(second_of_week(unix + weeks * WEEK, offset), second);
        }

        #[test]
        fn an_offset_moves_the_clock_by_as_much(
            unix in WEEK..u64::MAX / 2,
            offset in -50_400..=50_400_i32,
        ) {
            let moved = unix.checked_add_signed(i64::from(offset)).unwrap();
            prop_assert_eq!(second_of_week(unix, offset), second_of_week(moved, 0));
        }
    }
}
