//! Streaming Jobs that succeed as soon as they have begun.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;

/// A streaming Job that lived this long before it succeeded is no sign of a stream that cannot run.
const LONG_LIFE: Duration = Duration::from_secs(60);

/// Streaming Jobs in a row that succeeded soon after they had begun. A stream whose program ends at
/// once would else be started over and over, as fast as its pods are scheduled.
#[derive(Clone, Debug, Default)]
pub struct Exits {
    last: Option<(String, i64)>,
    in_a_row: u32,
    not_before: Option<Instant>,
}

impl Exits {
    /// How long to wait before a Job takes the place of the one with this uid, which has succeeded
    /// after living so long, for a definition of this generation. The first is replaced at once.
    pub fn wait(
        &mut self,
        uid: &str,
        lived: Duration,
        generation: i64,
        backoff: &Backoff,
    ) -> Option<Duration> {
        let is_new = self.last.as_ref().is_none_or(|(last, _)| last != uid);
        if self
            .last
            .as_ref()
            .is_none_or(|(_, seen)| *seen != generation)
        {
            *self = Exits::default();
        }
        if is_new {
            self.in_a_row = if lived < LONG_LIFE {
                self.in_a_row.saturating_add(1)
            } else {
                0
            };
            self.not_before = match self.in_a_row {
                0 | 1 => None,
                more => Some(Instant::now() + backoff.delay(more - 1)),
            };
        }
        self.last = Some((uid.to_owned(), generation));
        let remaining = self.not_before?.saturating_duration_since(Instant::now());
        (!remaining.is_zero()).then_some(remaining)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::{super::backoff::BACKOFF, *};

    #[tokio::test(start_paused = true)]
    async fn a_job_that_succeeds_at_once_is_replaced_at_once_and_then_ever_later() {
        let mut exits = Exits::default();
        let short = Duration::from_secs(1);
        assert_eq!(exits.wait("a", short, 1, &BACKOFF), None);
        let first = exits.wait("b", short, 1, &BACKOFF).unwrap();
        assert_eq!(exits.wait("b", short, 1, &BACKOFF), Some(first));
        advance(first).await;
        assert_eq!(exits.wait("b", short, 1, &BACKOFF), None);
        assert!(exits.wait("c", short, 1, &BACKOFF).unwrap() >= Duration::from_secs(4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_life_or_a_new_spec_ends_the_wait() {
        let mut exits = Exits::default();
        let short = Duration::from_secs(1);
        exits.wait("a", short, 1, &BACKOFF);
        assert!(exits.wait("b", short, 1, &BACKOFF).is_some());
        assert_eq!(exits.wait("b", short, 2, &BACKOFF), None);
        exits.wait("c", short, 2, &BACKOFF);
        assert_eq!(exits.wait("d", LONG_LIFE, 2, &BACKOFF), None);
    }
}
