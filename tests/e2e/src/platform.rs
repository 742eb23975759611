//! The platform on a cluster: the operator's charts, the operator, and the sample plugin.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use arcane_cluster::{Cluster, Operator, OperatorBuilder};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::plugin::{self, Class, Plugin};

/// Namespace of the operator.
pub const NAMESPACE: &str = "arcane-system";
/// Release of the operator's chart, and so the name of its service account.
const RELEASE: &str = "arcane-host";
/// The user that the operator is to the API server.
pub const OPERATOR_USER: &str = "system:serviceaccount:arcane-system:arcane-host";
/// Time that a started operator may take to be ready: another one's lease must expire first when
/// several test binaries use one cluster in turn.
pub const READY_WITHIN: Duration = Duration::from_secs(60);

/// The operator's charts on a cluster. Which operators run is for the test to say.
#[derive(Debug)]
pub struct Platform<'a> {
    cluster: &'a Cluster,
    sample: OnceCell<Class>,
}

/// What the tests of one binary share.
#[derive(Debug)]
pub struct Shared {
    /// The platform on the shared cluster.
    pub platform: Platform<'static>,
    /// The one operator that runs there.
    pub operator: Operator,
}

/// The shared platform, its operator ready.
///
/// # Errors
/// When a program is missing or a chart cannot be installed.
pub async fn shared() -> Result<&'static Shared> {
    static SHARED: OnceCell<Shared> = OnceCell::const_new();
    SHARED
        .get_or_try_init(async || {
            let platform = Platform::install(Cluster::shared().await?).await?;
            let operator = platform.start_operator().await?;
            Ok(Shared { platform, operator })
        })
        .await
}

/// The sample class on the shared platform, in a namespace that is the test's own.
///
/// # Errors
/// As [`shared`].
pub async fn sample() -> Result<Plugin<'static>> {
    shared().await?.platform.sample(&json!({})).await
}

impl<'a> Platform<'a> {
    /// Installs both charts by Helm, or brings them up to date.
    ///
    /// # Errors
    /// When Helm fails.
    pub async fn install(cluster: &'a Cluster) -> Result<Self> {
        let crds = path("../../charts/arcane-host-crds");
        let operator = path("../../charts/arcane-host");
        let upgrade = ["upgrade", "--install"];
        let crds = [
            "arcane-host-crds",
            &crds,
            "-n",
            "default",
            "--take-ownership",
        ];
        let operator = [RELEASE, &operator, "-n", NAMESPACE, "--create-namespace"];
        cluster.helm(&[&upgrade[..], &crds].concat()).await?;
        cluster.helm(&[&upgrade[..], &operator].concat()).await?;
        Ok(Self {
            cluster,
            sample: OnceCell::new(),
        })
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &'a Cluster {
        self.cluster
    }

    /// An operator that speaks as the chart's service account, and logs in detail.
    pub fn operator(&self) -> OperatorBuilder<'a> {
        Operator::builder(self.cluster)
            .service_account(NAMESPACE, RELEASE)
            .env("ARCANE_HOST__LOG_LEVEL", "info,arcane_host=debug")
    }

    /// Starts such an operator and waits until it is ready.
    ///
    /// # Errors
    /// When its binary is missing (it says how to build it) or it does not become ready.
    pub async fn start_operator(&self) -> Result<Operator> {
        let mut operator = self.operator().start().await?;
        operator.wait_ready(READY_WITHIN).await?;
        Ok(operator)
    }

    /// The sample class, which is installed with the first call, in a new namespace that has job
    /// templates of its own. `values` are those of the chart that concern the templates:
    /// `podAnnotations`, `ttlSecondsAfterFinished`, `backoffLimit`, `image`.
    ///
    /// A pod that fails is not retried unless `backoffLimit` says so.
    ///
    /// # Errors
    /// When Helm or the API server refuses.
    pub async fn sample(&self, values: &Value) -> Result<Plugin<'a>> {
        let class = self
            .sample
            .get_or_try_init(|| plugin::install_sample(self.cluster))
            .await?;
        Plugin::in_new_namespace(self.cluster, class.clone(), values).await
    }

    /// A class of the test's own, installed by Helm with the chart's `values` (`secretRefs`,
    /// `restartPolicy`, `plugin`, `openStatus`, `grantRights` and those of [`sample`](Self::sample)) in a new namespace.
    ///
    /// # Errors
    /// When Helm refuses.
    pub async fn plugin(&self, values: &Value) -> Result<Plugin<'a>> {
        Plugin::with_own_class(self.cluster, values).await
    }
}

/// What the operators of a cluster print.
pub(crate) fn operator_logs(cluster: &Cluster) -> Vec<PathBuf> {
    let files = std::fs::read_dir(cluster.dir().join("logs"));
    files
        .into_iter()
        .flatten()
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|file| {
            file.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("operator"))
        })
        .collect()
}

/// A file of this repository, relative to this crate.
pub(crate) fn path(relative: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(relative)
        .display()
        .to_string()
}
