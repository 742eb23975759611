//! Many times of the same thing.

use std::time::Duration;

/// Times of single calls or the like, in microseconds, sorted.
#[derive(Debug, Clone)]
pub struct Times(Vec<f64>);

impl Times {
    /// These times.
    pub fn new(times: impl IntoIterator<Item = Duration>) -> Self {
        let mut times: Vec<f64> = times
            .into_iter()
            .map(|time| time.as_secs_f64() * 1e6)
            .collect();
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    /// The one in the middle.
    pub fn median(&self) -> f64 {
        self.at(50)
    }

    /// What 99 of 100 do not exceed.
    pub fn p99(&self) -> f64 {
        self.at(99)
    }

    /// How many there are.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn at(&self, hundredths: usize) -> f64 {
        let rank = (self.0.len() * hundredths).div_ceil(100);
        self.0
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_so_many_calls_do_not_exceed() {
        let times = Times::new((1..=200).rev().map(Duration::from_micros));
        assert!((times.median() - 100.0).abs() < 1e-6);
        assert!((times.p99() - 198.0).abs() < 1e-6);
        assert!(Times::new([]).median().is_nan());
    }
}
