//! Many inputs, one after the other.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::{Outcome, Target};

/// How much more memory the process may have than at the beginning, in bytes: far more than plugins
/// may have, far less than what goes on without end.
const MEMORY: u64 = 1 << 30;
/// After how many inputs the memory is looked at.
const LOOK: u64 = 32;
/// The most inputs that others are made from.
const SEEDS: usize = 500;

/// When a campaign ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After so many inputs.
    Count(u64),
    /// After so much time.
    Passed(Duration),
}

/// What became of the inputs.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many inputs were handed over.
    pub tried: u64,
    /// How many of each outcome, by its name.
    pub outcomes: BTreeMap<String, u64>,
    /// The smallest input of each outcome.
    pub smallest: BTreeMap<String, Vec<u8>>,
}

impl Tally {
    /// How many were accepted.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.outcomes
            .get(Outcome::Accepted.name())
            .copied()
            .unwrap_or_default()
    }

    /// Counts an input. Whether it is the first of its outcome.
    fn count(&mut self, outcome: &Outcome, input: &[u8]) -> bool {
        let name = outcome.name();
        self.tried += 1;
        *self.outcomes.entry(name.to_owned()).or_default() += 1;
        match self.smallest.get_mut(name) {
            None => {
                self.smallest.insert(name.to_owned(), input.to_vec());
                true
            }
            Some(smallest) => {
                if input.len() < smallest.len() {
                    *smallest = input.to_vec();
                }
                false
            }
        }
    }
}

/// An input that made the host fail.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The input.
    pub input: Vec<u8>,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an input of {} bytes: {}",
            self.input.len(),
            self.problem
        )
    }
}

impl std::error::Error for Failed {}

/// Hands inputs to `target`: first `kept`, then ones that are made from `seed` on. `before` is told
/// of each beforehand.
///
/// Those that had an outcome of their own are what later ones are made from, besides `kept`.
///
/// # Errors
/// The first input that makes the host fail.
pub fn campaign(
    target: &dyn Target,
    seed: u64,
    until: Until,
    kept: Vec<Vec<u8>>,
    mut before: impl FnMut(&[u8]),
) -> Result<Tally, Failed> {
    let begun = Instant::now();
    let resident = resident();
    let mut rng = Rng::with_seed(seed);
    let mut tally = Tally::default();
    let mut seeds = Vec::new();
    let mut first = kept.into_iter();
    loop {
        let more = match until {
            Until::Count(count) => tally.tried < count,
            Until::Passed(time) => begun.elapsed() < time,
        };
        if !more {
            return Ok(tally);
        }
        let (input, is_kept) = match first.next() {
            Some(input) => (input, true),
            None => (target.make(&mut rng, &seeds), false),
        };
        before(&input);
        let outcome = match feed(target, &input) {
            Ok(outcome) => outcome,
            Err(problem) => return Err(Failed { input, problem }),
        };
        if tally.tried.is_multiple_of(LOOK) && self::resident() > resident + MEMORY {
            let problem = format!("the process has {} bytes", self::resident());
            return Err(Failed { input, problem });
        }
        let is_new = tally.count(&outcome, &input);
        if (is_kept || is_new) && seeds.len() < SEEDS {
            seeds.push(input);
        }
    }
}

/// Hands over one input; a panic is a failure like others.
///
/// # Errors
/// What is wrong with the host, by this input.
pub fn feed(target: &dyn Target, input: &[u8]) -> Result<Outcome, String> {
    panic::catch_unwind(AssertUnwindSafe(|| target.feed(input)))
        .unwrap_or_else(|panic| Err(format!("a panic: {}", message(&*panic))))
}

fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
        .to_owned()
}

/// Memory of this process that is present and not of files, in bytes; 0 where the system does not
/// tell.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accepts even numbers, refuses others, and fails at what it is told to.
    struct Numbers {
        panics_at: u8,
        is_wrong_at: u8,
    }

    impl Target for Numbers {
        fn name(&self) -> &'static str {
            "numbers"
        }

        fn make(&self, rng: &mut Rng, _seeds: &[Vec<u8>]) -> Vec<u8> {
            vec![rng.u8(..)]
        }

        fn feed(&self, input: &[u8]) -> Result<Outcome, String> {
            let number = input[0];
            assert_ne!(number, self.panics_at, "of all numbers");
            if number == self.is_wrong_at {
                return Err("wrong".into());
            }
            Ok(if number.is_multiple_of(2) {
                Outcome::Accepted
            } else {
                Outcome::refused("odd")
            })
        }
    }

    fn run(panics_at: u8, is_wrong_at: u8, seed: u64) -> Result<Tally, Failed> {
        let numbers = Numbers {
            panics_at,
            is_wrong_at,
        };
        campaign(
            &numbers,
            seed,
            Until::Count(5_000),
            vec![vec![1, 1]],
            |_| {},
        )
    }

    #[test]
    fn a_panic_and_a_wrong_outcome_end_it_with_the_input() {
        let failed = run(7, 9, 1).unwrap_err();
        assert!([7, 9].contains(&failed.input[0]));
        let panicked = run(7, 7, 1).unwrap_err();
        assert_eq!(panicked.input, [7]);
        assert!(panicked.problem.contains("of all numbers"), "{panicked}");
        let numbers = Numbers {
            panics_at: 0,
            is_wrong_at: 9,
        };
        assert_eq!(feed(&numbers, &[9]), Err("wrong".into()));
    }

    #[test]
    fn all_inputs_are_counted_and_the_smallest_of_each_outcome_is_kept() {
        let wrong = Numbers {
            panics_at: 7,
            is_wrong_at: 7,
        };
        let until = Until::Count(4);
        let kept = vec![vec![1, 1], vec![2], vec![3], vec![4, 4]];
        let tally = campaign(&wrong, 1, until, kept, |_| {}).unwrap();
        assert_eq!((tally.tried, tally.accepted()), (4, 2));
        assert_eq!(tally.outcomes["odd"], 2);
        assert_eq!(tally.smallest["odd"], [3]);
        assert_eq!(tally.smallest["accepted"], [2]);
    }

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let inputs = |seed| {
            let numbers = Numbers {
                panics_at: 0,
                is_wrong_at: 0,
            };
            let mut inputs = Vec::new();
            let until = Until::Count(5);
            let _ = campaign(&numbers, seed, until, Vec::new(), |input| {
                inputs.push(input.to_vec());
            });
            inputs
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
    }

    #[test]
    fn the_memory_of_this_process_is_known() {
        assert!(resident() > 100_000);
    }
}
