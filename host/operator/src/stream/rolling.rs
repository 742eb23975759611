//! Restarts of a class's streams after a template change, a few at a time.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Mutex, PoisonError},
};

use crate::cache::Key;

/// Who restarts and who waits. A restart of the operator forgets both: streams in the middle of
/// theirs go on, the others ask again.
#[derive(Default)]
pub struct Rolling {
    inner: Mutex<Turns>,
}

#[derive(Default)]
struct Turns {
    restarting: HashSet<Key>,
    waiting: BTreeSet<Key>,
}

impl Rolling {
    /// Whether the stream may restart now, with at most `limit` at once.
    pub fn acquire(&self, stream: &Key, limit: usize) -> bool {
        let mut turns = self.lock();
        if turns.restarting.contains(stream) {
            return true;
        }
        if turns.restarting.len() >= limit {
            turns.waiting.insert(stream.clone());
            return false;
        }
        turns.waiting.remove(stream);
        turns.restarting.insert(stream.clone());
        true
    }

    /// The stream needs no restart, or is done with it. Returns whose turn it is then.
    pub fn release(&self, stream: &Key) -> Option<Key> {
        let mut turns = self.lock();
        turns.waiting.remove(stream);
        if turns.restarting.remove(stream) {
            turns.waiting.pop_first()
        } else {
            None
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Turns> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new("ns", name)
    }

    #[test]
    fn no_more_than_the_limit_restart_at_once() {
        let rolling = Rolling::default();
        assert!(rolling.acquire(&key("a"), 2));
        assert!(rolling.acquire(&key("b"), 2));
        assert!(!rolling.acquire(&key("c"), 2));
        assert!(rolling.acquire(&key("a"), 2), "it has its turn already");
    }

    #[test]
    fn whoever_waits_gets_the_turn_of_one_that_is_done() {
        let rolling = Rolling::default();
        rolling.acquire(&key("a"), 1);
        rolling.acquire(&key("c"), 1);
        rolling.acquire(&key("b"), 1);
        assert_eq!(rolling.release(&key("a")), Some(key("b")));
        assert!(rolling.acquire(&key("b"), 1));
    }

    #[test]
    fn a_stream_without_a_turn_gives_none_away() {
        let rolling = Rolling::default();
        rolling.acquire(&key("a"), 1);
        rolling.acquire(&key("b"), 1);
        assert_eq!(rolling.release(&key("z")), None);
        assert_eq!(rolling.release(&key("b")), None);
        assert_eq!(rolling.release(&key("a")), None, "b no longer waits");
    }
}
