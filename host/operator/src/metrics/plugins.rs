//! Metrics of plugins, by class and digest.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::shards::Shard;

/// Upper bounds in seconds: a call takes some ten to hundred microseconds, and may be allowed up to
/// ten seconds.
const LATENCY_BUCKETS: [f64; 11] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 10.0,
];

/// What plugins were asked, and what came of it.
#[derive(Clone)]
pub struct PluginMetrics {
    calls: Family<CallLabels, Counter>,
    seconds: Family<HookLabels, Histogram, fn() -> Histogram>,
    memory: Family<PluginLabels, Gauge<u64, AtomicU64>>,
    refusals: Family<RefusalLabels, Counter>,
    decisions: Family<DecisionLabels, Counter>,
    open: Family<PluginClassLabels, Gauge>,
    ready: Family<PluginClassLabels, Gauge>,
    /// How plugins fare, by class and number of the shard.
    shards: Arc<Mutex<HashMap<String, HashMap<u16, Fares>>>>,
}

struct Fares {
    ready: bool,
    open: bool,
}

/// One call of a plugin.
pub struct PluginCall<'a> {
    /// Name of the StreamClass.
    pub class: &'a str,
    /// Digest of the component.
    pub digest: &'a str,
    /// What it was asked.
    pub hook: &'static str,
    /// `answered`, `remembered`, or why there was no answer.
    pub result: &'static str,
    /// How long it took.
    pub elapsed: Duration,
    /// The most memory that it had, in bytes.
    pub memory_peak: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    class: String,
    digest: String,
    hook: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HookLabels {
    class: String,
    digest: String,
    hook: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PluginLabels {
    class: String,
    digest: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    class: String,
    grant: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    class: String,
    trigger: &'static str,
    answer: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PluginClassLabels {
    class: String,
}

impl Default for PluginMetrics {
    fn default() -> Self {
        PluginMetrics {
            calls: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(LATENCY_BUCKETS)),
            memory: Family::default(),
            refusals: Family::default(),
            decisions: Family::default(),
            open: Family::default(),
            ready: Family::default(),
            shards: Arc::default(),
        }
    }
}

impl PluginMetrics {
    /// Shows the metrics.
    pub fn register(&self, registry: &mut Registry) {
        let PluginMetrics {
            calls,
            seconds,
            memory,
            refusals,
            decisions,
            open,
            ready,
            shards: _,
        } = self.clone();
        registry.register(
            "plugin_calls",
            "Questions to plugins by class, digest, hook and result",
            calls,
        );
        registry.register(
            "plugin_call_seconds",
            "Duration of a plugin's call by class, digest and hook",
            seconds,
        );
        registry.register(
            "plugin_memory_peak_bytes",
            "The most linear memory that a call of the plugin has had",
            memory,
        );
        registry.register(
            "plugin_refusals",
            "Changes that guard rails refused, by class and the grant that was missing",
            refusals,
        );
        registry.register(
            "plugin_decisions",
            "Decisions of plugins by class, trigger and answer",
            decisions,
        );
        registry.register(
            "plugin_breaker_open",
            "1 while the class's plugin is left alone because it kept failing",
            open,
        );
        registry.register(
            "plugin_ready",
            "1 while the plugin that the class names is in service",
            ready,
        );
    }

    /// Counts one call.
    pub fn called(&self, call: &PluginCall<'_>) {
        let (class, digest) = (call.class.to_owned(), call.digest.to_owned());
        let labels = CallLabels {
            class: class.clone(),
            digest: digest.clone(),
            hook: call.hook,
            result: call.result,
        };
        self.calls.get_or_create(&labels).inc();
        if call.result == "remembered" {
            return;
        }
        let labels = HookLabels {
            class: class.clone(),
            digest: digest.clone(),
            hook: call.hook,
        };
        let seconds = self.seconds.get_or_create(&labels);
        seconds.observe(call.elapsed.as_secs_f64());
        let memory = self.memory.get_or_create(&PluginLabels { class, digest });
        let peak = u64::try_from(call.memory_peak).unwrap_or(u64::MAX);
        memory
            .inner()
            .fetch_max(peak, std::sync::atomic::Ordering::Relaxed);
    }

    /// Counts one change that was refused for want of a grant; "none" where no grant allows it.
    pub fn refused(&self, class: &str, grant: Option<&'static str>) {
        let labels = RefusalLabels {
            class: class.to_owned(),
            grant: grant.unwrap_or("none"),
        };
        self.refusals.get_or_create(&labels).inc();
    }

    /// Counts one decision.
    pub fn decided(&self, class: &str, trigger: &'static str, answer: &'static str) {
        let labels = DecisionLabels {
            class: class.to_owned(),
            trigger,
            answer,
        };
        self.decisions.get_or_create(&labels).inc();
    }

    /// Shows how the plugin of a class fares with the streams of a shard.
    pub fn fares(&self, class: &str, shard: Shard, ready: bool, open: bool) {
        let mut shards = self.shards();
        let of_class = shards.entry(class.to_owned()).or_default();
        of_class.insert(shard.index(), Fares { ready, open });
        self.show(class, of_class);
    }

    /// Ends what [`PluginMetrics::fares`] shows of a class.
    pub fn forget(&self, class: &str, shard: Shard) {
        let mut shards = self.shards();
        if let Some(of_class) = shards.get_mut(class) {
            of_class.remove(&shard.index());
            self.show(class, of_class);
            if of_class.is_empty() {
                shards.remove(class);
            }
        }
    }

    /// A plugin is in service if it is for all shards of this replica, and left alone if it is for
    /// any.
    fn show(&self, class: &str, shards: &HashMap<u16, Fares>) {
        let labels = PluginClassLabels {
            class: class.to_owned(),
        };
        if shards.is_empty() {
            self.ready.remove(&labels);
            self.open.remove(&labels);
            return;
        }
        let ready = shards.values().all(|fares| fares.ready);
        let open = shards.values().any(|fares| fares.open);
        self.ready.get_or_create(&labels).set(ready.into());
        self.open.get_or_create(&labels).set(open.into());
    }

    fn shards(&self) -> MutexGuard<'_, HashMap<String, HashMap<u16, Fares>>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::shards::Layout;

    #[test]
    fn every_metric_of_plugins_is_shown_with_its_labels() {
        let (metrics, mut registry) = (PluginMetrics::default(), Registry::with_prefix("arcane"));
        metrics.register(&mut registry);
        let mut call = PluginCall {
            class: "a",
            digest: "ab",
            hook: "render",
            result: "answered",
            elapsed: Duration::from_micros(70),
            memory_peak: 2 << 20,
        };
        metrics.called(&call);
        call.memory_peak = 1 << 20;
        metrics.called(&call);
        metrics.refused("a", Some("placement"));
        metrics.decided("a", "job-failed", "restart");
        let shard = |index| Layout::of(2).shard(index);
        metrics.fares("a", shard(0), true, false);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            r#"arcane_plugin_calls_total{class="a",digest="ab",hook="render",result="answered"} 2"#,
            r#"arcane_plugin_call_seconds_count{class="a",digest="ab",hook="render"} 2"#,
            r#"arcane_plugin_memory_peak_bytes{class="a",digest="ab"} 2097152"#,
            r#"arcane_plugin_refusals_total{class="a",grant="placement"} 1"#,
            r#"arcane_plugin_decisions_total{class="a",trigger="job-failed",answer="restart"} 1"#,
            r#"arcane_plugin_ready{class="a"} 1"#,
            r#"arcane_plugin_breaker_open{class="a"} 0"#,
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        metrics.fares("a", shard(1), false, true);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(
            text.contains(r#"arcane_plugin_ready{class="a"} 0"#),
            "{text}"
        );
        metrics.forget("a", shard(0));
        metrics.forget("a", shard(1));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(!text.contains("arcane_plugin_ready{"), "{text}");
    }
}
