//! Strings between quotes, with what Go escapes.
//!
//! A Job has the stream's spec in its environment: text within text, with a quote every few bytes.
//! Copying from quote to quote takes several times what is done here, where neither a clean piece
//! nor one that is full of quotes has a branch for each byte.

/// Bytes that are looked at together.
const PIECE: usize = 32;
/// The most bytes that one becomes.
const LONGEST: usize = 6;
/// What a byte becomes, and in the last place how many bytes that is.
type Written = [u8; 8];

/// What each byte becomes. U+2028 and U+2029, which take three, are seen to before.
static WRITTEN: [Written; 256] = {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut written = [[0; 8]; 256];
    let mut byte: u8 = 0;
    loop {
        let (high, low) = (HEX[(byte >> 4) as usize], HEX[(byte & 0xf) as usize]);
        written[byte as usize] = match byte {
            b'"' | b'\\' => short(byte),
            0x08 => short(b'b'),
            0x09 => short(b't'),
            0x0a => short(b'n'),
            0x0c => short(b'f'),
            0x0d => short(b'r'),
            0..0x20 | b'<' | b'>' | b'&' => [b'\\', b'u', b'0', b'0', high, low, 0, 6],
            _ => [byte, 0, 0, 0, 0, 0, 0, 1],
        };
        if byte == u8::MAX {
            break written;
        }
        byte += 1;
    }
};

const fn short(letter: u8) -> Written {
    [b'\\', letter, 0, 0, 0, 0, 0, 2]
}

/// Appends `string` as a JSON string.
pub(crate) fn write_string(text: &mut Vec<u8>, string: &str) {
    text.reserve(string.len() + 2);
    text.push(b'"');
    let mut rest = string;
    // They end a line in JavaScript. Their first byte is rare enough to look for that first.
    if string.as_bytes().contains(&0xe2) {
        while let Some(at) = rest.find(['\u{2028}', '\u{2029}']) {
            let (before, from) = rest.split_at(at);
            let (separator, after) = from.split_at('\u{2028}'.len_utf8());
            write_bytes(text, before.as_bytes());
            text.extend_from_slice(match separator {
                "\u{2028}" => b"\\u2028",
                _ => b"\\u2029",
            });
            rest = after;
        }
    }
    write_bytes(text, rest.as_bytes());
    text.push(b'"');
}

fn write_bytes(text: &mut Vec<u8>, bytes: &[u8]) {
    let mut written = [0; LONGEST * PIECE + size_of::<Written>()];
    let (pieces, rest) = bytes.as_chunks::<PIECE>();
    for piece in pieces {
        if is_clean(piece) {
            text.extend_from_slice(piece);
        } else {
            let length = escape(&mut written, piece);
            text.extend_from_slice(&written[..length]);
        }
    }
    let length = escape(&mut written, rest);
    text.extend_from_slice(&written[..length]);
}

/// Whether each byte stands for itself.
fn is_clean(piece: &[u8; PIECE]) -> bool {
    // Without an early end, all are compared at once.
    piece.iter().fold(true, |clean, byte| {
        clean & (*byte >= 0x20) & !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&')
    })
}

/// Writes what at most [`PIECE`] bytes become, and returns how long it is.
fn escape(written: &mut [u8; LONGEST * PIECE + size_of::<Written>()], bytes: &[u8]) -> usize {
    let mut length = 0;
    for byte in bytes {
        let one = &WRITTEN[usize::from(*byte)];
        // All of it, whatever its length: the next one goes over what was too much.
        written[length..length + one.len()].copy_from_slice(one);
        length += usize::from(one[one.len() - 1]);
    }
    length
}
