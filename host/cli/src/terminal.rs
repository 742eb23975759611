//! Colours and tables.

use std::fmt::Display;
use std::io::IsTerminal;

use clap::ValueEnum;

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colours {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A colour or weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Headings.
    Bold,
    /// What is less important.
    Dim,
    /// What is as it should be, and lines that were added.
    Green,
    /// What is worth a look.
    Yellow,
    /// What went wrong, and lines that were removed.
    Red,
    /// Where a part of a diff stands.
    Cyan,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Green => "32",
            Style::Yellow => "33",
            Style::Red => "31",
            Style::Cyan => "36",
        }
    }
}

/// Colours text, or leaves it plain.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    colours: bool,
}

impl Paint {
    /// For standard output.
    #[must_use]
    pub fn stdout(colours: Colours) -> Self {
        Self::on(colours, std::io::stdout().is_terminal())
    }

    /// For standard error.
    #[must_use]
    pub fn stderr(colours: Colours) -> Self {
        Self::on(colours, std::io::stderr().is_terminal())
    }

    fn on(colours: Colours, terminal: bool) -> Self {
        let refused = || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colours: match colours {
                Colours::Always => true,
                Colours::Never => false,
                Colours::Auto => terminal && !refused(),
            },
        }
    }

    /// The text in a style.
    #[must_use]
    pub fn paint(self, style: Style, text: impl Display) -> String {
        if self.colours {
            format!("\x1b[{}m{text}\x1b[0m", style.code())
        } else {
            text.to_string()
        }
    }
}

/// Rows as text, indented by two spaces, each column as wide as its widest cell; the first row is
/// the head. Cells that begin with a digit stand to the right, from the second column on.
#[must_use]
pub fn table(paint: Paint, rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            line.push_str("  ");
            line.push_str(
                &if column > 0 && cell.starts_with(|c: char| c.is_ascii_digit()) {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                },
            );
        }
        let line = line.trim_end();
        text.push_str(&if index == 0 {
            paint.paint(Style::Bold, line)
        } else {
            line.to_owned()
        });
        text.push('\n');
    }
    text
}

/// Text that someone else wrote, fit for a terminal: control characters other than line breaks
/// are replaced.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// The text with every line indented by `spaces`.
#[must_use]
pub fn indented(text: &str, spaces: usize) -> String {
    let margin = " ".repeat(spaces);
    text.lines()
        .map(|line| format!("{margin}{line}").trim_end().to_owned() + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Paint = Paint { colours: false };

    #[test]
    fn columns_line_up_and_figures_stand_to_the_right() {
        let rows = [
            vec!["hook", "median"],
            vec!["render", "7 µs"],
            vec!["job-failed", "120 µs"],
        ];
        let rows = rows.map(|row| row.into_iter().map(str::to_owned).collect());
        let expected = "  hook        median\n  render        7 µs\n  job-failed  120 µs\n";
        assert_eq!(table(PLAIN, &rows), expected);
    }

    #[test]
    fn a_message_cannot_move_the_cursor() {
        assert_eq!(harmless("a\x1b[2Jb\nc\rd"), "a\u{fffd}[2Jb\nc\u{fffd}d");
    }

    #[test]
    fn colours_come_only_where_they_are_wanted() {
        let always = Paint::stdout(Colours::Always);
        assert_eq!(always.paint(Style::Red, "no"), "\x1b[31mno\x1b[0m");
        let never = Paint::stdout(Colours::Never);
        assert_eq!(never.paint(Style::Red, "no"), "no");
    }
}
