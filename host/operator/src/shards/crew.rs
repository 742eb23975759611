//! The part that one replica takes: looks at the Leases, takes, asks and gives back, and serves what
//! it has.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::Context;
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Layout, Shard,
    roster::Roster,
    turn::{self, Replica, Turn},
};
use crate::{
    lease::{Held, Leases, Settings},
    stream::random_fraction,
};

/// What serves a shard: from when its Lease is held until its token is cancelled, and then gives
/// it back. An error means that the Lease was lost.
pub trait Service: Clone + Send + Sync + 'static {
    /// Serves it.
    fn serve(
        self,
        held: Held,
        stop: CancellationToken,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Whether the API server has answered.
    fn contact(&self, answered: bool);
}

/// Serves shards until `shutdown` (which is success) or until a Lease is lost (which is not).
pub async fn run(
    leases: Leases,
    layout: Layout,
    service: impl Service,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let Settings { name, identity, .. } = leases.settings().clone();
    let mut crew = Crew {
        start: start(&identity),
        roster: Roster::new(layout, name, identity),
        leases,
        layout,
        service,
        serving: BTreeMap::new(),
        next_look: Some(Instant::now()),
        told_rivals: false,
    };
    let mut tasks = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => crew.ended(ended)?,
            taken = crew.look() => {
                if let Some(held) = taken {
                    tasks.spawn(crew.begin(held));
                }
            }
        }
    }
    info!("shutting down");
    for serving in crew.serving.values() {
        serving.stop.cancel();
    }
    while let Some(ended) = tasks.join_next().await {
        crew.ended(ended)?;
    }
    Ok(())
}

struct Crew<S> {
    leases: Leases,
    layout: Layout,
    roster: Roster,
    service: S,
    serving: BTreeMap<u16, Serving>,
    /// None while there is nothing to look for.
    next_look: Option<Instant>,
    /// Where this replica begins to look for a free shard.
    start: usize,
    told_rivals: bool,
}

/// Another place for each replica, most likely.
fn start(identity: &str) -> usize {
    identity.bytes().map(usize::from).sum()
}

struct Serving {
    stop: CancellationToken,
    /// It is about to be given back.
    is_leaving: bool,
}

/// What follows from a look.
enum Next {
    /// Another one, after so long.
    After(Duration),
    /// Work.
    Serve(Box<Held>),
}

/// The number of a shard, and how the work on it ended.
type Ended = (u16, anyhow::Result<()>);

impl<S: Service> Crew<S> {
    fn ended(&mut self, ended: Result<Ended, JoinError>) -> anyhow::Result<()> {
        let (index, outcome) = ended.context("the work on a shard failed")?;
        // The process ends at once: whatever it still did, it would do beside the next holder.
        outcome.context("lost the lease")?;
        self.serving.remove(&index);
        self.next_look = Some(Instant::now());
        Ok(())
    }

    /// Waits until it is time, looks at the Leases, and does what is due. Returns what is to be
    /// served from now on.
    async fn look(&mut self) -> Option<Held> {
        match self.next_look {
            Some(time) => sleep_until(time).await,
            None => std::future::pending().await,
        }
        let next = match self.act().await {
            Ok(next) => next,
            Err(error) => {
                warn!("{error:#}");
                Next::After(self.period())
            }
        };
        let (pause, taken) = match next {
            Next::After(pause) => (pause, None),
            Next::Serve(held) => (self.period(), Some(*held)),
        };
        // A single leader has nothing to ask for and nothing to give back.
        let is_settled = self.layout.is_sole() && taken.is_some();
        self.next_look = (!is_settled).then(|| Instant::now() + pause);
        taken
    }

    fn period(&self) -> Duration {
        self.leases.settings().retry_period
    }

    async fn act(&mut self) -> anyhow::Result<Next> {
        self.observe().await?;
        let shards: BTreeSet<u16> = self
            .serving
            .iter()
            .filter(|(_, serving)| !serving.is_leaving)
            .map(|(index, _)| *index)
            .collect();
        let replica = Replica {
            identity: &self.leases.settings().identity,
            shards: &shards,
            period: self.period(),
            start: self.start,
        };
        let soon = Next::After(self.period() / 8);
        match turn::next(&self.roster.view(Instant::now()), &replica) {
            Turn::Rest => Ok(Next::After(self.period())),
            Turn::Take(index) => self.take(self.layout.shard(index)).await,
            Turn::Await => Ok(soon),
            Turn::Ask(index) => {
                if let Some(lease) = self.roster.lease(index) {
                    info!(
                        shard = index,
                        "asking for a shard of a replica that has more"
                    );
                    self.leases.ask(lease).await?;
                }
                Ok(soon)
            }
            Turn::GiveBack(index) => {
                if let Some(serving) = self.serving.get_mut(&index) {
                    info!(
                        shard = index,
                        "giving a shard back to a replica that has less"
                    );
                    serving.is_leaving = true;
                    serving.stop.cancel();
                }
                Ok(Next::After(self.period()))
            }
        }
    }

    async fn observe(&mut self) -> anyhow::Result<()> {
        let leases = self.leases.all().await;
        self.service.contact(leases.is_ok());
        let held = self.serving.keys().copied().collect();
        self.roster.observe(leases?, &held, Instant::now());
        let has_rivals = self.roster.has_rivals(Instant::now());
        if has_rivals && !self.told_rivals {
            info!(
                shards = self.layout.shards(),
                "waiting: replicas that were told of another number of shards are at work"
            );
        }
        self.told_rivals = has_rivals;
        Ok(())
    }

    /// Takes a shard, which is worked on once no rival is seen *after* that.
    async fn take(&mut self, shard: Shard) -> anyhow::Result<Next> {
        for lease in self.roster.leftovers(Instant::now()) {
            self.leases.clear(lease).await?;
        }
        let seen = self.roster.lease(shard.index());
        let Some(held) = self.leases.take(shard, seen).await? else {
            // Somebody was faster; there may be another one.
            return Ok(Next::After(
                self.period().mul_f64(0.05 + random_fraction() / 10.0),
            ));
        };
        let seen = self.observe().await;
        if seen.is_err() || self.roster.has_rivals(Instant::now()) {
            held.tenure().end().await;
            held.release().await;
            seen?;
            // Two that see each other must not meet again and again.
            return Ok(Next::After(
                self.period().mul_f64(1.0 + 2.0 * random_fraction()),
            ));
        }
        let Settings { name, identity, .. } = self.leases.settings();
        info!(lease = shard.lease_name(name), %identity, "became the leader");
        Ok(Next::Serve(Box::new(held)))
    }

    /// The work on a shard, until it is over.
    fn begin(&mut self, held: Held) -> impl Future<Output = Ended> + use<S> {
        let (index, stop) = (held.shard().index(), CancellationToken::new());
        let work = self.service.clone().serve(held, stop.clone());
        let is_leaving = false;
        self.serving.insert(index, Serving { stop, is_leaving });
        async move { (index, work.await) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::time::timeout;

    use super::*;
    use crate::lease::server::{Server, shard};

    /// Notes what it is told to serve.
    #[derive(Clone, Default)]
    struct Noted(Arc<Mutex<Vec<u16>>>);

    impl Noted {
        fn shards(&self) -> Vec<u16> {
            self.0.lock().unwrap().clone()
        }
    }

    impl Service for Noted {
        async fn serve(self, mut held: Held, stop: CancellationToken) -> anyhow::Result<()> {
            self.0.lock().unwrap().push(held.shard().index());
            tokio::select! {
                () = stop.cancelled() => {}
                lost = held.hold() => return Err(lost),
            }
            held.tenure().end().await;
            held.release().await;
            Ok(())
        }

        fn contact(&self, _: bool) {}
    }

    async fn run_for(seconds: u64, server: &Server, shards: u16) -> Noted {
        let noted = Noted::default();
        let shutdown = tokio::time::sleep(Duration::from_secs(seconds));
        let leases = server.leases("me");
        let work = run(leases, Layout::of(shards), noted.clone(), shutdown);
        // What hangs fails, as time does not pass by itself.
        timeout(Duration::from_secs(seconds + 60), work)
            .await
            .unwrap()
            .unwrap();
        noted
    }

    #[tokio::test(start_paused = true)]
    async fn one_replica_alone_takes_every_shard_and_gives_all_back_in_the_end() {
        let server = Server::default();
        let mut shards = run_for(20, &server, 3).await.shards();
        shards.sort_unstable();
        assert_eq!(shards, [0, 1, 2]);
        for name in ["leader", "leader-1", "leader-2"] {
            assert_eq!(server.holder(name), "", "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_served_beside_a_rival_that_is_seen_only_after_a_lease_was_taken() {
        let server = Server::default();
        server.take_with_next_write(shard(1, 3), "rival");
        assert_eq!(run_for(20, &server, 2).await.shards(), [0; 0]);
        assert_eq!(server.writes(), 2, "taken, and given back at once");
        assert_eq!(server.holder("leader-1"), "rival");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_rivals_lease_is_freed_though_nobody_takes_it() {
        let server = Server::default();
        server.take(shard(2, 3), "rival");
        assert_eq!(run_for(29, &server, 1).await.shards(), [0; 0]);
        assert_eq!(server.holder("leader-2"), "rival");
        assert_eq!(run_for(35, &server, 1).await.shards(), [0]);
        assert_eq!(server.holder("leader-2"), "");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_lease_ends_it_all() {
        let server = Server::default();
        let taker = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            server.take(shard(0, 1), "other");
            std::future::pending().await
        };
        let work = run(server.leases("me"), Layout::of(1), Noted::default(), taker);
        let outcome = timeout(Duration::from_secs(60), work).await.unwrap();
        let lost = format!("{:#}", outcome.unwrap_err());
        assert!(lost.contains("lost the lease"), "{lost}");
    }
}
