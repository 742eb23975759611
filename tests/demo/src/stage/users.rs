//! A cluster of the user's: the demo makes two namespaces there, and removes what it has made.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use arcane_cluster::Pods;
use arcane_cluster::wait::within;
use arcane_contract::api::{BackfillRequest, StreamClass, StreamingJobTemplate};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, ResourceExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use xtask::cli;

use super::{CRDS, NAMESPACE, PLUGIN, RELEASE, Runs, SYSTEM, operator_binary};
use crate::streams::CLASS;

/// Plurals of the platform's kinds.
const KINDS: [&str; 3] = ["streamclasses", "streamingjobtemplates", "backfillrequests"];
/// Namespaces and kinds go when everything in them has gone.
const GONE_WITHIN: Duration = Duration::from_secs(120);
/// Longer than any demo.
const TOKEN_SECONDS: i64 = 4 * 60 * 60;

/// The cluster, and the operator if it is a process here.
pub struct Users {
    pub client: Client,
    pub stream_image: String,
    context: String,
    image: Option<String>,
    kubeconfig: Kubeconfig,
    /// Kubeconfigs and logs; removed with this.
    dir: TempDir,
    operator: Option<Child>,
    /// Whether the platform's kinds came with the demo.
    pub brings_crds: bool,
}

impl Users {
    pub async fn connect(context: &str, arguments: &cli::Demo) -> Result<Self> {
        let mut kubeconfig = Kubeconfig::read().context("failed to read your kubeconfig")?;
        ensure!(
            kubeconfig
                .contexts
                .iter()
                .any(|known| known.name == context),
            "your kubeconfig has no context {context:?}; it has {:?}",
            kubeconfig
                .contexts
                .iter()
                .map(|known| &known.name)
                .collect::<Vec<_>>()
        );
        kubeconfig.current_context = Some(context.to_owned());
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await?;
        let client = Client::try_from(config)?;
        let users = Self {
            brings_crds: lacks_crds(&client).await?,
            client,
            stream_image: arguments.stream_image.clone(),
            context: context.to_owned(),
            image: arguments.image.clone(),
            kubeconfig,
            dir: tempfile::tempdir()?,
            operator: None,
        };
        std::fs::write(
            users.own_kubeconfig(),
            serde_yaml_ng::to_string(&users.kubeconfig)?,
        )?;
        users.check_is_free().await?;
        Ok(users)
    }

    /// Refuses a cluster in which the demo would meet others: another operator would serve the
    /// demo's class, and the demo's would serve theirs.
    async fn check_is_free(&self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        for name in [NAMESPACE, SYSTEM] {
            let existing = namespaces.get_opt(name).await?;
            ensure!(
                existing.is_none(),
                "namespace {name} is there already: an earlier demo may have left it; delete it first"
            );
        }
        if self.brings_crds {
            return Ok(());
        }
        let classes: Api<StreamClass> = Api::all(self.client.clone());
        let classes = classes.list(&ListParams::default().limit(1)).await?;
        if let Some(class) = classes.items.first() {
            bail!(
                "this cluster has streams already (class {}): only one operator of the platform may \
                 run in a cluster, so choose another for the demo",
                class.name_any()
            );
        }
        Ok(())
    }

    pub fn operator_values(&self) -> Value {
        let Some(image) = &self.image else {
            return json!({"replicaCount": 0});
        };
        let (repository, tag, digest) = parts(image);
        json!({"image": {"repository": repository, "tag": tag, "digest": digest}})
    }

    pub async fn helm(&self, arguments: &[&str]) -> Result<()> {
        let output = Command::new("helm")
            .args(arguments)
            .env("KUBECONFIG", self.own_kubeconfig())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("failed to start helm, which a demo in your own cluster needs")?;
        ensure!(
            output.status.success(),
            "helm {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    pub async fn start_operator(&mut self, patience: Duration) -> Result<()> {
        if self.image.is_some() {
            return self.wait_deployed(patience).await;
        }
        let kubeconfig = self.dir.path().join("operator");
        std::fs::write(
            &kubeconfig,
            serde_yaml_ng::to_string(&self.as_service_account().await?)?,
        )?;
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())?;
        let child = Command::new(operator_binary()?)
            .env("KUBECONFIG", kubeconfig)
            .env("POD_NAME", format!("{RELEASE}-0"))
            .env("ARCANE_HOST__LEASE_NAMESPACE", SYSTEM)
            .env(
                "ARCANE_HOST__PROBES_PORT",
                arcane_cluster::free_port()?.to_string(),
            )
            .env(
                "ARCANE_HOST__METRICS_PORT",
                arcane_cluster::free_port()?.to_string(),
            )
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("failed to start the operator")?;
        self.operator = Some(child);
        Ok(())
    }

    async fn wait_deployed(&self, patience: Duration) -> Result<()> {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), SYSTEM);
        within(patience, async || {
            let status = deployments.get(RELEASE).await?.status.unwrap_or_default();
            ensure!(status.ready_replicas == Some(1), "{status:?}");
            Ok(())
        })
        .await
        .context("the operator's Deployment is not ready")
    }

    /// The context's cluster, with a token of the service account that the chart made: what the
    /// operator may do is what the chart grants.
    async fn as_service_account(&self) -> Result<Kubeconfig> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), SYSTEM);
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                expiration_seconds: Some(TOKEN_SECONDS),
                ..TokenRequestSpec::default()
            }),
            ..TokenRequest::default()
        };
        let answer = accounts
            .create_token_request(RELEASE, &PostParams::default(), &request)
            .await
            .context("failed to get a token of the operator's service account")?;
        let token = answer.status.and_then(|status| status.token);
        let mut kubeconfig = self.kubeconfig.clone();
        kubeconfig
            .contexts
            .retain(|context| context.name == self.context);
        for named in &mut kubeconfig.auth_infos {
            named.auth_info = Some(AuthInfo {
                token: token.clone().map(Into::into),
                ..AuthInfo::default()
            });
        }
        Ok(kubeconfig)
    }

    pub async fn crash_operator(&mut self) -> Result<()> {
        if self.image.is_some() {
            let pods: Api<Pod> = Api::namespaced(self.client.clone(), SYSTEM);
            let of_release = format!("app.kubernetes.io/instance={RELEASE}");
            let all = ListParams::default().labels(&of_release);
            let at_once = DeleteParams::default().grace_period(0);
            pods.delete_collection(&at_once, &all).await?;
            return Ok(());
        }
        let mut operator = self.operator.take().context("no operator is running")?;
        operator.kill().await?;
        Ok(())
    }

    /// The demo's pods are simulated where every node is.
    pub async fn runs(&self) -> Result<Runs> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let nodes = nodes.list_metadata(&ListParams::default()).await?;
        let pods = Pods::new(self.client.clone());
        let is_simulated = |annotations: &std::collections::BTreeMap<String, String>| {
            annotations.contains_key("kwok.x-k8s.io/node")
        };
        Ok(
            if nodes
                .items
                .iter()
                .all(|node| is_simulated(node.annotations()))
            {
                Runs::Simulated(pods)
            } else {
                Runs::Real {
                    pods,
                    kubeconfig: self.own_kubeconfig(),
                }
            },
        )
    }

    pub fn operator_log(&self) -> Option<String> {
        std::fs::read_to_string(self.log()).ok()
    }

    pub fn ways_in(&self) -> String {
        format!("kubectl config use-context {}\n", self.context)
    }

    /// Removes the releases and the namespaces, and the platform's kinds if they came with the
    /// demo and nobody has used them since.
    pub async fn clean_up(mut self) -> Result<()> {
        // The class first: the operator then leaves the streams alone while they go.
        let classes: Api<StreamClass> = Api::all(self.client.clone());
        let _ = classes.delete(CLASS, &DeleteParams::default()).await;
        if let Some(mut operator) = self.operator.take() {
            operator.kill().await?;
        }
        for (release, namespace) in [(PLUGIN, NAMESPACE), (RELEASE, SYSTEM)] {
            self.helm(&["uninstall", release, "-n", namespace, "--ignore-not-found"])
                .await?;
        }
        if self.brings_crds {
            self.helm(&["uninstall", CRDS, "-n", SYSTEM, "--ignore-not-found"])
                .await?;
        }
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        delete_all(&namespaces, &[NAMESPACE, SYSTEM].map(str::to_owned)).await?;
        if self.brings_crds && self.is_unused().await? {
            let crds: Api<CustomResourceDefinition> = Api::all(self.client.clone());
            let names = KINDS.map(|plural| format!("{plural}.streaming.sneaksanddata.com"));
            delete_all(&crds, &names).await?;
        }
        Ok(())
    }

    async fn is_unused(&self) -> Result<bool> {
        let one = ListParams::default().limit(1);
        let classes = Api::<StreamClass>::all(self.client.clone())
            .list_metadata(&one)
            .await?;
        let templates = Api::<StreamingJobTemplate>::all(self.client.clone())
            .list_metadata(&one)
            .await?;
        let requests = Api::<BackfillRequest>::all(self.client.clone())
            .list_metadata(&one)
            .await?;
        Ok(classes.items.is_empty() && templates.items.is_empty() && requests.items.is_empty())
    }

    fn own_kubeconfig(&self) -> PathBuf {
        self.dir.path().join("kubeconfig")
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("operator.log")
    }
}

/// Deletes objects that may be gone already, and waits until they are.
async fn delete_all<K>(api: &Api<K>, names: &[String]) -> Result<()>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    for name in names {
        match api.delete(name, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            result => drop(result?),
        }
    }
    within(GONE_WITHIN, async || {
        for name in names {
            ensure!(api.get_opt(name).await?.is_none(), "{name} is still there");
        }
        Ok(())
    })
    .await
}

/// Whether the platform's kinds are not installed.
async fn lacks_crds(client: &Client) -> Result<bool> {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = format!("{}.streaming.sneaksanddata.com", KINDS[0]);
    Ok(crds.get_opt(&name).await?.is_none())
}

/// Repository, tag and digest of an image.
fn parts(image: &str) -> (&str, &str, &str) {
    let (name, digest) = image.split_once('@').unwrap_or((image, ""));
    match name.rsplit_once(':') {
        // A colon before a slash belongs to a port.
        Some((repository, tag)) if !tag.contains('/') => (repository, tag, digest),
        _ => (name, "", digest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_taken_apart_whatever_it_names() {
        assert_eq!(parts("host"), ("host", "", ""));
        assert_eq!(
            parts("r.example:5000/host"),
            ("r.example:5000/host", "", "")
        );
        assert_eq!(
            parts("r.example:5000/host:1.2"),
            ("r.example:5000/host", "1.2", "")
        );
        assert_eq!(parts("host@sha256:ab"), ("host", "", "sha256:ab"));
    }
}
