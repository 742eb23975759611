//! Figures beside their bars, as a drawing.

use std::fmt::Write as _;

use crate::report::{Judged, Report};

/// Places and sizes, in pixels.
const WIDTH: u32 = 900;
const ROW: u32 = 22;
const TITLE: u32 = 34;
/// Where the track of a figure begins, and where its bar is.
const TRACK: f64 = 430.0;
const BAR: f64 = 200.0;
/// The longest that a figure is drawn, in bars.
const LONGEST: f64 = 1.4;

/// The colours are readable on white and on black.
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#57606a}\
    .title{font-weight:600}.number{text-anchor:end}\
    .track{fill:#8b949e;fill-opacity:.2}.met{fill:#2da44e}.missed{fill:#cf222e}\
    .bar{stroke:#57606a;stroke-width:2}\
    @media(prefers-color-scheme:dark){text{fill:#c9d1d9}.bar{stroke:#c9d1d9}}";

/// All figures that have bars. A figure is as long as its share of its bar, which is the line.
pub fn draw(reports: &[Report]) -> String {
    let mut body = String::new();
    let mut y = 0;
    for report in reports {
        y += TITLE;
        // Writing to a String cannot fail.
        let _ = write!(
            body,
            "<text class=\"title\" x=\"8\" y=\"{y}\">{}</text>",
            escaped(&report.title())
        );
        for judged in report.judged() {
            y += ROW;
            row(&mut body, y, &judged);
        }
    }
    let height = y + ROW;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-label=\"Figures of the benchmarks beside their bars\">\
         <style>{STYLE}</style>{body}</svg>\n"
    )
}

fn row(body: &mut String, y: u32, judged: &Judged) {
    let top = y - 11;
    let length = BAR * judged.share.clamp(0.0, LONGEST);
    let (track, bar, end) = (BAR * LONGEST, TRACK + BAR, TRACK + BAR * LONGEST);
    let class = if judged.met { "met" } else { "missed" };
    let _ = write!(
        body,
        "<text x=\"20\" y=\"{y}\">{label}</text>\
         <rect class=\"track\" x=\"{TRACK}\" y=\"{top}\" width=\"{track}\" height=\"14\"/>\
         <rect class=\"{class}\" x=\"{TRACK}\" y=\"{top}\" width=\"{length:.1}\" height=\"14\"/>\
         <line class=\"bar\" x1=\"{bar}\" x2=\"{bar}\" y1=\"{over}\" y2=\"{under}\"/>\
         <text class=\"number\" x=\"{number}\" y=\"{y}\">{value}</text>\
         <text class=\"number\" x=\"{limit}\" y=\"{y}\">{bar_text}</text>",
        label = escaped(&judged.label),
        over = top - 2,
        under = top + 16,
        number = end + 85.0,
        limit = end + 180.0,
        value = escaped(&judged.value),
        bar_text = escaped(&judged.bar),
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
