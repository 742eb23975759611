//! How long to wait before a run is started again.

use crate::config::Restart;

/// Seconds to wait after a failure, after so many restarts in a row.
///
/// `stream` names the stream: what is added so that streams do not come back together is the same
/// for a stream each time, as the same question has to get the same answer.
pub fn before_restart(restart: &Restart, attempt: u32, stream: &str) -> u64 {
    let factor = u64::from(restart.factor)
        .checked_pow(attempt)
        .unwrap_or(u64::MAX);
    let grown = restart.delay_seconds.saturating_mul(factor);
    let spread = restart
        .spread_seconds
        .checked_add(1)
        .map_or(0, |width| hash(stream) % width);
    grown
        .min(restart.maximum_delay_seconds)
        .saturating_add(spread)
}

/// FNV-1a: short, and spreads names that differ in one letter.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn delays(restart: &Restart) -> Vec<u64> {
        (0..8)
            .map(|attempt| before_restart(restart, attempt, "data/orders"))
            .collect()
    }

    #[test]
    fn each_delay_is_twice_the_one_before_up_to_ten_minutes() {
        let delays = delays(&Restart::default());
        assert_eq!(delays, [10, 20, 40, 80, 160, 320, 600, 600]);
    }

    #[test]
    fn with_a_factor_of_one_all_delays_are_the_same() {
        let restart = Restart {
            factor: 1,
            ..Restart::default()
        };
        assert_eq!(delays(&restart), [10; 8]);
    }

    #[test]
    fn without_a_delay_there_is_none() {
        let restart = Restart {
            delay_seconds: 0,
            ..Restart::default()
        };
        assert_eq!(delays(&restart), [0; 8]);
    }

    #[test]
    fn streams_that_fail_together_come_back_apart() {
        let restart = Restart {
            spread_seconds: 60,
            ..Restart::default()
        };
        let delays: BTreeSet<u64> = (0..100)
            .map(|number| before_restart(&restart, 0, &format!("data/orders-{number}")))
            .collect();
        assert!(delays.len() > 30, "{delays:?}");
        assert!(delays.iter().all(|delay| (10..=70).contains(delay)));
    }

    proptest! {
        #[test]
        fn delays_never_shrink_and_stay_below_their_maximum(
            delay_seconds in 0..=1_800_u64,
            factor in 1..=100_u32,
            more in 0..=1_800_u64,
            spread_seconds in 0..=1_800_u64,
            attempt in 0..u32::MAX,
            stream in "[a-z]{1,8}",
        ) {
            let maximum_delay_seconds = delay_seconds + more;
            let restart = Restart {
                attempts: 5, delay_seconds, factor, maximum_delay_seconds, spread_seconds,
            };
            let first = before_restart(&restart, attempt, &stream);
            let second = before_restart(&restart, attempt + 1, &stream);
            prop_assert!(first <= second);
            prop_assert!(first >= delay_seconds);
            prop_assert!(second <= maximum_delay_seconds + spread_seconds);
        }
    }
}
