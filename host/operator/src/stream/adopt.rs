//! Taking over the Jobs of an operator that does not label them as the contract says.

use arcane_contract::names::{LABEL_STREAM_ID, LABEL_STREAM_KIND};
use arcane_lifecycle::Fenced;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::{
    Api, Resource, ResourceExt,
    api::{ListParams, PartialObjectMeta},
};
use serde::de::DeserializeOwned;
use serde_json::json;
use tracing::{info, warn};

use super::{context::Class, memory::lock};
use crate::{
    cache::Key,
    writer::{self, Written},
};

/// Objects of a page.
const PAGE: u32 = 500;

/// Labels the Jobs and CronJobs that definitions of this class control but that carry no stream
/// label, so that the watches see them. Done once, before the class is served.
pub async fn adopt_unlabelled(class: &Class) {
    for (kind, found) in [
        (Fenced::Job, unlabelled::<Job>(class).await),
        (Fenced::CronJob, unlabelled::<CronJob>(class).await),
    ] {
        let plural = class.objects(kind, "").resource;
        match found {
            Ok(found) => {
                for ours in found {
                    adopt(class, kind, &plural, &ours).await;
                }
            }
            Err(error) => {
                warn!(class = %class.name, "failed to look for {plural} to take over: {error}")
            }
        }
    }
}

async fn adopt(class: &Class, kind: Fenced, plural: &str, ours: &Unlabelled) {
    let key = &ours.key;
    match label(class, kind, key).await {
        Ok(written) => {
            // The stream is not looked at before its Job is seen.
            let memory = class.memories.of(key, &ours.stream_uid);
            lock(&memory).wrote(kind, written.version());
            info!(class = %class.name, namespace = %key.namespace, stream = %key.name, "took over from {plural} without labels")
        }
        Err(error) => {
            warn!(class = %class.name, namespace = %key.namespace, stream = %key.name, "failed to take over from {plural}: {error}")
        }
    }
}

/// A Job or CronJob without a stream label.
struct Unlabelled {
    key: Key,
    /// `metadata.uid` of its stream's definition.
    stream_uid: String,
}

/// Puts the contract's labels on the Job or CronJob of this name.
pub async fn label(class: &Class, kind: Fenced, key: &Key) -> Result<Written, writer::Error> {
    let labels = json!({"metadata": {"labels": {
        LABEL_STREAM_ID: key.name,
        LABEL_STREAM_KIND: class.kind.kind,
    }}});
    let path = class.objects(kind, &key.namespace);
    class.host.writer.merge(&path, &key.name, &labels).await
}

/// Objects whose controller is a definition of this class, named like it, without a stream label.
async fn unlabelled<K>(class: &Class) -> Result<Vec<Unlabelled>, kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let api: Api<PartialObjectMeta<K>> = Api::all(class.host.client.clone());
    let mut params = ListParams::default()
        .labels(&format!("!{LABEL_STREAM_ID}"))
        .limit(PAGE);
    let mut found = Vec::new();
    loop {
        let page = api.list(&params).await?;
        let of_shard = page
            .items
            .iter()
            .filter(|object| class.host.shard.owns_object(*object));
        let ours = of_shard.filter_map(|object| {
            let mut owners = object.owner_references().iter();
            let owner = owners.find(|owner| {
                owner.controller == Some(true)
                    && owner.kind == class.kind.kind
                    && owner
                        .api_version
                        .starts_with(&format!("{}/", class.kind.group))
                    && owner.name == object.name_any()
            })?;
            Some(Unlabelled {
                key: Key::of(object),
                stream_uid: owner.uid.clone(),
            })
        });
        found.extend(ours);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(found),
        }
    }
}
