//! Sees to it that a hang does not go unnoticed.

use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::corpus::Corpus;

/// How long an input may take: far longer than any does on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Ends the process when an input takes too long, after keeping that input in the corpus.
#[derive(Debug)]
pub struct Watch {
    current: Arc<Current>,
}

/// The input that is handed over at the moment, and since when.
type Current = Mutex<Option<(Instant, Vec<u8>)>>;

impl Watch {
    /// Watches over inputs for the target whose corpus this is.
    #[must_use]
    pub fn over(corpus: Corpus) -> Self {
        let current = Arc::default();
        let watched = Arc::downgrade(&current);
        thread::spawn(move || {
            while let Some(input) = overdue(&watched) {
                if let Some(input) = input {
                    let kept = corpus.keep_failed(&input);
                    eprintln!("an input has taken more than {PATIENCE:?}: {kept:?}");
                    process::abort();
                }
                thread::sleep(LOOK);
            }
        });
        Self { current }
    }

    /// This input is handed over now.
    pub fn begin(&self, input: &[u8]) {
        *lock(&self.current) = Some((Instant::now(), input.to_vec()));
    }
}

fn lock(current: &Current) -> MutexGuard<'_, Option<(Instant, Vec<u8>)>> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The input that takes too long, if there is one; none when nothing is watched any more.
fn overdue(watched: &Weak<Current>) -> Option<Option<Vec<u8>>> {
    let current = watched.upgrade()?;
    let current = lock(&current);
    let late = current
        .as_ref()
        .filter(|(begun, _)| begun.elapsed() > PATIENCE);
    Some(late.map(|(_, input)| input.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_takes_too_long_is_overdue() {
        let watched = |since: Option<Duration>| {
            let begun = since.and_then(|since| Instant::now().checked_sub(since));
            let current = Arc::new(Mutex::new(begun.map(|begun| (begun, vec![7]))));
            overdue(&Arc::downgrade(&current)).unwrap()
        };
        assert_eq!(watched(None), None);
        assert_eq!(watched(Some(PATIENCE / 2)), None);
        assert_eq!(watched(Some(PATIENCE * 2)), Some(vec![7]));
        assert_eq!(overdue(&Weak::new()), None);
    }
}
