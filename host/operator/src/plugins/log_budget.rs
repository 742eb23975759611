//! How much a class's plugin may write to the operator's log.

use std::time::Duration;

use tokio::time::Instant;

/// Lines of one class's plugin in each period: enough to follow a few streams, and too few to hide
/// what the operator itself has to say.
const LINES: u32 = 100;
const PERIOD: Duration = Duration::from_secs(10);

/// Lines that may still be written in this period, and what was left out.
#[derive(Debug)]
pub struct LogBudget {
    begun: Instant,
    written: u32,
    omitted: u32,
}

impl LogBudget {
    /// Nothing written.
    pub fn new(now: Instant) -> Self {
        LogBudget {
            begun: now,
            written: 0,
            omitted: 0,
        }
    }

    /// Whether one more line may be written; and how many were left out, when a new period begins
    /// after one in which some were.
    pub fn take(&mut self, now: Instant) -> (bool, Option<u32>) {
        let mut told = None;
        if now.duration_since(self.begun) >= PERIOD {
            told = Some(self.omitted).filter(|omitted| *omitted > 0);
            *self = LogBudget::new(now);
        }
        let may = self.written < LINES;
        if may {
            self.written += 1;
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
        (may, told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_cut_off_until_the_next_period_and_its_size_is_told() {
        let now = Instant::now();
        let mut budget = LogBudget::new(now);
        for _ in 0..LINES {
            assert_eq!(budget.take(now), (true, None));
        }
        assert_eq!(budget.take(now), (false, None));
        assert_eq!(budget.take(now), (false, None));
        assert_eq!(budget.take(now + PERIOD), (true, Some(2)));
        assert_eq!(budget.take(now + PERIOD), (true, None));
    }
}
