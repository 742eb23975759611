//! What one replica does for a shard that it holds the Lease of: with the default layout, for
//! everything.

use std::{sync::Arc, time::Duration};

use arcane_contract::render;
use kube::Client;
use tokio::{sync::Semaphore, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, info, info_span, warn};

use crate::{
    budget::Budget,
    cache::Shared,
    classes,
    config::{Config, seconds},
    events::Events,
    faults::Faults,
    health::Health,
    lease::{Held, Tenure},
    metrics::Metrics,
    plugins::{Engine, Plugins},
    shards::{Service, Shard},
    stream::{Backoff, Host},
    writer::Writer,
};

/// Time for the work under way when the process is told to end; the rest of five seconds is for
/// writes that are not answered yet, and for giving the leases back to an API server that may be
/// slow, or not answer at all.
const GRACE: Duration = Duration::from_millis(2_500);
/// Time for those writes.
const LAST_GRACE: Duration = Duration::from_millis(200);

/// What all shards of this process have in common.
pub struct Replica {
    config: Config,
    client: Client,
    /// Namespace of the operator.
    namespace: String,
    metrics: Metrics,
    health: Health,
    permits: Arc<Semaphore>,
    budget: Arc<Budget>,
    engine: Arc<Engine>,
    /// The process is told to end.
    ending: CancellationToken,
}

impl Replica {
    /// Nothing is served yet.
    pub fn new(
        config: Config,
        client: Client,
        namespace: String,
        metrics: Metrics,
        health: Health,
        ending: CancellationToken,
    ) -> anyhow::Result<Self> {
        Ok(Replica {
            permits: Arc::new(Semaphore::new(config.concurrency_total.into())),
            budget: Arc::new(Budget::of(config.writes_per_second)),
            engine: Arc::new(Engine::new(config.plugins()?)),
            config,
            client,
            namespace,
            metrics,
            health,
            ending,
        })
    }

    fn host(&self, shard: Shard, tenure: Tenure) -> Arc<Host> {
        let (config, client) = (&self.config, &self.client);
        let writer = Writer::new(
            client.clone(),
            config.api_timeout(),
            tenure,
            self.budget.clone(),
            self.metrics.clone(),
        );
        Arc::new(Host {
            events: Events::new(writer.clone(), config.identity.clone()),
            writer,
            metrics: self.metrics.clone(),
            shared: Shared::new(shard),
            shard,
            faults: Faults::new(),
            permits: self.permits.clone(),
            plugins: Arc::new(Plugins::new(
                client.clone(),
                self.namespace.clone(),
                self.engine.clone(),
            )),
            render: render::Settings {
                minimum_job_ttl_seconds: config.minimum_job_ttl_seconds,
            },
            backoff: Backoff {
                initial: seconds(config.backoff_initial_seconds),
                maximum: seconds(config.backoff_maximum_seconds),
            },
            reconcile_timeout: config.reconcile_timeout(),
            concurrency_per_class: config.concurrency_per_class,
            client: client.clone(),
        })
    }

    /// Serves while the Lease is held.
    async fn lead(&self, mut held: Held, stop: CancellationToken) -> anyhow::Result<()> {
        let (shard, tenure) = (held.shard(), held.tenure());
        let host = self.host(shard, tenure.clone());
        let ended = CancellationToken::new();
        let work = serve(host, self.health.clone(), ended.clone());
        let mut work = tokio::spawn(work.in_current_span());
        tokio::select! {
            () = self.ending.cancelled() => {}
            () = stop.cancelled() => {}
            reason = held.hold() => return Err(reason),
        }
        ended.cancel();
        let finish = async {
            // What has panicked is finished, too.
            let _ = (&mut work).await;
        };
        tokio::select! {
            () = finish => {}
            reason = held.hold() => return Err(reason),
            () = self.patience() => {
                warn!("some work was not finished in time; it will be taken up again");
            }
        }
        // What was sent comes to its end before anybody else begins; a process that is told to end
        // cannot wait that long.
        let grace = async {
            self.ending.cancelled().await;
            sleep(LAST_GRACE).await;
        };
        tokio::select! {
            () = tenure.end() => {}
            () = grace => {}
        }
        held.release().await;
        Ok(())
    }

    /// How long the work under way may take to come to an end: no longer than any work may take,
    /// and less when the process is told to end.
    async fn patience(&self) {
        let grace = async {
            self.ending.cancelled().await;
            sleep(GRACE).await;
        };
        tokio::select! {
            () = grace => {}
            () = sleep(self.config.reconcile_timeout()) => {}
        }
    }
}

impl Service for Arc<Replica> {
    async fn serve(self, held: Held, stop: CancellationToken) -> anyhow::Result<()> {
        let shard = held.shard();
        let span = if shard.is_sole() {
            Span::none()
        } else {
            info_span!("shard", shard = shard.index())
        };
        self.health.set_leading(shard.index());
        self.metrics.leader.set(shard, true);
        let outcome = self.lead(held, stop).instrument(span).await;
        self.metrics.leader.set(shard, false);
        self.health.set_left(shard.index());
        outcome
    }

    fn contact(&self, answered: bool) {
        self.health.set_connected(answered);
    }
}

async fn serve(host: Arc<Host>, health: Health, stop: CancellationToken) {
    let watches = host.shared.follow(&host.client, &host.faults, &stop);
    // Nothing is decided before all that it depends on is known.
    let work = async {
        if stop
            .run_until_cancelled(host.shared.ready())
            .await
            .is_some()
        {
            health.set_synced(host.shard.index());
            info!("the caches are filled");
            classes::manage(host.clone(), health, stop.clone()).await;
        }
    };
    tokio::join!(watches, work);
}
