//! From what ConfigMaps hold to the bytes of a component.

use std::fmt;
use std::io::{self, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::digest;
use crate::error::Bytes;

/// First bytes of what gzip has compressed.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// First bytes of what zstd has compressed.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The largest window of zstd's that is taken, as a power of two: 32 MiB, which is allocated for
/// decompressing. Up to level 19 zstd uses no more than 8 MiB.
const ZSTD_WINDOW: u32 = 25;

/// What one key of a ConfigMap holds.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// A value of `binaryData`, decoded.
    Binary(&'a [u8]),
    /// A value of `data`: Base64, in which white space does not matter.
    Text(&'a str),
}

/// Why there is no component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceError {
    /// There is nothing there.
    Empty,
    /// A text is not Base64.
    NotBase64 {
        /// Which part, counted from 0.
        part: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// It is larger than the host takes.
    TooLarge {
        /// The most that the host takes, in bytes.
        maximum: usize,
    },
    /// It looks compressed, but cannot be decompressed.
    Corrupt {
        /// `gzip` or `zstd`.
        format: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The pin is not a SHA-256 digest.
    InvalidPin {
        /// What it is.
        pin: String,
    },
    /// It is not the component that was pinned.
    DigestMismatch {
        /// The component's digest.
        found: String,
        /// The digest that was asked for.
        pinned: String,
    },
}

impl SourceError {
    /// A name for conditions, in PascalCase.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Empty => "ComponentEmpty",
            Self::NotBase64 { .. } => "ComponentNotBase64",
            Self::TooLarge { .. } => "ComponentTooLarge",
            Self::Corrupt { .. } => "ComponentCorrupt",
            Self::InvalidPin { .. } => "InvalidDigest",
            Self::DigestMismatch { .. } => "DigestMismatch",
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str(
                "the component is empty; put the .wasm file into binaryData, or as Base64 into data",
            ),
            Self::NotBase64 { part, problem } => write!(
                f,
                "part {part} is not Base64: {problem}; binary values belong into binaryData"
            ),
            Self::TooLarge { maximum } => write!(
                f,
                "the component has more than {}, the most that this host takes, when decompressed",
                Bytes(*maximum)
            ),
            Self::Corrupt { format, problem } => write!(
                f,
                "the component looks compressed with {format}, but cannot be decompressed: \
                 {problem}; look for parts that are missing or in the wrong order"
            ),
            Self::InvalidPin { pin } => write!(
                f,
                "spec.plugin.sha256 is not a SHA-256 digest of 64 hex digits: {:?}",
                crate::text::one_line(pin, 100)
            ),
            Self::DigestMismatch { found, pinned } => write!(
                f,
                "the component has the digest {found}, but spec.plugin.sha256 asks for {pinned}; \
                 correct the digest if the new component is wanted"
            ),
        }
    }
}

impl std::error::Error for SourceError {}

/// Puts a component together from its parts, in this order, and decompresses it if it is compressed.
///
/// # Errors
/// There is nothing, it cannot be decoded, or it would have more than `maximum` bytes.
pub fn assemble(parts: &[Part<'_>], maximum: usize) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let length = match part {
            Part::Binary(data) => data.len(),
            // What Base64 decodes to, without the white space that it may have.
            Part::Text(text) => text.len() / 4 * 3,
        };
        if bytes.len().saturating_add(length) > maximum.saturating_mul(2) {
            return Err(SourceError::TooLarge { maximum });
        }
        match part {
            Part::Binary(data) => bytes.extend_from_slice(data),
            Part::Text(text) => bytes.extend(decode(index, text)?),
        }
    }
    let component = if bytes.starts_with(&GZIP) {
        decompress(
            "gzip",
            flate2::read::MultiGzDecoder::new(bytes.as_slice()),
            maximum,
        )?
    } else if bytes.starts_with(&ZSTD) {
        let corrupt = |error: io::Error| corrupt("zstd", &error);
        let mut decoder =
            zstd::stream::read::Decoder::with_buffer(bytes.as_slice()).map_err(corrupt)?;
        decoder.window_log_max(ZSTD_WINDOW).map_err(corrupt)?;
        decompress("zstd", decoder, maximum)?
    } else {
        bytes
    };
    match component.len() {
        0 => Err(SourceError::Empty),
        length if length > maximum => Err(SourceError::TooLarge { maximum }),
        _ => Ok(component),
    }
}

/// The SHA-256 digest of a component, in lower-case hex, which has to be `pin` where there is one.
///
/// # Errors
/// It is not, or `pin` is no digest.
pub fn verify(bytes: &[u8], pin: Option<&str>) -> Result<String, SourceError> {
    let found = digest::hex(&digest::of(bytes));
    let Some(pin) = pin else {
        return Ok(found);
    };
    let pinned = pin.trim().to_ascii_lowercase();
    if pinned.len() != found.len() || !pinned.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(SourceError::InvalidPin {
            pin: pin.to_owned(),
        });
    }
    if pinned != found {
        return Err(SourceError::DigestMismatch { found, pinned });
    }
    Ok(found)
}

fn decode(part: usize, text: &str) -> Result<Vec<u8>, SourceError> {
    let packed: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    STANDARD
        .decode(packed)
        .map_err(|error| SourceError::NotBase64 {
            part,
            problem: error.to_string(),
        })
}

fn decompress(
    format: &'static str,
    reader: impl Read,
    maximum: usize,
) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    // One byte more tells what fits from what does not.
    let limit = u64::try_from(maximum).unwrap_or(u64::MAX).saturating_add(1);
    reader
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| corrupt(format, &error))?;
    if bytes.len() > maximum {
        return Err(SourceError::TooLarge { maximum });
    }
    Ok(bytes)
}

fn corrupt(format: &'static str, error: &io::Error) -> SourceError {
    SourceError::Corrupt {
        format,
        problem: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 1 << 20;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 1).unwrap()
    }

    #[test]
    fn a_component_that_inflates_beyond_the_limit_is_refused() {
        let bomb = vec![0; 64 << 20];
        for packed in [gzip(&bomb), zstd(&bomb)] {
            assert!(packed.len() < LIMIT);
            assert_eq!(
                assemble(&[Part::Binary(&packed)], LIMIT),
                Err(SourceError::TooLarge { maximum: LIMIT })
            );
        }
        let exact = vec![0; LIMIT];
        assert_eq!(
            assemble(&[Part::Binary(&gzip(&exact))], LIMIT),
            Ok(exact.clone())
        );
        assert!(assemble(&[Part::Binary(&exact)], LIMIT - 1).is_err());
    }

    #[test]
    fn what_was_cut_short_is_corrupt() {
        for (format, packed) in [("gzip", gzip(&[7; 999])), ("zstd", zstd(&[7; 999]))] {
            let cut = &packed[..packed.len() - 5];
            let error = assemble(&[Part::Binary(cut)], LIMIT).unwrap_err();
            assert_eq!(error.reason(), "ComponentCorrupt", "{format}");
            assert!(error.to_string().contains(format), "{error}");
        }
    }

    #[test]
    fn nothing_at_all_is_told_apart() {
        for parts in [&[][..], &[Part::Text(" \n")], &[Part::Binary(&[])]] {
            assert_eq!(assemble(parts, LIMIT), Err(SourceError::Empty));
        }
        assert_eq!(
            assemble(&[Part::Binary(&gzip(&[]))], LIMIT),
            Err(SourceError::Empty)
        );
    }

    #[test]
    fn text_that_is_not_base64_is_named_by_its_part() {
        let error = assemble(&[Part::Text("AAAA"), Part::Text("(module)")], LIMIT).unwrap_err();
        assert!(error.to_string().contains("part 1"), "{error}");
        assert!(error.to_string().contains("binaryData"), "{error}");
    }

    #[test]
    fn a_pin_has_to_be_met() {
        let digest = verify(b"component", None).unwrap();
        assert_eq!(verify(b"component", Some(&digest)), Ok(digest.clone()));
        let upper = format!(" {}\n", digest.to_uppercase());
        assert_eq!(verify(b"component", Some(&upper)), Ok(digest.clone()));
        let error = verify(b"another", Some(&digest)).unwrap_err();
        assert_eq!(error.reason(), "DigestMismatch");
        assert!(error.to_string().contains(&digest), "{error}");
        assert_eq!(
            verify(b"component", Some("abc")).unwrap_err().reason(),
            "InvalidDigest"
        );
    }

    proptest! {
        #[test]
        fn however_a_component_is_packed_and_split_it_comes_back_whole(
            bytes in prop::collection::vec(any::<u8>(), 1..2_000)
                .prop_filter("not packed itself", |bytes| {
                    !bytes.starts_with(&GZIP) && !bytes.starts_with(&ZSTD)
                }),
            packing in 0_u8..3,
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
            as_text in any::<bool>(),
        ) {
            let packed = match packing {
                0 => bytes.clone(),
                1 => gzip(&bytes),
                _ => zstd(&bytes),
            };
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(packed.len())).collect();
            ends.extend([0, packed.len()]);
            ends.sort_unstable();
            let pieces: Vec<&[u8]> = ends.windows(2).map(|ends| &packed[ends[0]..ends[1]]).collect();
            let texts: Vec<String> = pieces
                .iter()
                .map(|piece| format!("\n  {}\n", STANDARD.encode(piece)))
                .collect();
            let parts: Vec<Part<'_>> = if as_text {
                texts.iter().map(|text| Part::Text(text)).collect()
            } else {
                pieces.iter().map(|piece| Part::Binary(piece)).collect()
            };
            prop_assert_eq!(assemble(&parts, LIMIT), Ok(bytes));
        }

        #[test]
        fn no_bytes_make_it_panic_or_exceed_the_limit(
            magic in prop_oneof![Just(vec![]), Just(GZIP.to_vec()), Just(ZSTD.to_vec())],
            rest in prop::collection::vec(any::<u8>(), 0..500),
        ) {
            let bytes = [magic, rest].concat();
            if let Ok(component) = assemble(&[Part::Binary(&bytes)], 1_000) {
                prop_assert!(component.len() <= 1_000);
            }
        }
    }
}
