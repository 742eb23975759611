//! When to try again.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// Exponential, with jitter.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// Delay after the first failure.
    pub initial: Duration,
    /// Delay at most, before jitter.
    pub maximum: Duration,
}

impl Backoff {
    /// The delay after so many failures in a row, from 1. Jitter only adds, up to a quarter, so
    /// that the delay told in the documentation is the least one.
    pub fn delay(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let delay = self
            .initial
            .saturating_mul(1 << doublings)
            .min(self.maximum);
        delay.mul_f64(1.0 + random_fraction() / 4.0)
    }
}

/// As it is by default, for tests.
#[cfg(test)]
pub const BACKOFF: Backoff = Backoff {
    initial: Duration::from_secs(2),
    maximum: Duration::from_secs(300),
};

/// From 0 up to 1. Spreads retries; it need not be unpredictable.
pub fn random_fraction() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or(0);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_the_maximum_and_a_quarter() {
        for failures in 1..100 {
            let least = (2 * (1u64 << (failures - 1).min(31))).min(300);
            let delay = BACKOFF.delay(failures).as_secs_f64();
            assert!((least as f64..=least as f64 * 1.25).contains(&delay));
        }
    }

    #[test]
    fn after_the_sixth_failure_there_is_at_most_one_attempt_a_minute() {
        assert!(BACKOFF.delay(6) >= Duration::from_secs(60));
    }

    #[test]
    fn fractions_differ_and_stay_below_one() {
        let fractions: Vec<_> = (0..100).map(|_| random_fraction()).collect();
        assert!(
            fractions
                .iter()
                .all(|fraction| (0.0..1.0).contains(fraction))
        );
        assert!(fractions.windows(2).any(|pair| pair[0] != pair[1]));
    }
}
