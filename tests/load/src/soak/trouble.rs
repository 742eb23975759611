//! What goes wrong, or changes under all streams at once, now and then, at random.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Between two of them: time for what the last one has begun to show.
const BETWEEN: (u64, u64) = (3, 9);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    KillOperator,
    RestartApiServer,
    CompactEtcd,
    SwapPlugin,
    ChangeTemplate,
}

/// By how often they happen.
const ALL: [Trouble; 8] = [
    Trouble::KillOperator,
    Trouble::KillOperator,
    Trouble::KillOperator,
    Trouble::RestartApiServer,
    Trouble::CompactEtcd,
    Trouble::SwapPlugin,
    Trouble::SwapPlugin,
    Trouble::ChangeTemplate,
];

impl Trouble {
    fn name(self) -> &'static str {
        match self {
            Self::KillOperator => "operator killed",
            Self::RestartApiServer => "API server restarted",
            Self::CompactEtcd => "etcd compacted",
            Self::SwapPlugin => "plugin swapped",
            Self::ChangeTemplate => "template changed",
        }
    }
}

/// One after the other.
pub struct Troubles {
    random: fastrand::Rng,
    due: Instant,
    counts: BTreeMap<&'static str, usize>,
}

impl Troubles {
    pub fn new(seed: u64) -> Self {
        let mut troubles = Self {
            random: fastrand::Rng::with_seed(seed),
            due: Instant::now(),
            counts: BTreeMap::new(),
        };
        troubles.put_off();
        troubles
    }

    /// The next one, if its time has come.
    pub fn next(&mut self) -> Option<Trouble> {
        if Instant::now() < self.due {
            return None;
        }
        self.put_off();
        let trouble = ALL[self.random.usize(..ALL.len())];
        *self.counts.entry(trouble.name()).or_default() += 1;
        Some(trouble)
    }

    pub fn made(&self) -> usize {
        self.counts.values().sum()
    }

    pub fn counts(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.counts.iter().map(|(name, times)| (*name, *times))
    }

    fn put_off(&mut self) {
        let (least, most) = BETWEEN;
        let seconds = self.random.u64(least..=most);
        self.due = Instant::now() + Duration::from_secs(seconds);
    }
}
