//! Colours, times and tables for people.

use std::fmt::Display;
use std::io::IsTerminal;
use std::time::Duration;

/// A colour or weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// For headings.
    Bold,
    /// For what is less important.
    Dim,
    /// For what is as it should be.
    Green,
    /// For what is under way.
    Yellow,
    /// For what went wrong.
    Red,
    /// For what a person does.
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
    /// For standard output: colours on a terminal, unless `NO_COLOR` is set.
    #[must_use]
    pub fn stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colours: std::io::stdout().is_terminal() && !refused,
        }
    }

    /// Never any colour.
    #[must_use]
    pub fn plain() -> Self {
        Self { colours: false }
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

/// A table whose columns are as wide as their widest cell.
#[derive(Debug, Clone, Default)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<(String, Option<Style>)>>,
}

impl Table {
    /// A table with these column heads.
    #[must_use]
    pub fn new(head: &[&str]) -> Self {
        Self {
            head: head.iter().map(|&cell| cell.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Display>) {
        self.styled(cells.into_iter().map(|cell| (cell.to_string(), None)));
    }

    /// Adds a row of which some cells have a style.
    pub fn styled(&mut self, cells: impl IntoIterator<Item = (String, Option<Style>)>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as text, indented by two spaces: the first column to the left, columns of numbers
    /// to the right.
    #[must_use]
    pub fn render(&self, paint: Paint) -> String {
        let columns: Vec<_> = (0..self.head.len())
            .map(|column| self.column(column))
            .collect();
        let mut text = String::new();
        let head = self.head.iter().map(|cell| (cell, Some(Style::Bold)));
        write_row(&mut text, paint, &columns, head);
        for row in &self.rows {
            let cells = row.iter().map(|(cell, style)| (cell, *style));
            write_row(&mut text, paint, &columns, cells);
        }
        text
    }

    fn column(&self, column: usize) -> Column {
        let cells = || {
            self.rows
                .iter()
                .filter_map(move |row| row.get(column))
                .map(|(cell, _)| cell)
        };
        let is_number = |cell: &String| cell.starts_with(|c: char| c.is_ascii_digit());
        let width = cells().chain([&self.head[column]]).map(|cell| width(cell));
        Column {
            width: width.max().unwrap_or_default(),
            to_the_right: column > 0
                && cells().any(is_number)
                && cells().all(|cell| is_number(cell) || ["", "-"].contains(&cell.as_str())),
        }
    }
}

struct Column {
    width: usize,
    to_the_right: bool,
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn write_row<'a>(
    text: &mut String,
    paint: Paint,
    columns: &[Column],
    cells: impl Iterator<Item = (&'a String, Option<Style>)>,
) {
    let mut line = String::new();
    for (column, (cell, style)) in columns.iter().zip(cells) {
        let padding = " ".repeat(column.width - width(cell));
        let cell = style.map_or_else(|| cell.clone(), |style| paint.paint(style, cell));
        line.push_str("  ");
        line.push_str(&if column.to_the_right {
            padding + &cell
        } else {
            cell + &padding
        });
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// A time as a person says it: `0.4s`, `12s`, `3m07s`.
#[must_use]
pub fn time(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1}s", time.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds}s"),
        seconds => format!("{}m{:02}s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_stand_to_the_right() {
        let mut table = Table::new(&["stream", "writes", "phase"]);
        table.row(["orders", "7", "Running"]);
        table.row(["a-long-name", "12", "-"]);
        let expected = "  stream       writes  phase\n  \
                        orders            7  Running\n  \
                        a-long-name      12  -\n";
        assert_eq!(table.render(Paint::plain()), expected);
    }

    #[test]
    fn colours_do_not_shift_columns() {
        let mut table = Table::new(&["step", "result"]);
        table.styled([
            ("a".to_owned(), Some(Style::Green)),
            ("fine".to_owned(), None),
        ]);
        let text = table.render(Paint { colours: true });
        assert!(text.contains("\x1b[32ma\x1b[0m     fine"), "{text:?}");
    }

    #[test]
    fn a_time_has_no_more_digits_than_it_is_worth() {
        assert_eq!(time(Duration::from_millis(449)), "0.4s");
        assert_eq!(time(Duration::from_millis(12_900)), "12s");
        assert_eq!(time(Duration::from_secs(187)), "3m07s");
    }
}
