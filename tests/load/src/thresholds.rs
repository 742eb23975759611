//! The bars that figures are held against: `thresholds.yaml`, each with its reason and source.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::figures::{Figure, Figures};

const FILE: &str = include_str!("../thresholds.yaml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    lifecycle: OfStreams,
    busy: OfStreams,
    plugins: OfPlugins,
    shards: OfStreams,
    soak: OfStreams,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfStreams {
    streams: u32,
    bars: Vec<Bar>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfPlugins {
    classes: u32,
    bars: Vec<Bar>,
}

/// The bars of one benchmark.
#[derive(Debug, Clone)]
pub struct Thresholds {
    /// The number of things, such as streams, that they were set for.
    pub size: u32,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// What one figure must be.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bar {
    /// Name of the figure.
    pub figure: String,
    /// The limit, in the figure's unit.
    pub limit: Limit,
    /// Why this much.
    pub reason: String,
    /// Where the number comes from.
    pub source: String,
}

/// A limit; the value itself is within it.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Less than this.
    Below(f64),
}

impl From<OfStreams> for Thresholds {
    fn from(OfStreams { streams, bars }: OfStreams) -> Self {
        Self {
            size: streams,
            bars,
        }
    }
}

impl Limit {
    /// Whether a value is within the limit. What is no number is not.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
            Self::Below(limit) => value < limit,
        }
    }

    /// How much of the limit a value is. Of nothing, nothing is all, and anything is too much.
    pub fn share(self, value: f64) -> f64 {
        let (Self::AtLeast(limit) | Self::AtMost(limit) | Self::Below(limit)) = self;
        if limit == 0.0 && value == 0.0 {
            1.0
        } else {
            value / limit
        }
    }

    /// As a person reads it.
    pub fn show(self, figure: &Figure) -> String {
        let (sign, limit) = match self {
            Self::AtLeast(limit) => ("≥", limit),
            Self::AtMost(limit) => ("≤", limit),
            Self::Below(limit) => ("<", limit),
        };
        format!("{sign} {}", figure.unit.show(limit))
    }
}

impl Thresholds {
    /// The bars of `cargo xtask bench lifecycle`.
    pub fn of_lifecycle() -> Result<Self> {
        Ok(read()?.lifecycle.into())
    }

    /// The bars of `cargo xtask bench busy`.
    pub fn of_busy() -> Result<Self> {
        Ok(read()?.busy.into())
    }

    /// The bars of `cargo xtask bench plugins`.
    pub fn of_plugins() -> Result<Self> {
        let OfPlugins { classes, bars } = read()?.plugins;
        Ok(Self {
            size: classes,
            bars,
        })
    }

    /// The bars of `cargo xtask bench shards`.
    pub fn of_shards() -> Result<Self> {
        Ok(read()?.shards.into())
    }

    /// The bars of `cargo xtask soak`.
    pub fn of_soak() -> Result<Self> {
        Ok(read()?.soak.into())
    }

    /// The bar of a figure.
    pub fn of(&self, figure: &str) -> Option<&Bar> {
        self.bars.iter().find(|bar| bar.figure == figure)
    }

    /// Makes sure that every bar is about something that was measured.
    pub fn cover(&self, figures: &Figures) -> Result<()> {
        for bar in &self.bars {
            figures.get(&bar.figure).with_context(|| {
                format!(
                    "tests/load/thresholds.yaml has a bar for {:?}, which is no figure",
                    bar.figure
                )
            })?;
        }
        Ok(())
    }
}

fn read() -> Result<File> {
    serde_yaml_ng::from_str(FILE).context("tests/load/thresholds.yaml cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bar_has_a_reason_and_a_source_and_is_the_only_one_of_its_figure() {
        for thresholds in [
            Thresholds::of_lifecycle(),
            Thresholds::of_plugins(),
            Thresholds::of_busy(),
            Thresholds::of_shards(),
            Thresholds::of_soak(),
        ] {
            let Thresholds { bars, .. } = thresholds.unwrap();
            for bar in &bars {
                assert!(!bar.reason.is_empty() && !bar.source.is_empty(), "{bar:?}");
                let same = bars.iter().filter(|other| other.figure == bar.figure);
                assert_eq!(same.count(), 1, "{bar:?}");
            }
        }
    }

    #[test]
    fn a_limit_holds_at_its_own_value_unless_it_says_below() {
        assert!(Limit::AtLeast(0.7).holds(0.7) && !Limit::AtLeast(0.7).holds(0.69));
        assert!(Limit::AtMost(8.0).holds(8.0) && !Limit::AtMost(8.0).holds(8.01));
        assert!(Limit::Below(60.0).holds(59.9) && !Limit::Below(60.0).holds(60.0));
    }

    #[test]
    fn what_is_no_number_is_within_no_limit() {
        for limit in [Limit::AtLeast(0.0), Limit::AtMost(0.0), Limit::Below(0.0)] {
            assert!(!limit.holds(f64::NAN));
        }
    }

    #[test]
    fn a_bar_for_nothing_measured_is_told_by_name() {
        let bars = Thresholds::of_lifecycle().unwrap();
        let error = bars.cover(&Figures::default()).unwrap_err();
        assert!(error.to_string().contains(&bars.bars[0].figure), "{error}");
    }
}
