//! Texts with `*` in them.

/// Whether `text` holds `pattern`, in which `*` stands for anything, nothing and line breaks too.
///
/// The pattern may be anywhere in the text: `lost*offset` is in `have lost the offset 3`.
pub fn is_in(pattern: &str, text: &str) -> bool {
    let mut rest = text;
    pattern.split('*').all(|piece| match rest.find(piece) {
        // The earliest place leaves the most for the pieces that follow.
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pattern_without_a_star_is_a_part_of_the_text() {
        assert!(is_in("offset", "the offset is lost"));
        assert!(!is_in("Offset", "the offset is lost"));
    }

    #[test]
    fn a_star_stands_for_anything_in_between() {
        assert!(is_in(
            "offset * out of range",
            "error: offset 17 out of range."
        ));
        assert!(is_in("a*b", "ab"));
        assert!(is_in("a*b", "a\nb"));
        assert!(!is_in("a*b", "ba"));
        assert!(!is_in("aba*ba", "aba"));
    }

    #[test]
    fn text_in_other_scripts_is_no_trouble() {
        assert!(is_in("ü*ß", "über die Straße"));
    }

    proptest! {
        #[test]
        fn pieces_of_a_text_in_their_order_are_in_it(
            pieces in prop::collection::vec("[ab]{0,3}", 1..5),
            between in prop::collection::vec("[abc]{0,3}", 6),
        ) {
            let text: String = between.iter().zip(pieces.iter().map(Some).chain([None; 6]))
                .map(|(noise, piece)| format!("{noise}{}", piece.map_or("", String::as_str)))
                .collect();
            prop_assert!(is_in(&pieces.join("*"), &text));
        }

        #[test]
        fn a_piece_that_the_text_does_not_have_makes_no_match(text in "[ab]{0,20}") {
            prop_assert!(!is_in("*c*", &text));
        }
    }
}
