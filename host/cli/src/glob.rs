//! Texts in which `*` stands for anything.

/// Whether the whole of `text` matches `pattern`, in which `*` stands for any run of characters.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(start) else {
        return false;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The leftmost place for each piece leaves the most for those that follow.
    for piece in middle.split('*') {
        match text.find(piece) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*window*", "outside the window until 22:00"),
            ("until *:00", "until 22:00"),
            ("a*b*c", "a-b-b-c"),
            ("**", "x"),
            ("a*a", "aa"),
        ] {
            assert!(matches(pattern, text), "{pattern:?} {text:?}");
        }
        for (pattern, text) in [
            ("", "x"),
            ("window", "a window"),
            ("*window", "window."),
            ("a*a", "a"),
            ("a*b*c", "a-c-b"),
            ("*x*y", "yx"),
        ] {
            assert!(!matches(pattern, text), "{pattern:?} {text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_text_with_parts_replaced_by_stars_matches(parts in prop::collection::vec("[ab*]{0,3}", 1..6)) {
            let pattern = parts.iter().enumerate().map(|(index, part)| if index % 2 == 0 { part } else { "*" });
            let pattern: String = pattern.collect();
            prop_assert!(matches(&pattern, &parts.concat()));
        }
    }
}
