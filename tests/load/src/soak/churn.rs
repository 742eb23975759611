//! What users and Jobs do, all the time, at random.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use arcane_contract::api::{BackfillRequest, BackfillRequestSpec};
use futures::future::join_all;
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::field::{Field, Slot};

/// Users at work at the same time.
const USERS: u64 = 6;
/// A user's time to think.
const THOUGHT: Duration = Duration::from_millis(150);
/// A pod that does not run by then is left alone.
const POD_WITHIN: Duration = Duration::from_secs(2);

/// Users who change streams.
pub struct Churn<'f> {
    field: &'f Field<'f>,
    seed: u64,
    made: AtomicUsize,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Create,
    Delete,
    Suspend,
    Resume,
    EditSpec,
    Restart,
    Request,
    CloseRequest,
    DeleteRequest,
    DeleteJob,
    FailJob,
    NewSchema,
}

/// By how often they happen.
const CHANGES: [Change; 25] = [
    Change::Create,
    Change::Create,
    Change::Create,
    Change::Create,
    Change::Create,
    Change::Delete,
    Change::Suspend,
    Change::Suspend,
    Change::Resume,
    Change::Resume,
    Change::Resume,
    Change::Resume,
    Change::EditSpec,
    Change::EditSpec,
    Change::EditSpec,
    Change::Restart,
    Change::Request,
    Change::Request,
    Change::Request,
    Change::Request,
    Change::CloseRequest,
    Change::DeleteRequest,
    Change::DeleteJob,
    Change::FailJob,
    Change::NewSchema,
];

impl<'f> Churn<'f> {
    pub fn new(field: &'f Field<'f>, seed: u64) -> Self {
        Self {
            field,
            seed,
            made: AtomicUsize::new(0),
        }
    }

    /// Changes that were made so far.
    pub fn made(&self) -> usize {
        self.made.load(Ordering::Relaxed)
    }

    /// Goes on until it is dropped.
    pub async fn go_on(&self) {
        let users = (0..USERS).map(|user| self.user(self.seed.wrapping_add(user)));
        join_all(users).await;
    }

    async fn user(&self, seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        loop {
            sleep(THOUGHT.mul_f64(random.f64() * 2.0)).await;
            let slot = self.field.slot(random.u32(..self.field.len()));
            let change = CHANGES[random.usize(..CHANGES.len())];
            // What cannot be done now, for whatever reason, is not done.
            if self.make(change, slot, random.u32(..)).await.is_ok() {
                self.made.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    async fn make(&self, change: Change, slot: Slot<'_>, value: u32) -> Result<()> {
        match change {
            Change::Create => create(slot).await,
            Change::Delete => delete(slot).await,
            Change::Suspend => patch(slot, json!({"spec": suspended(true)})).await,
            Change::Resume => patch(slot, json!({"spec": suspended(false)})).await,
            Change::EditSpec => patch(slot, json!({"spec": {"rows": value}})).await,
            Change::Restart => {
                let annotation = json!({"arcane.sneaksanddata.com/restart": value.to_string()});
                patch(slot, json!({"metadata": {"annotations": annotation}})).await
            }
            Change::Request => request(slot).await,
            Change::CloseRequest => {
                let Some(name) = open_request(slot).await? else {
                    return Ok(());
                };
                let patch = Patch::Merge(json!({"spec": {"completed": true}}));
                let requests = slot.plugin.api::<BackfillRequest>();
                requests
                    .patch(&name, &PatchParams::default(), &patch)
                    .await?;
                Ok(())
            }
            Change::DeleteRequest => {
                let Some(name) = open_request(slot).await? else {
                    return Ok(());
                };
                let requests = slot.plugin.api::<BackfillRequest>();
                requests.delete(&name, &DeleteParams::default()).await?;
                Ok(())
            }
            Change::DeleteJob => {
                let jobs = slot.plugin.api::<Job>();
                jobs.delete(&slot.name(), &DeleteParams::foreground())
                    .await?;
                Ok(())
            }
            Change::FailJob => {
                let pods = slot.plugin.pods();
                let (namespace, name) = (slot.plugin.namespace(), slot.name());
                timeout(
                    POD_WITHIN,
                    pods.fail(namespace, &name, 3, "the source is gone"),
                )
                .await?
            }
            Change::NewSchema => change_schema(slot).await,
        }
    }
}

fn suspended(suspended: bool) -> Value {
    json!({"execution": {"suspended": suspended}})
}

async fn create(slot: Slot<'_>) -> Result<()> {
    let definitions = slot.plugin.definitions();
    definitions
        .create(&PostParams::default(), &slot.definition())
        .await?;
    Ok(())
}

async fn delete(slot: Slot<'_>) -> Result<()> {
    let definitions = slot.plugin.definitions();
    definitions
        .delete(&slot.name(), &DeleteParams::background())
        .await?;
    Ok(())
}

async fn patch(slot: Slot<'_>, patch: Value) -> Result<()> {
    let definitions = slot.plugin.definitions();
    let params = PatchParams::default();
    definitions
        .patch(&slot.name(), &params, &Patch::Merge(patch))
        .await?;
    Ok(())
}

/// Asks for a backfill of a stream that there is.
async fn request(slot: Slot<'_>) -> Result<()> {
    slot.plugin.definitions().get(&slot.name()).await?;
    let request = BackfillRequest {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", slot.name())),
            ..ObjectMeta::default()
        },
        spec: BackfillRequestSpec {
            stream_class: slot.plugin.class().to_owned(),
            stream_id: slot.name(),
            completed: false,
            payload: None,
        },
        status: None,
    };
    let requests = slot.plugin.api::<BackfillRequest>();
    requests.create(&PostParams::default(), &request).await?;
    Ok(())
}

async fn open_request(slot: Slot<'_>) -> Result<Option<String>> {
    let of_stream = format!("spec.completed=false,spec.streamId={}", slot.name());
    let of_stream = ListParams::default().fields(&of_stream);
    let requests = slot
        .plugin
        .api::<BackfillRequest>()
        .list(&of_stream)
        .await?;
    Ok(requests.items.first().map(ResourceExt::name_any))
}

/// The stream finds that its source's schema has changed, and ends.
async fn change_schema(slot: Slot<'_>) -> Result<()> {
    let annotation = json!({"arcane.streaming.sneaksanddata.com/state": "schema-mismatch"});
    let patch = Patch::Merge(json!({"metadata": {"annotations": annotation}}));
    let jobs = slot.plugin.api::<Job>();
    jobs.patch(&slot.name(), &PatchParams::default(), &patch)
        .await?;
    let pods = slot.plugin.pods();
    let name = slot.name();
    timeout(POD_WITHIN, pods.succeed(slot.plugin.namespace(), &name)).await?
}
