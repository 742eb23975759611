//! Text that plugins hand over, made fit for people's eyes.

/// What stands in the place of a character that is not shown.
const REPLACEMENT: char = '\u{FFFD}';

/// `text` on one line, cut after `limit` bytes: line breaks and tabs become spaces, and whatever
/// could steer a terminal or turn the direction of writing is replaced.
///
/// A text that was cut ends with `…`, which counts.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    const ELLIPSIS: char = '…';
    let mut line = String::with_capacity(text.len().min(limit));
    // Where to cut so that the ellipsis fits.
    let mut room_for_ellipsis = 0;
    for character in text.chars() {
        let shown = shown(character);
        if line.len() + shown.len_utf8() > limit {
            line.truncate(room_for_ellipsis);
            if limit >= ELLIPSIS.len_utf8() {
                line.push(ELLIPSIS);
            }
            return line;
        }
        line.push(shown);
        if line.len() + ELLIPSIS.len_utf8() <= limit {
            room_for_ellipsis = line.len();
        }
    }
    line
}

fn shown(character: char) -> char {
    match character {
        '\n' | '\r' | '\t' => ' ',
        // Line and paragraph separators, marks that turn the direction of writing, and characters
        // without width.
        '\u{2028}' | '\u{2029}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' => REPLACEMENT,
        '\u{2060}'..='\u{2069}' | '\u{061C}' | '\u{FEFF}' => REPLACEMENT,
        // Tags: copies of ASCII that are never shown.
        '\u{E0000}'..='\u{E007F}' => REPLACEMENT,
        character if character.is_control() => REPLACEMENT,
        character => character,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_replaced() {
        assert_eq!(
            one_line("a\u{1b}[31mred\u{7}\nb\u{202E}c\0", 100),
            "a\u{FFFD}[31mred\u{FFFD} b\u{FFFD}c\u{FFFD}"
        );
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        assert_eq!(one_line("abcdefgh", 8), "abcdefgh");
        assert_eq!(one_line("abcdefghi", 8), "abcde…");
        assert_eq!(one_line("abc", 2), "");
    }

    proptest! {
        #[test]
        fn a_line_is_one_line_within_its_limit(text in "\\PC*|(.|\\s)*", limit in 0_usize..64) {
            let line = one_line(&text, limit);
            prop_assert!(line.len() <= limit);
            prop_assert!(!line.chars().any(char::is_control));
        }

        #[test]
        fn plain_text_stays_as_it_is(text in "[a-zA-Z0-9 äöü.,]*") {
            prop_assert_eq!(one_line(&text, text.len()), text);
        }
    }
}
