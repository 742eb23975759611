//! Answers that were given before.

use std::collections::{BTreeMap, HashMap};

/// What a question is known by: a SHA-256 digest.
pub(crate) type Key = [u8; 32];

/// What an answer takes beside its text: its places in the two maps, rounded up.
const OVERHEAD: usize = 192;

/// An accepted answer to `render`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remembered {
    /// The Job was fine as it was.
    Unchanged,
    /// JSON text of the patch that makes the Job to use of the one in question.
    Patch(std::sync::Arc<str>),
    /// JSON text of the Job to use.
    Job(std::sync::Arc<str>),
}

impl Remembered {
    fn bytes(&self) -> usize {
        OVERHEAD
            + match self {
                Self::Unchanged => 0,
                Self::Patch(text) | Self::Job(text) => text.len(),
            }
    }
}

/// Keeps answers up to a number of bytes, and forgets first what was not asked for longest.
#[derive(Debug)]
pub(crate) struct Memo {
    limit: usize,
    bytes: usize,
    /// Grows with each use.
    clock: u64,
    answers: HashMap<Key, (Remembered, u64)>,
    by_use: BTreeMap<u64, Key>,
}

impl Memo {
    /// A memo of at most `limit` bytes; 0 keeps nothing.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: 0,
            clock: 0,
            answers: HashMap::new(),
            by_use: BTreeMap::new(),
        }
    }

    /// The answer to a question that was asked before.
    pub(crate) fn get(&mut self, key: &Key) -> Option<Remembered> {
        let (answer, used) = self.answers.get_mut(key)?;
        self.by_use.remove(used);
        self.clock += 1;
        *used = self.clock;
        self.by_use.insert(self.clock, *key);
        Some(answer.clone())
    }

    /// Keeps an answer, unless it alone would be too large.
    pub(crate) fn put(&mut self, key: Key, answer: Remembered) {
        self.forget(&key);
        let size = answer.bytes();
        if size > self.limit {
            return;
        }
        while self.bytes + size > self.limit {
            let Some((_, oldest)) = self.by_use.first_key_value() else {
                break;
            };
            let oldest = *oldest;
            self.forget(&oldest);
        }
        self.clock += 1;
        self.bytes += size;
        self.by_use.insert(self.clock, key);
        self.answers.insert(key, (answer, self.clock));
    }

    /// How many bytes the answers take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many answers there are.
    pub(crate) fn len(&self) -> usize {
        self.answers.len()
    }

    fn forget(&mut self, key: &Key) {
        if let Some((answer, used)) = self.answers.remove(key) {
            self.by_use.remove(&used);
            self.bytes -= answer.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(number: u8) -> Key {
        [number; 32]
    }

    fn job(length: usize) -> Remembered {
        Remembered::Job("x".repeat(length).into())
    }

    #[test]
    fn what_was_not_asked_for_longest_goes_first() {
        let mut memo = Memo::new(3 * OVERHEAD);
        for number in 0..3 {
            memo.put(key(number), Remembered::Unchanged);
        }
        assert!(memo.get(&key(0)).is_some());
        memo.put(key(3), Remembered::Unchanged);
        assert!(memo.get(&key(0)).is_some());
        assert!(memo.get(&key(1)).is_none());
    }

    #[test]
    fn a_limit_of_nothing_keeps_nothing() {
        let mut memo = Memo::new(0);
        memo.put(key(1), Remembered::Unchanged);
        assert_eq!(memo.get(&key(1)), None);
    }

    #[test]
    fn an_answer_larger_than_everything_drives_nothing_out() {
        let mut memo = Memo::new(2 * OVERHEAD);
        memo.put(key(1), Remembered::Unchanged);
        memo.put(key(2), job(4 * OVERHEAD));
        assert!(memo.get(&key(1)).is_some());
        assert!(memo.get(&key(2)).is_none());
    }

    #[test]
    fn a_new_answer_takes_the_place_of_the_old() {
        let mut memo = Memo::new(10_000);
        memo.put(key(1), job(1_000));
        memo.put(key(1), job(10));
        assert_eq!(memo.get(&key(1)), Some(job(10)));
        assert_eq!(memo.bytes(), OVERHEAD + 10);
    }

    proptest! {
        #[test]
        fn it_never_holds_more_than_its_limit_and_always_counts_right(
            limit in 0_usize..5_000,
            steps in prop::collection::vec((any::<bool>(), 0_u8..20, 0_usize..2_000), 0..200),
        ) {
            let mut memo = Memo::new(limit);
            for (put, number, length) in steps {
                if put {
                    memo.put(key(number), job(length));
                    let fits = OVERHEAD + length <= limit;
                    prop_assert_eq!(memo.get(&key(number)).is_some(), fits);
                } else {
                    memo.get(&key(number));
                }
                let counted: usize = memo.answers.values().map(|(answer, _)| answer.bytes()).sum();
                prop_assert_eq!(memo.bytes(), counted);
                prop_assert!(memo.bytes() <= limit);
                prop_assert_eq!(memo.by_use.len(), memo.len());
            }
        }
    }
}
