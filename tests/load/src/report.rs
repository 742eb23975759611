//! What is told at the end: one table for people, or one JSON document for programs.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use xtask::terminal::{Paint, Style, Table};

use crate::figures::{Figure, Figures};
use crate::machine::cores;
use crate::thresholds::{Bar, Thresholds};

/// Share of the machine's processors from which on others disturb a measurement.
const DISTURBED: f64 = 0.1;

/// What a report is about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Name of the benchmark.
    pub benchmark: &'static str,
    /// What it was made with so many of, such as `streams`.
    pub of: &'static str,
    /// How many.
    pub size: u32,
    /// What to know in order to read the table: lines of their own.
    pub notes: String,
}

/// A figure and its bar, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What it is.
    pub label: String,
    /// How much.
    pub value: String,
    /// How much it may be, or has to be.
    pub bar: String,
    /// How much of the bar that is: 1 is as much.
    pub share: f64,
    /// Whether that is as it should be.
    pub met: bool,
}

/// Figures and the bars that they are held against.
pub struct Report {
    subject: Subject,
    figures: Figures,
    thresholds: Thresholds,
}

impl Report {
    /// # Errors
    /// When there is a bar for something that was not measured.
    pub fn new(subject: Subject, figures: Figures, thresholds: Thresholds) -> Result<Self> {
        thresholds.cover(&figures)?;
        Ok(Self {
            subject,
            figures,
            thresholds,
        })
    }

    /// How many bars are missed.
    pub fn missed(&self) -> usize {
        let judged = self.figures.iter().filter_map(|figure| self.judge(figure));
        judged.filter(|(_, met)| !met).count()
    }

    fn judge(&self, figure: &Figure) -> Option<(&Bar, bool)> {
        let bar = self.thresholds.of(&figure.name)?;
        Some((bar, bar.limit.holds(figure.value())))
    }

    /// Which benchmark, and of how much.
    pub fn title(&self) -> String {
        let Subject {
            benchmark,
            of,
            size,
            ..
        } = &self.subject;
        format!("{benchmark}, {size} {of}")
    }

    /// The figures that have bars.
    pub fn judged(&self) -> impl Iterator<Item = Judged> {
        self.figures.iter().filter_map(|figure| {
            let (bar, met) = self.judge(figure)?;
            Some(Judged {
                label: figure.label.trim().to_owned(),
                value: figure.unit.show(figure.value()),
                bar: bar.limit.show(figure),
                share: bar.limit.share(figure.value()),
                met,
            })
        })
    }

    /// The table, the reasons of bars that are missed, and what to know in order to read it.
    pub fn text(&self, paint: Paint) -> String {
        let mut table = Table::new(&["figure", "value", "bar", "verdict"]);
        let mut reasons = String::new();
        for figure in self.figures.iter() {
            let value = figure.unit.show(figure.value());
            let plain = |text: String| (text, None);
            let (bar, verdict) = match self.judge(figure) {
                None => (String::new(), plain(String::new())),
                Some((bar, true)) => (
                    bar.limit.show(figure),
                    ("met".to_owned(), Some(Style::Green)),
                ),
                Some((bar, false)) => {
                    reasons += &format!("  {}: {}\n", figure.label, bar.reason.trim());
                    (
                        bar.limit.show(figure),
                        ("missed".to_owned(), Some(Style::Red)),
                    )
                }
            };
            table.styled([
                plain(figure.label.clone()),
                plain(value),
                plain(bar),
                verdict,
            ]);
        }
        let mut text = format!("\n{}", table.render(paint));
        if !reasons.is_empty() {
            text += &format!(
                "\n{}\n{reasons}",
                paint.paint(Style::Bold, "Why these bars are:")
            );
        }
        text + "\n" + &self.notes()
    }

    fn notes(&self) -> String {
        let mut notes = self.subject.notes.clone();
        if let Some(others) = self.figures.get("others")
            && others.value() > DISTURBED
        {
            notes += &format!(
                "  Other programs took {} of the machine meanwhile: look at the figures with care.\n",
                others.unit.show(others.value()),
            );
        }
        let Subject { of, size, .. } = &self.subject;
        if *size != self.thresholds.size {
            notes += &format!("  The bars were set for {} {of}.\n", self.thresholds.size);
        }
        notes
    }

    /// Writes everything to a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_json(&self, file: &Path) -> Result<()> {
        let write = || -> Result<()> {
            let mut writer = BufWriter::new(File::create(file)?);
            serde_json::to_writer_pretty(&mut writer, &self.json())?;
            writer.write_all(b"\n")?;
            Ok(writer.flush()?)
        };
        write().with_context(|| format!("failed to write {}", file.display()))
    }

    fn json(&self) -> Value {
        let figures = self.figures.iter().map(|figure| {
            let judged = self.judge(figure);
            json!({
                "name": figure.name,
                "label": figure.label.trim(),
                "unit": figure.unit,
                "value": figure.value(),
                "across": figure.across,
                "runs": figure.runs,
                "bar": judged.map(|(bar, _)| bar),
                "met": judged.map(|(_, met)| met),
            })
        });
        let Subject {
            benchmark,
            of,
            size,
            ..
        } = self.subject;
        json!({
            "benchmark": benchmark,
            of: size,
            "cores": cores(),
            "figures": figures.collect::<Vec<_>>(),
            "missed": self.missed(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Across, Unit};

    fn report(ratio: f64) -> Report {
        let mut figures = Figures::default();
        let thresholds = Thresholds::of_lifecycle().unwrap();
        for bar in &thresholds.bars {
            let (unit, value) = match bar.figure.as_str() {
                "ratio" => (Unit::Share, ratio),
                _ => (Unit::Count, 0.0),
            };
            figures.add(&bar.figure, &bar.figure, unit, Across::Median, value);
        }
        let subject = Subject {
            benchmark: "lifecycle",
            of: "streams",
            size: 100,
            notes: String::new(),
        };
        Report::new(subject, figures, thresholds).unwrap()
    }

    #[test]
    fn a_missed_bar_is_shown_counted_and_explained() {
        let report = report(0.5);
        assert_eq!(report.missed(), 1);
        let text = report.text(Paint::plain());
        let row = text.lines().find(|line| line.contains("ratio")).unwrap();
        let cells: Vec<_> = row.split_whitespace().collect();
        assert_eq!(cells, ["ratio", "50.0", "%", "≥", "90.0", "%", "missed"]);
        assert!(text.contains("the price of an operator"), "{text}");
    }

    #[test]
    fn a_figure_is_drawn_as_long_as_its_share_of_the_bar() {
        let drawing = crate::drawing::draw(&[report(0.45)]);
        assert!(drawing.contains("lifecycle, 100 streams"), "{drawing}");
        let row = drawing.split("ratio</text>").nth(1).unwrap();
        let row = row.split("</text>").next().unwrap();
        assert!(row.contains("class=\"missed\""), "{row}");
        assert!(row.contains("width=\"100.0\""), "{row}");
        assert!(row.ends_with(">45.0 %"), "{row}");
    }

    #[test]
    fn nothing_is_explained_when_all_bars_are_met() {
        let report = report(0.9);
        assert_eq!(report.missed(), 0);
        assert!(!report.text(Paint::plain()).contains("Why these bars"));
    }

    #[test]
    fn the_json_has_every_figure_with_its_bar_and_verdict() {
        let json = report(0.5).json();
        let ratio = &json["figures"][0];
        assert_eq!(ratio["name"], "ratio");
        assert_eq!(ratio["unit"], "share");
        assert_eq!(ratio["runs"], json!([0.5]));
        assert_eq!(ratio["bar"]["limit"], json!({"at_least": 0.9}));
        assert_eq!(ratio["met"], false);
        assert_eq!(json["missed"], 1);
        assert_eq!(json["streams"], 100);
    }

    #[test]
    fn a_disturbed_measurement_is_told_as_such() {
        let with = |others| {
            let mut report = report(0.9);
            report
                .figures
                .add("others", "", Unit::Share, Across::Median, others);
            report.notes().contains("Other programs")
        };
        assert!(with(0.25));
        assert!(!with(0.02));
    }

    #[test]
    fn a_number_of_streams_that_the_bars_were_not_set_for_is_told() {
        assert!(report(0.9).notes().contains("set for 2000 streams"));
    }
}
