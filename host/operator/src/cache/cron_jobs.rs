//! The CronJobs of streams.

use std::sync::Arc;

use arcane_contract::names::{
    ANNOTATION_CONFIGURATION_HASH, ANNOTATION_RENDER_HASH, LABEL_STREAM_ID,
};
use arcane_lifecycle::{CronJobView, Ownership};
use k8s_openapi::api::batch::v1::CronJob;
use kube::{Api, Client, ResourceExt, api::PartialObjectMeta};
use tokio_util::sync::CancellationToken;

use super::{
    Change, Key, Observer, Store,
    events::config,
    follow as follow_kind,
    owner::{Claimant, Owner},
    routes::Routes,
};
use crate::{faults::Faults, shards::Shard};

/// All that matters of a CronJob is in its metadata.
pub type CronJobObject = PartialObjectMeta<CronJob>;

/// What is kept of a CronJob.
#[derive(Clone, Debug, PartialEq)]
pub struct CachedCronJob {
    owner: Option<Owner>,
    view: CronJobView,
}

impl CachedCronJob {
    /// The view of a stream of the same name.
    pub fn view(&self, claimant: Claimant<'_>) -> CronJobView {
        CronJobView {
            ownership: claimant.ownership(self.owner.as_ref()),
            ..self.view.clone()
        }
    }
}

impl From<CronJobObject> for CachedCronJob {
    fn from(object: CronJobObject) -> Self {
        let annotation = |name: &str| object.annotations().get(name).cloned();
        CachedCronJob {
            owner: Owner::of(&object.metadata),
            view: CronJobView {
                uid: object.uid().unwrap_or_default(),
                ownership: Ownership::Foreign,
                configuration_hash: annotation(ANNOTATION_CONFIGURATION_HASH),
                render_hash: annotation(ANNOTATION_RENDER_HASH),
                terminating: object.metadata.deletion_timestamp.is_some(),
            },
        }
    }
}

/// Follows the CronJobs that carry the stream label.
pub async fn follow(
    client: Client,
    store: Arc<Store<CachedCronJob>>,
    routes: Arc<Routes>,
    shard: Shard,
    faults: Faults,
    stop: CancellationToken,
) {
    let config = config().labels(LABEL_STREAM_ID);
    follow_kind(
        Api::<CronJobObject>::all(client),
        config,
        &store,
        &CronJobObserver { shard, routes },
        &faults,
        &stop,
    )
    .await;
}

struct CronJobObserver {
    shard: Shard,
    routes: Arc<Routes>,
}

impl Observer<CronJobObject> for CronJobObserver {
    type View = CachedCronJob;

    fn resource(&self) -> &'static str {
        "cronjobs.batch"
    }

    /// It has the name of its stream.
    fn concerns(&self, object: &CronJobObject) -> bool {
        self.shard.owns_object(object)
    }

    fn project(&self, object: CronJobObject) -> CachedCronJob {
        object.into()
    }

    fn changed(&self, key: &Key, change: Change<'_, CachedCronJob>) {
        let owner = change.view().owner.as_ref();
        self.routes
            .kind(owner.map(|owner| &owner.kind), key.clone());
    }
}
