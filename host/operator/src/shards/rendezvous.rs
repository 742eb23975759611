//! Rendezvous hashing: each shard has a score for each stream, and the highest one has it. With one
//! shard more, only what that one wins moves.

use sha2::{Digest, Sha256};

/// Which of `shards` shards a stream belongs to. The answer is part of what replicas agree on: it
/// never changes for the same stream and number.
pub fn shard_of(namespace: &str, name: &str, shards: u16) -> u16 {
    if shards <= 1 {
        return 0;
    }
    let stream = digest(namespace, name);
    // Of two equal scores the later shard's counts, so that an earlier one never takes back.
    (0..shards)
        .max_by_key(|shard| score(stream, *shard))
        .unwrap_or(0)
}

/// A namespace has no slash, so no two streams have one text.
fn digest(namespace: &str, name: &str) -> u64 {
    let mut hash = Sha256::new();
    hash.update(namespace);
    hash.update("/");
    hash.update(name);
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = hash.finalize().into();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The output function of `SplitMix64`, which turns neighbours into strangers: cheaper by far than
/// one digest for each shard.
fn score(stream: u64, shard: u16) -> u64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut z = stream.wrapping_add(GOLDEN.wrapping_mul(u64::from(shard) + 1));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As many streams in each shard, for names as people give them.
    fn spread(streams: u32, shards: u16) -> Vec<u32> {
        let mut counts = vec![0; usize::from(shards)];
        for number in 0..streams {
            let namespace = format!("team-{}", number % 7);
            let shard = shard_of(&namespace, &format!("orders-{number}"), shards);
            counts[usize::from(shard)] += 1;
        }
        counts
    }

    #[test]
    fn every_shard_has_its_part_of_the_streams() {
        for shards in 1..=16 {
            let counts = spread(20_000, shards);
            let mean = 20_000 / u32::from(shards);
            for count in &counts {
                // Five standard deviations of the smallest part are 14 % of it.
                assert!(count.abs_diff(mean) * 100 <= mean * 14, "{counts:?}");
            }
        }
    }

    #[test]
    fn with_one_shard_more_only_its_part_moves() {
        for shards in 1..16_u16 {
            let moved = (0..20_000_u32)
                .filter(|number| {
                    let name = format!("orders-{number}");
                    shard_of("ns", &name, shards) != shard_of("ns", &name, shards + 1)
                })
                .count();
            let part = 20_000 / (usize::from(shards) + 1);
            assert!(moved.abs_diff(part) * 100 <= part * 14, "{shards}: {moved}");
        }
    }

    #[test]
    fn the_shard_of_a_stream_is_the_same_in_every_version() {
        // Computed by another program.
        for (name, expected) in [
            ("orders", [0, 2, 2, 5]),
            ("customers", [1, 1, 1, 1]),
            ("payments", [1, 1, 1, 11]),
        ] {
            let found = [2, 3, 5, 16].map(|shards| shard_of("default", name, shards));
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!(shard_of("other", "orders", 16), 8);
    }

    proptest! {
        #[test]
        fn whatever_moves_moves_to_the_new_shard(
            namespace in "[a-z0-9-]{1,63}", name in "[a-z0-9.-]{1,253}", shards in 1..64_u16,
        ) {
            let (before, after) = (shard_of(&namespace, &name, shards), shard_of(&namespace, &name, shards + 1));
            prop_assert!(before < shards);
            prop_assert!(after == before || after == shards);
        }
    }
}
