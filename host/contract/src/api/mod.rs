//! The platform's own kinds, group `streaming.sneaksanddata.com`, and their CRDs.
//!
//! The CRDs accept every object that the platform's published CRDs accept: nothing more is
//! required, no enum is narrower, and CEL rules speak only of fields that the published CRDs do
//! not have. Objects may come from a cluster with the published CRDs, so readers must not rely on
//! defaults, and not on `spec` being there at all: watch these kinds through
//! [`kube::core::DeserializeGuard`].

mod backfill_request;
mod crds;
mod decision;
mod job_schema;
mod job_template;
mod manifests;
mod plugin;
mod restart;
mod status;
mod stream_class;

pub use backfill_request::{BackfillRequest, BackfillRequestSpec, BackfillRequestStatus};
pub use crds::crds;
pub use decision::RecordedDecision;
pub use job_template::{StreamingJobTemplate, StreamingJobTemplateSpec};
pub use manifests::manifests;
pub use plugin::{
    ConfigMapPart, ConfigMapRef, DEFAULT_PLUGIN_KEY, FailurePolicy, PluginGrants, PluginSpec,
    VOLUME_TYPES,
};
pub use restart::{RestartPolicy, RestartPolicyType, RollingRestart};
pub use status::Phase;
pub use stream_class::{PluginStatus, StreamClass, StreamClassSpec, StreamClassStatus};
