//! What a replica leads.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::shards::{Layout, Shard};

const NAME: &str = "leader";

/// 1 while this replica is the leader: by shard, where there are several.
#[derive(Clone)]
pub enum LeaderMetrics {
    /// Of everything.
    Sole(Gauge),
    /// Of some shards.
    OfShards(Family<ShardLabels, Gauge>),
}

/// Label of one shard.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ShardLabels {
    /// Its number.
    pub shard: u16,
}

impl LeaderMetrics {
    /// It leads nothing yet.
    pub fn new(layout: Layout) -> Self {
        if layout.is_sole() {
            return LeaderMetrics::Sole(Gauge::default());
        }
        let leader = LeaderMetrics::OfShards(Family::default());
        for index in 0..layout.shards() {
            leader.set(layout.shard(index), false);
        }
        leader
    }

    /// Shows the metric.
    pub fn register(&self, registry: &mut Registry) {
        match self {
            LeaderMetrics::Sole(gauge) => {
                registry.register(NAME, "1 while this replica is the leader", gauge.clone());
            }
            LeaderMetrics::OfShards(family) => registry.register(
                NAME,
                "1 while this replica is the leader of the shard",
                family.clone(),
            ),
        }
    }

    /// This replica leads a shard, or no longer does.
    pub fn set(&self, shard: Shard, leads: bool) {
        match self {
            LeaderMetrics::Sole(gauge) => {
                gauge.set(leads.into());
            }
            LeaderMetrics::OfShards(family) => {
                let shard = shard.index();
                let gauge = family.get_or_create(&ShardLabels { shard });
                gauge.set(leads.into());
            }
        }
    }
}
