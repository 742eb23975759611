//! Counting tests by what the test binaries print.

use std::ops::Add;

/// Tests that ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub passed: u32,
    pub failed: u32,
}

impl Count {
    /// The sum of every `test result:` line.
    pub fn of(output: &str) -> Self {
        output
            .lines()
            .filter_map(of_line)
            .fold(Self::default(), Self::add)
    }

    pub fn total(self) -> u32 {
        self.passed + self.failed
    }
}

impl Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
        }
    }
}

/// Reads `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
fn of_line(line: &str) -> Option<Count> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |name: &str| {
        counts
            .split("; ")
            .find_map(|part| part.strip_suffix(name)?.parse().ok())
    };
    Some(Count {
        passed: number(" passed")?,
        failed: number(" failed")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_all_test_binaries_are_summed() {
        let output = "\
            running 3 tests\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s\n\
            a line of a test: test result: ok. 9 passed; 9 failed\n\
            test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n";
        assert_eq!(
            Count::of(output),
            Count {
                passed: 7,
                failed: 2
            }
        );
    }
}
