//! StreamingJobTemplates, understood once for all streams that use them.

use std::sync::Arc;

use arcane_contract::{api::StreamingJobTemplate, template::JobTemplate};
use kube::{Api, Client, ResourceExt};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{
    Change, Guarded, Key, Observer, Store, events::config, follow as follow_kind, resource_version,
    routes::Routes,
};
use crate::faults::Faults;

/// One template that cannot be read must not hide the others.
type GuardedTemplate = Guarded<StreamingJobTemplate>;

/// A template, or why it cannot be used.
#[derive(PartialEq)]
pub struct CachedTemplate {
    /// `metadata.resourceVersion`
    pub version: u64,
    /// The Job in it.
    pub template: Result<JobTemplate, String>,
}

/// Follows the templates.
pub async fn follow(
    client: Client,
    store: Arc<Store<CachedTemplate>>,
    routes: Arc<Routes>,
    faults: Faults,
    stop: CancellationToken,
) {
    follow_kind(
        Api::<GuardedTemplate>::all(client),
        config(),
        &store,
        &TemplateObserver { routes },
        &faults,
        &stop,
    )
    .await;
}

struct TemplateObserver {
    routes: Arc<Routes>,
}

impl Observer<GuardedTemplate> for TemplateObserver {
    type View = CachedTemplate;

    fn resource(&self) -> &'static str {
        "streamingjobtemplates.streaming.sneaksanddata.com"
    }

    /// Streams of every shard may use it.
    fn concerns(&self, _: &GuardedTemplate) -> bool {
        true
    }

    fn project(&self, object: GuardedTemplate) -> CachedTemplate {
        let (version, namespace) = (
            resource_version(&object),
            object.namespace().unwrap_or_default(),
        );
        let template = match object.read() {
            Ok(object) => JobTemplate::parse(&namespace, &object.name_any(), &object.spec.0)
                .map_err(|error| error.to_string()),
            Err(invalid) => Err(invalid.error),
        };
        CachedTemplate { version, template }
    }

    fn changed(&self, key: &Key, change: Change<'_, CachedTemplate>) {
        let version = change.view().version;
        debug!(template = %key, version, "the template is known");
        self.routes.template(key.clone());
    }
}
