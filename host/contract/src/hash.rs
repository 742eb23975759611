//! Digests: the configuration hash that every operator of the platform agrees on, and our own.

use std::fmt::Write as _;

use md5::{Digest, Md5};
use sha2::Sha256;

/// The configuration hash of a stream that runs without a request: lower-case hex MD5 of the
/// spec's canonical text.
///
/// MD5 is what the platform uses; the hash tells change from no change and protects nothing.
#[must_use]
pub fn of_spec(canonical_spec: &str) -> String {
    hex(&Md5::digest(canonical_spec))
}

/// The configuration hash of a backfill: the digests of the spec and of the request's spec, each
/// hex-encoded once more, joined by a colon.
///
/// `canonical_request` is what [`crate::render::request_json`] returns.
#[must_use]
pub fn of_backfill(canonical_spec: &str, canonical_request: &str) -> String {
    let spec = hex(of_spec(canonical_spec).as_bytes());
    let request = hex(of_spec(canonical_request).as_bytes());
    format!("{spec}:{request}")
}

/// Lower-case hex SHA-256.
pub(crate) fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
