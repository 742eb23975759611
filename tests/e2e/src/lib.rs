//! End-to-end scenarios on the real control plane, and what they share.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use arcane_e2e::Definition;
//!
//! let sample = arcane_e2e::sample().await?;
//! let orders = sample.create("orders", Definition::v2()).await;
//! orders.wait_phase("Backfilling").await;
//! orders.finish_job().await;
//! orders.wait_phase("Running").await;
//! sample.assert_clean().await;
//! # Ok(())
//! # }
//! ```
//!
//! [`sample`] and [`shared`] use one control plane, one operator and one stream class for all
//! tests of a binary: every test has a namespace of its own. A test that stops the operator, or
//! needs it configured in another way, installs a [`Platform`] on a cluster of its own.
//!
//! What acts on a [`Plugin`] or a [`Stream`] panics when it fails, with the place in the test that
//! asked for it; what waits does so for [`DEADLINE`] at most, and tells what it saw last.

mod act;
mod class;
mod component;
mod definition;
mod jobs;
mod metrics;
mod oracle;
mod own;
mod platform;
mod plugin;
mod pod_record;
mod replica;
mod sight;
mod stream;
mod template;
mod values;

pub use act::{DEADLINE, Patience, act, until};
pub use component::{Component, digest, encoded};
pub use definition::Definition;
pub use jobs::{environment, owner, pod_annotation};
pub use metrics::{sum, wait_looked};
pub use own::{Own, STOPPED_WITHIN};
pub use platform::{NAMESPACE, OPERATOR_USER, Platform, READY_WITHIN, Shared, sample, shared};
pub use plugin::Plugin;
pub use pod_record::PodRecord;
pub use replica::{TAKEN_OVER_WITHIN, replica, replica_with, wait_leading};
pub use stream::Stream;
pub use template::{change_template, create_template, replace_template};
pub use values::{quick_backfill, short_backfills};
