//! What the demo plays on: a control plane of its own, or a cluster of the user's.

mod own;
mod runs;
mod users;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use arcane_contract::names;
use kube::Client;
use kube::api::ApiResource;
use serde_json::{Value, json};
use xtask::cli;

use crate::streams::{BACKFILL, CLASS, KIND, PLURAL, STREAMING};
use own::Own;
pub use runs::Runs;
use users::Users;

/// Namespace of the streams.
pub const NAMESPACE: &str = "arcane-demo";
/// Namespace of the operator.
pub const SYSTEM: &str = "arcane-demo-system";
/// Release of the operator's chart, and the name of its objects and of its service account.
pub const RELEASE: &str = "arcane-demo";
/// Release of the sample plugin's chart.
const PLUGIN: &str = "arcane-demo-plugin";
/// Release of the CRDs' chart.
const CRDS: &str = "arcane-host-crds";

/// How long a simulated pod takes for a backfill, as a Go duration: long enough to crash the
/// operator in the middle of it.
const BACKFILL_TAKES: &str = "1500ms";

/// What a real pod of a stream does. A simulated one follows its annotations instead.
const STREAM: &str = r#"
trap 'exit 0' USR1
trap 'exit 3' USR2
trap 'exit 137' HUP
trap 'exit 143' TERM
if [ "$STREAMCONTEXT__BACKFILL" = true ]; then sleep 3; exit 0; fi
while :; do sleep 1 & wait $!; done
"#;

/// How long anything may take.
pub fn patience(arguments: &cli::Demo) -> Duration {
    match arguments.context {
        None => Duration::from_secs(30),
        // Images are pulled, nodes may have to come up.
        Some(_) => Duration::from_secs(180),
    }
}

/// A place to play, with the operator.
pub enum Stage {
    Own(Box<Own>),
    Users(Box<Users>),
}

impl Stage {
    /// Starts a control plane, or connects to the user's cluster.
    pub async fn open(arguments: &cli::Demo) -> Result<Self> {
        Ok(match &arguments.context {
            None => Self::Own(Box::new(Own::start().await?)),
            Some(context) => Self::Users(Box::new(Users::connect(context, arguments).await?)),
        })
    }

    /// A client with the rights of whoever plays.
    pub fn client(&self) -> Result<Client> {
        match self {
            Self::Own(own) => own.cluster.client(),
            Self::Users(users) => Ok(users.client.clone()),
        }
    }

    /// Installs both charts and the sample plugin's, with Helm.
    pub async fn install(&self) -> Result<()> {
        let values = tempfile::Builder::new().suffix(".json").tempfile()?;
        let write = |content: &Value| std::fs::write(values.path(), content.to_string());
        let file = values.path().to_string_lossy().into_owned();
        let new = ["--create-namespace", "--values", &file];

        if self.brings_crds() {
            self.helm(&[
                "upgrade",
                "--install",
                CRDS,
                &chart("charts/arcane-host-crds")?,
                "-n",
                SYSTEM,
                "--create-namespace",
            ])
            .await?;
        }
        write(&self.operator_values())?;
        let operator = [
            "upgrade",
            "--install",
            RELEASE,
            &chart("charts/arcane-host")?,
            "-n",
            SYSTEM,
        ];
        self.helm(&[&operator, &new[..]].concat()).await?;
        write(&self.plugin_values())?;
        let plugin = chart("tests/e2e/charts/sample-stream")?;
        let plugin = ["upgrade", "--install", PLUGIN, &plugin, "-n", NAMESPACE];
        self.helm(&[&plugin, &new[..]].concat()).await
    }

    fn brings_crds(&self) -> bool {
        match self {
            Self::Own(_) => true,
            Self::Users(users) => users.brings_crds,
        }
    }

    fn operator_values(&self) -> Value {
        let mut values = match self {
            // The operator is a process here, as whom it speaks is what the chart makes.
            Self::Own(_) => json!({"replicaCount": 0}),
            Self::Users(users) => users.operator_values(),
        };
        values["fullnameOverride"] = json!(RELEASE);
        values
    }

    fn plugin_values(&self) -> Value {
        let image = match self {
            Self::Own(_) => "sample-stream:latest",
            Self::Users(users) => &users.stream_image,
        };
        json!({
            "className": CLASS,
            "kind": KIND,
            "plural": PLURAL,
            "singular": "demo-stream",
            "templates": {"streaming": STREAMING, "backfill": BACKFILL},
            "image": image,
            "command": ["/bin/sh", "-c", STREAM],
            // A pod that fails is a Job that fails, without the retries that would take a minute.
            "backoffLimit": 0,
            "podAnnotations": {
                "test/backfill-outcome": "succeed",
                "test/backfill-after": BACKFILL_TAKES,
            },
        })
    }

    async fn helm(&self, arguments: &[&str]) -> Result<()> {
        match self {
            Self::Own(own) => own.cluster.helm(arguments).await.map(drop),
            Self::Users(users) => users.helm(arguments).await,
        }
    }

    /// Starts the operator and waits until it is ready.
    pub async fn start_operator(&mut self, patience: Duration) -> Result<()> {
        match self {
            Self::Own(own) => own.start_operator(patience).await,
            Self::Users(users) => users.start_operator(patience).await,
        }
    }

    /// Kills the operator without warning.
    pub async fn crash_operator(&mut self) -> Result<()> {
        match self {
            Self::Own(own) => own.crash_operator(),
            Self::Users(users) => users.crash_operator().await,
        }
    }

    /// What plays the part of the streams' programs.
    pub async fn runs(&self) -> Result<Runs> {
        match self {
            Self::Own(own) => Ok(Runs::Simulated(own.cluster.pods()?)),
            Self::Users(users) => users.runs().await,
        }
    }

    /// The audit log, where there is one to read.
    pub fn cluster(&self) -> Option<&arcane_cluster::Cluster> {
        match self {
            Self::Own(own) => Some(&own.cluster),
            Self::Users(_) => None,
        }
    }

    /// The end of the operator's log, where it is a process of ours.
    pub fn operator_log(&self) -> Option<String> {
        match self {
            Self::Own(own) => own.operator_log(),
            Self::Users(users) => users.operator_log(),
        }
    }

    /// How a person looks around.
    pub fn ways_in(&self) -> String {
        match self {
            Self::Own(own) => format!(
                "export KUBECONFIG={}\nexport PATH={}:$PATH\n",
                own.cluster.kubeconfig().display(),
                own.cluster.bin_dir().display()
            ),
            Self::Users(users) => users.ways_in(),
        }
    }

    /// Removes what the demo has made, as far as it is not removed with the control plane.
    pub async fn close(self) -> Result<()> {
        match self {
            Self::Own(own) => own.stop().await,
            Self::Users(users) => users.clean_up().await,
        }
    }
}

/// The kind of the demo's definitions.
pub fn kind() -> ApiResource {
    ApiResource {
        group: names::GROUP.to_owned(),
        version: names::VERSION.to_owned(),
        api_version: format!("{}/{}", names::GROUP, names::VERSION),
        kind: KIND.to_owned(),
        plural: PLURAL.to_owned(),
    }
}

/// A folder of this checkout.
fn chart(path: &str) -> Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let chart = root.join(path).canonicalize();
    let chart = chart.with_context(|| format!("the checkout has no {path}"))?;
    Ok(chart.display().to_string())
}

/// The operator's binary, which `cargo xtask` has built.
fn operator_binary() -> Result<PathBuf> {
    match std::env::var_os("ARCANE_HOST_BINARY") {
        Some(binary) => Ok(binary.into()),
        None => {
            bail!("ARCANE_HOST_BINARY does not name the operator's binary: run `cargo xtask demo`")
        }
    }
}
