//! Other bytes from bytes.

use fastrand::Rng;

/// Numbers at which something tends to overflow.
const EDGES: [u8; 8] = [0, 1, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff];

/// One of several; none of none.
pub fn choose<'a, T>(rng: &mut Rng, from: &'a [T]) -> Option<&'a T> {
    from.get(rng.usize(..from.len().max(1)))
}

/// Up to so many bytes, at random.
pub fn bytes(rng: &mut Rng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; rng.usize(..=most)];
    rng.fill(&mut bytes);
    bytes
}

/// Changes `bytes` in one to eight places, mostly few. `other` is what parts may be taken from.
pub fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..rng.usize(1..=8).min(rng.usize(1..=8)) {
        once(rng, bytes, other);
    }
}

fn once(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = rng.usize(..=bytes.len());
    let end = (at + rng.usize(..=32)).min(bytes.len());
    match rng.u8(..8) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.u8(..8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = EDGES[rng.usize(..EDGES.len())];
            }
        }
        3 => bytes.insert(at, rng.u8(..)),
        4 => drop(bytes.drain(at..end)),
        5 => {
            let part = bytes[at..end].to_vec();
            let to = rng.usize(..=bytes.len());
            bytes.splice(to..to, part);
        }
        6 => {
            let from = rng.usize(..=other.len());
            let part = &other[from..(from + rng.usize(..=64)).min(other.len())];
            bytes.splice(at..end, part.iter().copied());
        }
        _ if rng.u8(..4) == 0 => bytes.truncate(at),
        // The largest number of 32 bits in LEB128, in place of a byte.
        _ => drop(bytes.splice(
            at..(at + 1).min(bytes.len()),
            [0xff, 0xff, 0xff, 0xff, 0x0f],
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_bytes_they_can_be_changed() {
        let mut rng = Rng::with_seed(1);
        let mut changed = 0;
        for round in 0..2_000 {
            let before = bytes(&mut rng, round % 70);
            let other = bytes(&mut rng, 50);
            let mut after = before.clone();
            mutate(&mut rng, &mut after, &other);
            changed += usize::from(before != after);
            assert!(after.len() < before.len() + 8 * 65);
        }
        assert!(changed > 1_800, "{changed}");
    }

    #[test]
    fn of_nothing_nothing_is_chosen() {
        assert_eq!(choose::<u8>(&mut Rng::with_seed(1), &[]), None);
    }
}
