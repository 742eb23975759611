//! SHA-256.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub(crate) type Digest256 = [u8; 32];

/// The digest of `bytes`.
pub(crate) fn of(bytes: &[u8]) -> Digest256 {
    Sha256::digest(bytes).into()
}

/// The digest of several fields, none of which can pass for a part of its neighbour.
pub(crate) fn of_fields<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Digest256 {
    let mut hash = Sha256::new();
    for field in fields {
        hash.update(field.len().to_le_bytes());
        hash.update(field);
    }
    hash.finalize().into()
}

/// In lower-case hex.
pub(crate) fn hex(digest: &Digest256) -> String {
    digest
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_into_each_other() {
        let joined = of_fields([b"ab".as_slice(), b"c"]);
        let split = of_fields([b"a".as_slice(), b"bc"]);
        assert_ne!(joined, split);
    }

    #[test]
    fn hex_is_what_sha256sum_prints() {
        assert_eq!(
            hex(&of(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
