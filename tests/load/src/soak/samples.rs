//! Memory and descriptors of the operator over time.

use std::time::Duration;

use arcane_cluster::Usage;

use crate::figures::{Across, Figures, Unit, number};
use crate::measure::mebibytes;

/// Rows that are told of while it runs.
pub const ROWS: u32 = 20;
/// Above them.
pub const HEADING: &str =
    "    time  changes  troubles    writes  violations  resident  descriptors  threads";
/// An operator that has just begun has not read everything yet.
const WARM: Duration = Duration::from_secs(5);

/// What was seen of one operator after another.
#[derive(Default)]
pub struct Samples {
    warm: Vec<Sample>,
    last: Option<Sample>,
    peak: u64,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    resident: u64,
    descriptors: usize,
    threads: u64,
}

impl Samples {
    /// `age`: of the operator.
    pub fn take(&mut self, usage: &Usage, age: Duration) {
        let sample = Sample {
            resident: usage.resident,
            descriptors: usage.open_files,
            threads: usage.threads,
        };
        self.last = Some(sample);
        self.peak = self.peak.max(usage.peak_resident);
        if age >= WARM {
            self.warm.push(sample);
        }
    }

    /// A row of the table: what others have to tell, and the last sample.
    pub fn row(&self, told: &[String; 5]) -> String {
        let [time, changes, troubles, writes, violations] = told;
        let shown = self.last.map_or_else(String::new, |sample| {
            let resident = format!("{:.1} MiB", mebibytes(sample.resident));
            format!(
                "{resident:>10} {:>12} {:>8}",
                sample.descriptors, sample.threads
            )
        });
        format!("{time:>8} {changes:>8} {troubles:>9} {writes:>9} {violations:>11}{shown}")
    }

    pub fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        let mut add = |name, label, unit, value| {
            figures.add(name, label, unit, Across::Largest, value);
        };
        add(
            "samples",
            "samples of the operator",
            Unit::Count,
            number(self.warm.len()),
        );
        add(
            "resident_peak",
            "resident memory, highest",
            Unit::Mebibytes,
            mebibytes(self.peak),
        );
        add(
            "resident_growth",
            "resident memory, growth",
            Unit::Mebibytes,
            self.growth(|sample| mebibytes(sample.resident)),
        );
        add(
            "descriptors_growth",
            "descriptors, growth",
            Unit::Count,
            self.growth(|sample| number(sample.descriptors)),
        );
        add(
            "threads_growth",
            "threads, growth",
            Unit::Count,
            self.growth(|sample| f64::from(u32::try_from(sample.threads).unwrap_or(u32::MAX))),
        );
        figures
    }

    /// What the last quarter has over the first.
    fn growth(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        let quarter = self.warm.len().div_ceil(4);
        let first = median(self.warm.iter().take(quarter).map(&of));
        let last = median(self.warm.iter().rev().take(quarter).map(&of));
        last - first
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(resident: u64, open_files: usize) -> Usage {
        Usage {
            resident,
            peak_resident: resident,
            cpu: Duration::ZERO,
            threads: 4,
            open_files,
        }
    }

    #[test]
    fn growth_is_what_the_end_has_over_the_beginning_of_warm_operators() {
        let mut samples = Samples::default();
        samples.take(&usage(1, 1), Duration::ZERO);
        for second in 0..8 {
            samples.take(&usage((10 + second) << 20, 20), WARM);
        }
        let figures = samples.figures();
        let value = |name: &str| figures.get(name).unwrap().value();
        assert_eq!(value("samples"), 8.0);
        assert_eq!(value("resident_growth"), 6.0);
        assert_eq!(value("descriptors_growth"), 0.0);
        assert_eq!(value("resident_peak"), 17.0);
    }
}
