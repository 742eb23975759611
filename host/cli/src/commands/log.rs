//! What plugins log, for people.

use arcane_plugins::{Level, LogLine};

use crate::terminal::{Paint, Style, harmless};

/// One line each, indented; empty if nothing was logged.
pub fn lines(paint: Paint, lines: &[LogLine]) -> String {
    lines
        .iter()
        .map(|line| {
            let style = match line.level {
                Level::Debug | Level::Info => Style::Dim,
                Level::Warn => Style::Yellow,
                Level::Error => Style::Red,
            };
            let level = paint.paint(style, format!("{:<5}", line.level.as_str()));
            format!("  log {level} {}\n", harmless(&line.message))
        })
        .collect()
}
