//! Prometheus metrics, prefix `arcane_`.

mod leader;
mod plugins;

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        MetricType, counter::Counter, family::Family, gauge::ConstGauge, histogram::Histogram,
    },
    registry::Registry,
};

pub use leader::LeaderMetrics;
pub use plugins::{PluginCall, PluginMetrics};

use crate::shards::{Layout, Shard};

/// Upper bounds in seconds: a reconcile without writes takes well under a millisecond, one with
/// three writes some ten, and the deadline is a minute.
const LATENCY_BUCKETS: [f64; 12] = [
    0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 60.0,
];

/// All metrics that are counted as things happen.
#[derive(Clone)]
pub struct Metrics {
    /// Reconciles by class and result: `unchanged`, `changed`, `waiting`, `failed`.
    pub reconciles: Family<ReconcileLabels, Counter>,
    /// Duration of a reconcile in seconds, by class.
    pub reconcile_seconds: Family<ClassLabels, Histogram, fn() -> Histogram>,
    /// Writes to the API server by verb, resource and result.
    pub api_writes: Family<WriteLabels, Counter>,
    /// Backfills by class and outcome: `completed`, `failed`, `stopped`.
    pub backfills: Family<BackfillLabels, Counter>,
    /// What this replica leads.
    pub leader: LeaderMetrics,
    /// Calls of plugins.
    pub plugins: PluginMetrics,
    /// What is counted when somebody looks.
    pub classes: ClassGauges,
}

/// Label of one class.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClassLabels {
    /// Name of the StreamClass.
    pub class: String,
}

/// Labels of a reconcile.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReconcileLabels {
    /// Name of the StreamClass.
    pub class: String,
    /// What came of it.
    pub result: &'static str,
}

/// Labels of a write.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WriteLabels {
    /// `create`, `update`, `patch`, `delete`, or `check` for a dry run.
    pub verb: &'static str,
    /// Plural name, with the subresource.
    pub resource: String,
    /// `done`, `not_found`, `already_exists`, `conflict`, `refused` or `unavailable`.
    pub result: &'static str,
}

/// Labels of a backfill.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BackfillLabels {
    /// Name of the StreamClass.
    pub class: String,
    /// How it ended.
    pub outcome: &'static str,
}

impl Metrics {
    /// Metrics and the registry that shows them.
    pub fn new(cluster_name: &str, layout: Layout) -> (Self, Registry) {
        let labels =
            (!cluster_name.is_empty()).then(|| ("cluster".into(), cluster_name.to_owned().into()));
        let mut registry = Registry::with_prefix_and_labels("arcane", labels.into_iter());
        let metrics = Metrics {
            reconciles: Family::default(),
            reconcile_seconds: Family::new_with_constructor(|| Histogram::new(LATENCY_BUCKETS)),
            api_writes: Family::default(),
            backfills: Family::default(),
            leader: LeaderMetrics::new(layout),
            plugins: PluginMetrics::default(),
            classes: ClassGauges::new(layout),
        };
        registry.register(
            "reconciles",
            "Reconciles by class and result",
            metrics.reconciles.clone(),
        );
        registry.register(
            "reconcile_seconds",
            "Duration of a reconcile",
            metrics.reconcile_seconds.clone(),
        );
        registry.register(
            "api_writes",
            "Writes to the API server by verb, resource and result",
            metrics.api_writes.clone(),
        );
        registry.register(
            "backfills",
            "Backfills by class and outcome",
            metrics.backfills.clone(),
        );
        metrics.leader.register(&mut registry);
        metrics.plugins.register(&mut registry);
        registry.register_collector(Box::new(metrics.classes.clone()));
        (metrics, registry)
    }

    /// Counts one reconcile.
    pub fn reconciled(&self, class: &str, result: &'static str, took: Duration) {
        self.reconciles
            .get_or_create(&ReconcileLabels {
                class: class.to_owned(),
                result,
            })
            .inc();
        self.reconcile_seconds
            .get_or_create(&ClassLabels {
                class: class.to_owned(),
            })
            .observe(took.as_secs_f64());
    }

    /// Counts the end of one backfill.
    pub fn backfill(&self, class: &str, outcome: &'static str) {
        self.backfills
            .get_or_create(&BackfillLabels {
                class: class.to_owned(),
                outcome,
            })
            .inc();
    }
}

/// What one class looks like at the moment.
#[derive(Clone, Debug, Default)]
pub struct ClassSnapshot {
    /// Streams by phase; the new ones under "New".
    pub streams: HashMap<String, u64>,
    /// Streams that wait for their reconcile.
    pub queued: u64,
    /// The class is served.
    pub healthy: bool,
}

impl ClassSnapshot {
    /// What several shards have of the class.
    fn join(&mut self, other: ClassSnapshot) {
        let ClassSnapshot {
            streams,
            queued,
            healthy,
        } = other;
        for (phase, count) in streams {
            *self.streams.entry(phase).or_default() += count;
        }
        self.queued += queued;
        self.healthy &= healthy;
    }
}

type Source = Arc<dyn Fn() -> ClassSnapshot + Send + Sync>;

/// Gauges that are read from the classes when somebody looks.
#[derive(Clone)]
pub struct ClassGauges {
    layout: Layout,
    /// By class and number of the shard.
    sources: Arc<Mutex<BTreeMap<(String, u16), Source>>>,
}

impl std::fmt::Debug for ClassGauges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClassGauges").finish_non_exhaustive()
    }
}

impl ClassGauges {
    fn new(layout: Layout) -> Self {
        ClassGauges {
            layout,
            sources: Arc::default(),
        }
    }

    /// Shows a class's streams of one shard from now on.
    pub fn add(
        &self,
        class: &str,
        shard: Shard,
        source: impl Fn() -> ClassSnapshot + Send + Sync + 'static,
    ) {
        self.lock()
            .insert((class.to_owned(), shard.index()), Arc::new(source));
    }

    /// Ends what [`ClassGauges::add`] began.
    pub fn remove(&self, class: &str, shard: Shard) {
        self.lock().remove(&(class.to_owned(), shard.index()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, u16), Source>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is of each class, and how many streams there are in each shard.
    fn snapshots(&self) -> (BTreeMap<String, ClassSnapshot>, BTreeMap<u16, u64>) {
        let sources = self.lock().clone();
        let mut classes: BTreeMap<String, ClassSnapshot> = BTreeMap::new();
        let mut shards: BTreeMap<u16, u64> = BTreeMap::new();
        for ((class, shard), source) in sources {
            let snapshot = source();
            *shards.entry(shard).or_default() += snapshot.streams.values().sum::<u64>();
            match classes.entry(class) {
                Entry::Vacant(entry) => {
                    entry.insert(snapshot);
                }
                Entry::Occupied(mut entry) => entry.get_mut().join(snapshot),
            }
        }
        (classes, shards)
    }
}

impl Collector for ClassGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let (snapshots, shards) = self.snapshots();
        let mut streams = encoder.encode_descriptor(
            "streams",
            "Streams by class and phase",
            None,
            MetricType::Gauge,
        )?;
        for (class, snapshot) in &snapshots {
            for (phase, count) in &snapshot.streams {
                let labels = [("class", class.as_str()), ("phase", phase.as_str())];
                ConstGauge::new(i64::try_from(*count).unwrap_or(i64::MAX))
                    .encode(streams.encode_family(&labels)?)?;
            }
        }
        let mut queued = encoder.encode_descriptor(
            "queue_depth",
            "Streams that wait for their reconcile, by class",
            None,
            MetricType::Gauge,
        )?;
        for (class, snapshot) in &snapshots {
            let labels = [("class", class.as_str())];
            ConstGauge::new(i64::try_from(snapshot.queued).unwrap_or(i64::MAX))
                .encode(queued.encode_family(&labels)?)?;
        }
        let mut healthy = encoder.encode_descriptor(
            "class_healthy",
            "1 while the class is served",
            None,
            MetricType::Gauge,
        )?;
        for (class, snapshot) in &snapshots {
            let labels = [("class", class.as_str())];
            ConstGauge::new(i64::from(snapshot.healthy)).encode(healthy.encode_family(&labels)?)?;
        }
        if !self.layout.is_sole() {
            let mut streams = encoder.encode_descriptor(
                "shard_streams",
                "Streams of the shards that this replica leads",
                None,
                MetricType::Gauge,
            )?;
            for (shard, count) in shards {
                let labels = [("shard", shard)];
                ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX))
                    .encode(streams.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn every_metric_is_shown_with_its_labels() {
        let sole = Layout::of(1);
        let (metrics, registry) = Metrics::new("prod", sole);
        metrics.reconciled("a", "changed", Duration::from_millis(2));
        metrics.backfill("a", "completed");
        metrics.classes.add("a", sole.shard(0), || running(3, true));
        let text = shown(&registry);
        for line in [
            r#"arcane_reconciles_total{cluster="prod",class="a",result="changed"} 1"#,
            r#"arcane_backfills_total{cluster="prod",class="a",outcome="completed"} 1"#,
            r#"arcane_streams{cluster="prod",class="a",phase="Running"} 3"#,
            r#"arcane_queue_depth{cluster="prod",class="a"} 2"#,
            r#"arcane_class_healthy{cluster="prod",class="a"} 1"#,
            r#"arcane_leader{cluster="prod"} 0"#,
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn what_a_replica_has_of_several_shards_is_added_up() {
        let layout = Layout::of(3);
        let (metrics, registry) = Metrics::new("", layout);
        let classes = &metrics.classes;
        classes.add("a", layout.shard(0), || running(3, true));
        classes.add("a", layout.shard(2), || running(4, false));
        classes.add("b", layout.shard(2), || running(5, true));
        metrics.leader.set(layout.shard(2), true);
        let text = shown(&registry);
        for line in [
            r#"arcane_streams{class="a",phase="Running"} 7"#,
            r#"arcane_queue_depth{class="a"} 4"#,
            r#"arcane_class_healthy{class="a"} 0"#,
            r#"arcane_class_healthy{class="b"} 1"#,
            r#"arcane_shard_streams{shard="0"} 3"#,
            r#"arcane_shard_streams{shard="2"} 9"#,
            r#"arcane_leader{shard="1"} 0"#,
            r#"arcane_leader{shard="2"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        classes.remove("a", layout.shard(0));
        assert!(shown(&registry).contains(r#"arcane_streams{class="a",phase="Running"} 4"#));
    }

    fn running(streams: u64, healthy: bool) -> ClassSnapshot {
        ClassSnapshot {
            streams: HashMap::from([("Running".to_owned(), streams)]),
            queued: 2,
            healthy,
        }
    }

    fn shown(registry: &Registry) -> String {
        let mut text = String::new();
        encode(&mut text, registry).unwrap();
        text
    }
}
