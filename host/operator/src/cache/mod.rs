//! What the operator remembers of the cluster: one watch for each kind, projected to small views.

mod cron_jobs;
mod events;
mod guarded;
mod job_object;
mod jobs;
mod owner;
mod record;
mod requests;
mod routes;
mod store;
mod templates;
mod watch;

use std::sync::Arc;

use futures::future::join_all;
use kube::Client;
use tokio_util::sync::CancellationToken;

pub use cron_jobs::CachedCronJob;
pub use events::{config, watch, watch_surely};
pub use guarded::Guarded;
pub use jobs::Jobs;
pub use owner::{Claimant, Owner};
pub use requests::{CachedRequest, Requests};
pub use routes::{GroupKind, Routes, Trigger};
pub use store::{Key, Progress, Store, resource_version};
pub use templates::CachedTemplate;
pub use watch::{Change, Observer, follow};

use crate::{faults::Faults, shards::Shard};

/// The kinds that all classes share: of what belongs to a stream, only what belongs to those of one
/// shard.
pub struct Shared {
    shard: Shard,
    /// Jobs that carry the stream label.
    pub jobs: Arc<Jobs>,
    /// CronJobs that carry the stream label.
    pub cron_jobs: Arc<Store<CachedCronJob>>,
    /// Open BackfillRequests.
    pub requests: Arc<Requests>,
    /// StreamingJobTemplates.
    pub templates: Arc<Store<CachedTemplate>>,
    /// Who is told about a change.
    pub routes: Arc<Routes>,
}

impl Shared {
    /// Empty caches.
    pub fn new(shard: Shard) -> Self {
        Shared {
            shard,
            jobs: Arc::new(Jobs::new()),
            cron_jobs: Arc::new(Store::new()),
            requests: Arc::new(Requests::new()),
            templates: Arc::new(Store::new()),
            routes: Arc::default(),
        }
    }

    /// Follows all shared kinds until `stop`.
    pub async fn follow(&self, client: &Client, faults: &Faults, stop: &CancellationToken) {
        let Shared {
            shard,
            jobs,
            cron_jobs,
            requests,
            templates,
            routes,
        } = self;
        macro_rules! spawn {
            ($kind:ident $(, $of:expr)?) => {
                tokio::spawn($kind::follow(
                    client.clone(),
                    $kind.clone(),
                    routes.clone(),
                    $($of,)?
                    faults.clone(),
                    stop.clone(),
                ))
            };
        }
        join_all([
            spawn!(jobs, *shard),
            spawn!(cron_jobs, *shard),
            spawn!(requests, *shard),
            spawn!(templates),
        ])
        .await;
    }

    /// Returns once every shared kind has been listed.
    pub async fn ready(&self) {
        self.jobs.store.progress.ready().await;
        self.cron_jobs.progress.ready().await;
        self.requests.store.progress.ready().await;
        self.templates.progress.ready().await;
    }
}
