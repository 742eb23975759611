//! How many shards there are, and what one of them is.

use std::fmt;

use kube::{Resource, api::ObjectMeta};

use super::rendezvous::shard_of;

/// Shards at most. The chart grants the Leases of so many, whatever number is set, so that the
/// replicas of a former number keep their rights while they are replaced.
pub const MAXIMUM: u16 = 16;

/// A number of shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    shards: u16,
}

impl Layout {
    /// So many shards; one at least.
    pub fn of(shards: u16) -> Self {
        Layout {
            shards: shards.max(1),
        }
    }

    /// How many shards there are.
    pub fn shards(self) -> u16 {
        self.shards
    }

    /// One of them.
    pub fn shard(self, index: u16) -> Shard {
        Shard {
            index,
            layout: self,
        }
    }

    /// Whether there is only one, which has everything.
    pub fn is_sole(self) -> bool {
        self.shards == 1
    }
}

/// A part of the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u16,
    layout: Layout,
}

impl Shard {
    /// Its number, from 0.
    pub fn index(self) -> u16 {
        self.index
    }

    /// How many there are altogether.
    pub fn of(self) -> u16 {
        self.layout.shards
    }

    /// Whether it is the only one.
    pub fn is_sole(self) -> bool {
        self.layout.is_sole()
    }

    /// Whether the stream of this namespace and name is in it.
    pub fn owns(self, namespace: &str, name: &str) -> bool {
        self.is_sole() || shard_of(namespace, name, self.layout.shards) == self.index
    }

    /// Whether the stream with the namespace and name of this object is in it.
    pub fn owns_object<K: Resource>(self, object: &K) -> bool {
        let ObjectMeta {
            namespace, name, ..
        } = object.meta();
        self.owns(
            namespace.as_deref().unwrap_or_default(),
            name.as_deref().unwrap_or_default(),
        )
    }

    /// Whether what is nobody's stream, such as the status of a class, is for this shard to write.
    pub fn speaks_for_classes(self) -> bool {
        self.index == 0
    }

    /// What this shard may have of something of which all shards together may have `limit`. Each
    /// has one at least: it would get nowhere otherwise.
    pub fn share(self, limit: usize) -> usize {
        let (shards, index) = (usize::from(self.layout.shards), usize::from(self.index));
        (limit / shards + usize::from(index < limit % shards)).max(1)
    }

    /// Name of its Lease. The first shard of every layout has the same: that of a single leader.
    pub fn lease_name(self, base: &str) -> String {
        match self.index {
            0 => base.to_owned(),
            index => format!("{base}-{index}"),
        }
    }

    /// Value of the label of its Lease, if it bears one.
    pub fn label(self) -> Option<String> {
        (!self.is_sole()).then(|| self.layout.shards.to_string())
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.index, self.layout.shards)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stream_is_in_one_shard() {
        let layout = Layout::of(5);
        for number in 0..100 {
            let name = format!("stream-{number}");
            let owners = (0..5).filter(|index| layout.shard(*index).owns("ns", &name));
            assert_eq!(owners.count(), 1, "{name}");
        }
    }

    #[test]
    fn the_only_shard_has_every_stream() {
        assert!((0..100).all(|n| Layout::of(1).shard(0).owns("ns", &n.to_string())));
    }

    #[test]
    fn shares_add_up_to_the_limit_unless_it_is_less_than_one_each() {
        let shares = |limit, shards| -> Vec<usize> {
            let layout = Layout::of(shards);
            let all = 0..shards;
            all.map(|index| layout.shard(index).share(limit)).collect()
        };
        assert_eq!(shares(7, 1), [7]);
        assert_eq!(shares(7, 3), [3, 2, 2]);
        assert_eq!(shares(2, 3), [1, 1, 1]);
        assert_eq!(shares(usize::MAX, 2).iter().sum::<usize>(), usize::MAX);
    }

    #[test]
    fn the_first_lease_is_the_single_leaders_own() {
        assert_eq!(Layout::of(1).shard(0).lease_name("leader"), "leader");
        assert_eq!(Layout::of(3).shard(0).lease_name("leader"), "leader");
        assert_eq!(Layout::of(3).shard(2).lease_name("leader"), "leader-2");
    }
}
