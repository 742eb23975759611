//! How many may be inside at one time.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// Lets a bounded number of threads in, and the others wait.
#[derive(Debug)]
pub(crate) struct Gate {
    places: usize,
    taken: Mutex<usize>,
    freed: Condvar,
}

impl Gate {
    /// A gate with room for `places`, at least one.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            places: places.max(1),
            taken: Mutex::new(0),
            freed: Condvar::new(),
        }
    }

    /// Waits for a place until `deadline`. The place is given up when the pass is dropped.
    pub(crate) fn enter(&self, deadline: Instant) -> Option<Pass<'_>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken >= self.places {
            let left = deadline.checked_duration_since(Instant::now())?;
            (taken, _) = self
                .freed
                .wait_timeout(taken, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *taken += 1;
        Some(Pass { gate: self })
    }
}

/// A place inside.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    gate: &'a Gate,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        *self
            .gate
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner) -= 1;
        self.gate.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_finds_no_place_in_time_is_turned_away() {
        let gate = Gate::new(1);
        let inside = gate.enter(Instant::now());
        assert!(inside.is_some());
        assert!(gate.enter(Instant::now()).is_none());
        drop(inside);
        assert!(gate.enter(Instant::now()).is_some());
    }

    #[test]
    fn a_gate_always_has_a_place() {
        assert!(Gate::new(0).enter(Instant::now()).is_some());
    }

    #[test]
    fn never_more_are_inside_than_there_are_places_and_all_get_in() {
        let gate = Gate::new(3);
        let inside = AtomicUsize::new(0);
        let done = AtomicUsize::new(0);
        let deadline = Instant::now() + Duration::from_secs(60);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _pass = gate.enter(deadline).unwrap();
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(done.load(Ordering::SeqCst), 1_600);
    }
}
