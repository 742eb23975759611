//! Replicas with shards, streams with short backfills, and who wrote to what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcane_cluster::audit::{Mark, Record};
use arcane_cluster::{Operator, eventually};
use arcane_e2e::{
    DEADLINE, Definition, NAMESPACE, Platform, Plugin, STOPPED_WITHIN, Stream, replica_with,
    short_backfills,
};

/// Long enough for a lease of another number of shards (twice 5 s) to be taken for dead, for every
/// shard to be taken by somebody, and for some of them to be handed over.
pub const SETTLED_WITHIN: Duration = Duration::from_secs(60);
/// Renewals of a Lease that show that some time has gone by: one a second.
const RENEWALS: usize = 4;

/// A replica that was told of so many shards.
pub async fn with_shards(platform: &Platform<'_>, name: &str, shards: u16) -> Result<Operator> {
    let shards = shards.to_string();
    replica_with(platform, name, &[("ARCANE_HOST__SHARDS", &shards)]).await
}

/// Replicas by their names, as many shards as are told.
pub struct Crew(pub BTreeMap<String, Operator>);

impl Crew {
    /// Starts them one after the other.
    pub async fn start(platform: &Platform<'_>, names: &[&str], shards: u16) -> Result<Self> {
        let mut crew = BTreeMap::new();
        for name in names {
            let operator = with_shards(platform, name, shards).await?;
            crew.insert((*name).to_owned(), operator);
        }
        Ok(Self(crew))
    }

    /// Three, each of which leads a shard.
    pub async fn of_three(platform: &Platform<'_>) -> Result<Self> {
        let crew = Self::start(platform, &NAMES, 3).await?;
        crew.wait_split(&[1, 1, 1]).await;
        Ok(crew)
    }

    /// One more.
    pub async fn join(&mut self, platform: &Platform<'_>, name: &str, shards: u16) -> Result<()> {
        let operator = with_shards(platform, name, shards).await?;
        self.0.insert(name.to_owned(), operator);
        Ok(())
    }

    /// Takes one out, to be stopped, killed or paused.
    pub fn take(&mut self, name: &str) -> Result<Operator> {
        let operator = self.0.remove(name);
        operator.with_context(|| format!("there is no replica {name}"))
    }

    /// The shards that each leads.
    pub async fn shards(&self) -> Result<BTreeMap<&str, Vec<u16>>> {
        let mut shards = BTreeMap::new();
        for (name, operator) in &self.0 {
            shards.insert(name.as_str(), led(&operator.metrics().await?));
        }
        Ok(shards)
    }

    /// Waits until each leads as many shards as told, smallest first, every shard has one leader and
    /// all caches are filled.
    #[track_caller]
    pub fn wait_split(&self, expected: &[usize]) -> impl Future<Output = BTreeMap<&str, Vec<u16>>> {
        let what = format!("shards to be split {expected:?}");
        async move {
            eventually(&what, SETTLED_WITHIN, async || {
                let shards = self.shards().await?;
                let mut counts: Vec<usize> = shards.values().map(Vec::len).collect();
                counts.sort_unstable();
                ensure!(counts == expected, "{shards:?}");
                let all: BTreeSet<u16> = shards.values().flatten().copied().collect();
                ensure!(all.len() == expected.iter().sum::<usize>(), "{shards:?}");
                for (name, operator) in &self.0 {
                    let ready = operator.probe("/health/ready").await?;
                    ensure!(ready.status == 200, "{name}: {ready:?}");
                }
                Ok(shards)
            })
            .await
        }
    }

    /// The one that leads a shard.
    pub async fn leader_of(&self, shard: u16) -> Result<String> {
        let shards = self.shards().await?;
        let mut leaders = shards.iter().filter(|(_, led)| led.contains(&shard));
        let leader = leaders.next().map(|(name, _)| (*name).to_owned());
        leader.with_context(|| format!("nobody leads {shard}: {shards:?}"))
    }

    /// Stops all of them in good order.
    pub async fn stop(self) -> Result<()> {
        for (name, operator) in self.0 {
            let stopped = operator.stop(STOPPED_WITHIN).await?;
            ensure!(stopped.status.success(), "{name}: {stopped:?}");
        }
        Ok(())
    }
}

/// The shards that a replica leads, by its metrics; 0 where it leads everything.
fn led(metrics: &str) -> Vec<u16> {
    let led = metrics.lines().filter_map(|line| {
        let (series, value) = line.strip_prefix("arcane_leader")?.rsplit_once(' ')?;
        let shard = series
            .trim_start_matches("{shard=\"")
            .trim_end_matches("\"}");
        (value == "1").then(|| shard.parse().unwrap_or(0))
    });
    led.collect()
}

/// Names of three replicas.
pub const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];

/// Three replicas with a shard each, and the sample class with short backfills.
pub async fn three_at_work<'p>(platform: &Platform<'p>) -> Result<(Crew, Plugin<'p>)> {
    let crew = Crew::of_three(platform).await?;
    let sample = platform.sample(&short_backfills()).await?;
    sample.wait_ready().await;
    Ok((crew, sample))
}

/// Creates as many streams, whose names begin alike.
pub async fn create<'p>(plugin: &'p Plugin<'_>, prefix: &str, count: usize) -> Vec<Stream<'p>> {
    let names: Vec<String> = (0..count).map(|n| format!("{prefix}-{n}")).collect();
    let created = names
        .iter()
        .map(|name| plugin.create(name, Definition::v2()));
    futures::future::join_all(created).await
}

/// Waits until every stream streams.
pub async fn wait_running(streams: &[Stream<'_>]) {
    for stream in streams {
        stream.wait_phase("Running").await;
    }
}

/// The writes of replicas to the streams of a namespace since `mark`, in order.
pub struct Work(Record);

impl Work {
    pub async fn since(plugin: &Plugin<'_>, mark: Mark) -> Result<Self> {
        let record = plugin.cluster().audit().since(mark).await?;
        let accounts = format!("system:serviceaccount:{NAMESPACE}:");
        let record = record
            .in_namespace(plugin.namespace())
            .filter(|request| request.user.starts_with(&accounts));
        Ok(Self(record.writes()))
    }

    /// Who wrote, and to which stream.
    pub fn writes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|request| {
            let writer = request.user.rsplit(':').next().unwrap_or_default();
            // Requests and events are named after the stream.
            let stream = request.name.split("-initial-backfill").next();
            let stream = stream.unwrap_or_default().split('.').next();
            (writer, stream.unwrap_or_default())
        })
    }

    /// The replicas that wrote to each stream.
    pub fn writers(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut writers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (writer, stream) in self.writes() {
            writers.entry(stream).or_default().insert(writer);
        }
        writers
    }

    /// Asserts that every stream was backfilled once and then began to stream, with one Job each.
    pub fn assert_done_once(&self, streams: usize) {
        assert_eq!(self.made("backfillrequests"), streams);
        assert_eq!(self.made("jobs"), 2 * streams);
        assert_eq!(self.0.duplicates(), []);
    }

    /// Asserts that nothing was done twice for streams that all stream by now. Of what a replica did
    /// as it was killed the log may tell as of a failure.
    pub fn assert_nothing_twice(&self, streams: usize) {
        assert!(self.made("backfillrequests") <= streams);
        assert!(self.made("jobs") <= 2 * streams);
        assert_eq!(self.0.duplicates(), []);
    }

    fn made(&self, resource: &str) -> usize {
        self.0.count("create", resource)
    }
}

/// Returns after each of these replicas has renewed its Leases some times since `mark`: time has
/// gone by for all of them.
#[track_caller]
pub fn wait_renewals<'a>(
    platform: &'a Platform<'_>,
    mark: Mark,
    replicas: &'a [&str],
) -> impl Future<Output = ()> + 'a {
    eventually("leases to be renewed", DEADLINE, async move || {
        let record = platform.cluster().audit().since(mark).await?;
        for replica in replicas {
            let renewed = record
                .by_service_account(NAMESPACE, replica)
                .count("update", "leases");
            ensure!(renewed >= RENEWALS, "{replica}: {renewed}");
        }
        Ok(())
    })
}
