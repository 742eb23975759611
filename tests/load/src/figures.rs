//! What was measured: named figures, over one or more runs.

use serde::Serialize;

/// What a figure counts in, and so how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Whole things.
    Count,
    /// Things for each stream.
    PerStream,
    /// Streams in a minute.
    StreamsPerMinute,
    /// A part of another figure: 1 is all of it.
    Share,
    /// So many times another figure.
    Times,
    /// Calls in a second.
    CallsPerSecond,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Thousands of bytes.
    Kilobytes,
    /// Mebibytes.
    Mebibytes,
}

impl Unit {
    /// A value of this unit, as a person reads it.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Count | Self::StreamsPerMinute | Self::CallsPerSecond => format!("{value:.0}"),
            Self::PerStream => format!("{value:.2}"),
            Self::Share => format!("{:.1} %", value * 100.0),
            Self::Times => format!("{value:.2} ×"),
            Self::Seconds => format!("{value:.1} s"),
            Self::Milliseconds => format!("{value:.1} ms"),
            Self::Microseconds => format!("{value:.1} µs"),
            Self::Kilobytes => format!("{value:.1} kB"),
            Self::Mebibytes => format!("{value:.1} MiB"),
        }
    }
}

/// What counts of several runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Across {
    /// The one in the middle: for what depends on the machine's mood.
    Median,
    /// The largest: for what the operator alone decides, and should keep small.
    Largest,
}

/// Something measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Its name in thresholds and JSON.
    pub name: String,
    /// What it is, for people.
    pub label: String,
    /// What it counts in.
    pub unit: Unit,
    /// What counts of `runs`.
    pub across: Across,
    /// The value of each run, in their order.
    pub runs: Vec<f64>,
}

impl Figure {
    /// The value that counts.
    pub fn value(&self) -> f64 {
        let mut runs = self.runs.clone();
        runs.sort_by(f64::total_cmp);
        let middle = runs.len() / 2;
        match self.across {
            Across::Largest => runs.last().copied().unwrap_or(0.0),
            Across::Median if runs.is_empty() => 0.0,
            Across::Median if runs.len() % 2 == 1 => runs[middle],
            Across::Median => f64::midpoint(runs[middle - 1], runs[middle]),
        }
    }
}

/// Figures in the order in which they are shown.
#[derive(Debug, Clone, Default)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// Adds a figure of one run.
    pub fn add(&mut self, name: &str, label: &str, unit: Unit, across: Across, value: f64) {
        self.0.push(Figure {
            name: name.to_owned(),
            label: label.to_owned(),
            unit,
            across,
            runs: vec![value],
        });
    }

    /// Adds another part of the same run.
    pub fn extend(&mut self, other: Figures) {
        self.0.extend(other.0);
    }

    /// Adds another run. A figure that only one of them has, such as a write that is seldom made,
    /// was 0 in the other.
    pub fn another_run(&mut self, other: Figures) {
        let before = self.0.iter().map(|figure| figure.runs.len()).max();
        let before = before.unwrap_or(0);
        for mut figure in other.0 {
            match self.0.iter_mut().find(|known| known.name == figure.name) {
                Some(known) => known.runs.append(&mut figure.runs),
                None => {
                    let mut runs = vec![0.0; before];
                    runs.append(&mut figure.runs);
                    self.0.push(Figure { runs, ..figure });
                }
            }
        }
        for figure in &mut self.0 {
            figure.runs.resize(before + 1, 0.0);
        }
    }

    /// The figure of this name.
    pub fn get(&self, name: &str) -> Option<&Figure> {
        self.0.iter().find(|figure| figure.name == name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Figure> {
        self.0.iter()
    }
}

/// A number of things as a figure; exact up to 2^53, which nothing here comes near.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts here stay far below 2^53"
)]
pub fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn figure(across: Across, runs: &[f64]) -> Figure {
        Figure {
            name: "n".into(),
            label: "l".into(),
            unit: Unit::Count,
            across,
            runs: runs.to_vec(),
        }
    }

    #[test]
    fn the_median_is_the_middle_and_between_two_their_mean() {
        assert_eq!(figure(Across::Median, &[9.0, 1.0, 2.0]).value(), 2.0);
        assert_eq!(figure(Across::Median, &[4.0, 1.0]).value(), 2.5);
        assert_eq!(figure(Across::Largest, &[1.0, 9.0, 2.0]).value(), 9.0);
    }

    #[test]
    fn a_figure_that_one_run_lacks_was_0_there() {
        let run = |name: &str, value| {
            let mut figures = Figures::default();
            figures.add(name, name, Unit::Count, Across::Largest, value);
            figures
        };
        let mut all = run("a", 1.0);
        all.another_run(run("b", 2.0));
        all.another_run(run("a", 3.0));
        assert_eq!(all.get("a").unwrap().runs, [1.0, 0.0, 3.0]);
        assert_eq!(all.get("b").unwrap().runs, [0.0, 2.0, 0.0]);
    }

    #[test]
    fn a_value_is_written_in_its_unit() {
        assert_eq!(Unit::Share.show(0.7049), "70.5 %");
        assert_eq!(Unit::Mebibytes.show(20.96), "21.0 MiB");
        assert_eq!(Unit::PerStream.show(8.0), "8.00");
        assert_eq!(Unit::Times.show(2.504), "2.50 ×");
    }

    proptest! {
        #[test]
        fn half_of_the_runs_are_on_either_side_of_the_median(runs in proptest::collection::vec(0.0..1e6_f64, 1..20)) {
            let median = figure(Across::Median, &runs).value();
            let below = runs.iter().filter(|&&run| run < median).count();
            let above = runs.iter().filter(|&&run| run > median).count();
            prop_assert!(below <= runs.len() / 2 && above <= runs.len() / 2);
        }
    }
}
