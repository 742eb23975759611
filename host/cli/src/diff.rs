//! Differences between objects, as a unified diff of their YAML.

use similar::{ChangeTag, TextDiff};

use crate::terminal::{Paint, Style};

/// Lines of what is the same, around each difference.
const CONTEXT: usize = 3;

/// A unified diff; empty if the texts are the same.
#[must_use]
pub fn unified(paint: Paint, before: (&str, &str), after: (&str, &str)) -> String {
    let ((old_name, old), (new_name, new)) = (before, after);
    let diff = TextDiff::from_lines(old, new);
    let mut text = String::new();
    let mut line = |style: Option<Style>, line: &str| {
        let line = line.strip_suffix('\n').unwrap_or(line);
        text.push_str(&style.map_or_else(|| line.to_owned(), |style| paint.paint(style, line)));
        text.push('\n');
    };
    for (index, hunk) in diff
        .unified_diff()
        .context_radius(CONTEXT)
        .iter_hunks()
        .enumerate()
    {
        if index == 0 {
            line(Some(Style::Bold), &format!("--- {old_name}"));
            line(Some(Style::Bold), &format!("+++ {new_name}"));
        }
        line(Some(Style::Cyan), &hunk.header().to_string());
        for change in hunk.iter_changes() {
            let (style, sign) = match change.tag() {
                ChangeTag::Equal => (None, ' '),
                ChangeTag::Delete => (Some(Style::Red), '-'),
                ChangeTag::Insert => (Some(Style::Green), '+'),
            };
            line(style, &format!("{sign}{}", change.value()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::terminal::Colours;

    use super::*;

    fn plain(old: &str, new: &str) -> String {
        let paint = Paint::stdout(Colours::Never);
        unified(paint, ("template", old), ("plugin", new))
    }

    #[test]
    fn what_is_the_same_has_no_diff() {
        assert_eq!(plain("a: 1\n", "a: 1\n"), "");
    }

    #[test]
    fn a_difference_stands_among_the_lines_around_it() {
        let old = "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\n";
        let new = "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 7\ng: 8\n";
        let expected =
            "--- template\n+++ plugin\n@@ -3,4 +3,5 @@\n c: 3\n d: 4\n e: 5\n-f: 6\n+f: 7\n+g: 8\n";
        assert_eq!(plain(old, new), expected);
    }

    #[test]
    fn removed_lines_are_red_and_added_ones_green() {
        let paint = Paint::stdout(Colours::Always);
        let text = unified(paint, ("a", "x: 1\n"), ("b", "x: 2\n"));
        assert!(
            text.contains("\x1b[31m-x: 1\x1b[0m\n\x1b[32m+x: 2\x1b[0m\n"),
            "{text:?}"
        );
    }
}
