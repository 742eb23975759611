//! Compressed bytes.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

/// `bytes`, compressed with gzip.
///
/// # Errors
/// They cannot be compressed.
pub fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// `bytes`, compressed with zstd.
///
/// # Errors
/// They cannot be compressed.
pub fn zstd(bytes: &[u8]) -> io::Result<Vec<u8>> {
    zstd::encode_all(bytes, 3)
}

/// A few bytes of gzip that become so many MiB of zeros.
///
/// # Errors
/// They cannot be compressed.
pub fn gzip_bomb(mebibytes: usize) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    fill(&mut encoder, mebibytes)?;
    encoder.finish()
}

/// A few bytes of zstd that become so many MiB of zeros.
///
/// # Errors
/// They cannot be compressed.
pub fn zstd_bomb(mebibytes: usize) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3)?;
    fill(&mut encoder, mebibytes)?;
    encoder.finish()
}

fn fill(to: &mut impl Write, mebibytes: usize) -> io::Result<()> {
    let zeros = vec![0; 1 << 20];
    (0..mebibytes).try_for_each(|_| to.write_all(&zeros))
}
