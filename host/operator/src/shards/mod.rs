//! Streams split over replicas: which stream is whose, and which replica works on what.
//!
//! A stream belongs to one of S shards, by its namespace and name alone. Each shard has a Lease, and
//! whoever holds that runs all that one leader would run, for the streams of the shard. With S = 1,
//! the default, that is the leader.
//!
//! Replicas that were told of different numbers of shards would map streams differently. They never
//! work at the same time: a replica works only after it has taken a Lease *and then* seen, in
//! reads that no cache answers, that no Lease of another layout is alive. Of two that do so at once,
//! at least one sees the other. A Lease of another layout that stands still is given twice its
//! duration: a renewal that was sent within its holder's tenure, and arrives late, does not
//! lengthen that tenure beyond.

mod crew;
mod layout;
mod rendezvous;
mod roster;
mod turn;

pub use crew::{Service, run};
pub use layout::{Layout, MAXIMUM, Shard};

/// Label of a shard's Lease: how many shards there are. The only shard's has none.
pub const LABEL_SHARDS: &str = "arcane.sneaksanddata.com/shards";
/// Annotation of a Lease: a replica that asks its holder to give it back.
pub const ANNOTATION_ASKED_BY: &str = "arcane.sneaksanddata.com/asked-by";
