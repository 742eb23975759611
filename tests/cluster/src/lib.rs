//! A real Kubernetes control plane on this machine, for tests and the demo: etcd, API server,
//! controller manager and scheduler, with kwok in the place of nodes and kubelets.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use arcane_cluster::Cluster;
//!
//! let cluster = Cluster::shared().await?;
//! let namespace = cluster.namespace("example").await?;
//! let mark = cluster.audit().mark().await?;
//! // … create a Job, then end its pod:
//! cluster.pods()?.fail(&namespace, "my-stream", 3, "the source is gone").await?;
//! let record = cluster.audit().since(mark).await?;
//! println!("{:?}", record.in_namespace(&namespace).counts());
//! # Ok(())
//! # }
//! ```
//!
//! The programs are found in `KUBEBUILDER_ASSETS` or in the user's cache
//! (`$XDG_CACHE_HOME/arcane-host` or `~/.cache/arcane-host`), else built from the Go modules under
//! `tools/`. They never outlive the process that started them, and the cluster's directory is
//! removed with them unless [`KEEP_DIRECTORY`] is set.

pub mod audit;
mod binaries;
mod cluster;
mod control_plane;
mod helm;
mod home;
mod kubeconfig;
mod local_http;
mod operator;
mod pki;
pub mod pods;
mod ports;
mod process;
mod proxy;
pub mod wait;

pub use audit::Audit;
pub(crate) use cluster::config;
pub use cluster::{Cluster, KEEP_DIRECTORY, PausedControllers, SHARED_CLUSTER};
pub use local_http::Answer;
pub use operator::{Operator, OperatorBuilder, Stopped, Usage};
pub use pods::Pods;
pub use ports::free_port;
pub use proxy::{Fault, Injection, Proxy, Rule};
pub use wait::eventually;
