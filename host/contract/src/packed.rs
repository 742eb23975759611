//! Texts that are kept by the thousand.

use std::{fmt, sync::Arc};

use lz4_flex::block::{compress_prepend_size, decompress_size_prepended};

/// A text, compressed: it is kept for as long as the stream is there, and read a few times. Cheap to
/// clone.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Packed(Arc<[u8]>);

impl Packed {
    pub(crate) fn new(text: &str) -> Self {
        Self(compress_prepend_size(text.as_bytes()).into())
    }

    #[expect(clippy::expect_used, reason = "only `new` makes one, from a text")]
    pub(crate) fn text(&self) -> String {
        let bytes = decompress_size_prepended(&self.0);
        bytes
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .expect("a text, compressed")
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_comes_back(text in ".*", times in 0_usize..200) {
            let text = text.repeat(times);
            prop_assert_eq!(Packed::new(&text).text(), text);
        }

        #[test]
        fn the_same_texts_are_equal_and_others_are_not(one in "[ab]{0,6}", other in "[ab]{0,6}") {
            prop_assert_eq!(Packed::new(&one) == Packed::new(&other), one == other);
        }
    }

    #[test]
    fn a_spec_takes_less_than_half() {
        let columns: Vec<_> = (0..70)
            .map(|i| format!(r#"{{"name":"column_{i}","type":"int"}}"#))
            .collect();
        let text = columns.join(",");
        assert!(Packed::new(&text).0.len() * 2 < text.len());
    }
}
