//! A stream plugin: its class, and one namespace with its job templates.

use std::process::Output;

use anyhow::{Context, Result, bail};
use arcane_cluster::audit::{Mark, Record};
use arcane_cluster::{Cluster, Pods};
use arcane_contract::api::{StreamClass, StreamingJobTemplate};
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use kube::core::{NamespaceResourceScope, Resource};
use kube::{Client, ResourceExt};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::act::{act, until};
use crate::definition::Definition;
use crate::oracle;
use crate::platform::{OPERATOR_USER, operator_logs, path};
use crate::stream::Stream;

const GROUP: &str = "streaming.sneaksanddata.com";
/// Release of the shared class, and its namespace.
const SAMPLE: &str = "sample-stream";

/// A class of streams and its kind.
#[derive(Debug, Clone)]
pub(crate) struct Class {
    name: String,
    kind: ApiResource,
}

/// A class of streams, and a namespace for the streams of one test.
pub struct Plugin<'a> {
    cluster: &'a Cluster,
    client: Client,
    class: Class,
    namespace: String,
    mark: Mark,
}

/// Installs the class that most tests share.
pub(crate) async fn install_sample(cluster: &Cluster) -> Result<Class> {
    let class = Class::new("sample", "SampleStream", "sample-streams");
    class.install(cluster, SAMPLE, &json!({})).await?;
    Ok(class)
}

impl Class {
    fn new(name: &str, kind: &str, plural: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: ApiResource {
                group: GROUP.to_owned(),
                version: "v1".to_owned(),
                api_version: format!("{GROUP}/v1"),
                kind: kind.to_owned(),
                plural: plural.to_owned(),
            },
        }
    }

    async fn install(&self, cluster: &Cluster, namespace: &str, values: &Value) -> Result<()> {
        let names = json!({
            "className": self.name,
            "kind": self.kind.kind,
            "plural": self.kind.plural,
            "singular": self.kind.kind.to_lowercase(),
        });
        let chart = path("charts/sample-stream");
        let (names, values) = (settings(&names), template_settings(values));
        let mut arguments = vec!["upgrade", "--install", SAMPLE, &chart];
        arguments.extend(["-n", namespace, "--create-namespace"]);
        arguments.extend(names.iter().chain(&values).map(String::as_str));
        cluster.helm(&arguments).await?;
        Ok(())
    }
}

impl<'a> Plugin<'a> {
    /// `class` in a new namespace, with job templates rendered by Helm.
    pub(crate) async fn in_new_namespace(
        cluster: &'a Cluster,
        class: Class,
        values: &Value,
    ) -> Result<Self> {
        let plugin = Self::at(cluster, class, cluster.namespace("e2e").await?).await?;
        let (chart, values) = (path("charts/sample-stream"), template_settings(values));
        let mut arguments = vec!["template", SAMPLE, &chart, "-n", &plugin.namespace];
        arguments.extend(["--show-only", "templates/job-templates.yaml"]);
        arguments.extend(values.iter().map(String::as_str));
        let rendered = cluster.helm(&arguments).await?;
        for document in serde_yaml_ng::Deserializer::from_str(&rendered) {
            let template = StreamingJobTemplate::deserialize(document)?;
            let templates = plugin.api::<StreamingJobTemplate>();
            templates.create(&PostParams::default(), &template).await?;
        }
        Ok(plugin)
    }

    /// A class of its own in a new namespace, all installed by Helm.
    pub(crate) async fn with_own_class(cluster: &'a Cluster, values: &Value) -> Result<Self> {
        const PREFIX: &str = "e2e";
        let namespace = cluster.namespace(PREFIX).await?;
        // The API server's own suffix makes names of cluster-wide objects unique as well.
        let suffix = namespace.trim_start_matches("e2e-");
        let class = Class::new(
            &format!("sample-{suffix}"),
            &format!("Sample{suffix}"),
            &format!("samples-{suffix}"),
        );
        class.install(cluster, &namespace, values).await?;
        Self::at(cluster, class, namespace).await
    }

    /// A new namespace for streams of a class that the test installs by itself, its kind, rights and
    /// templates too.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn bare(cluster: &'a Cluster, class: &str, kind: &str, plural: &str) -> Result<Self> {
        let class = Class::new(class, kind, plural);
        Self::at(cluster, class, cluster.namespace("e2e").await?).await
    }

    async fn at(cluster: &'a Cluster, class: Class, namespace: String) -> Result<Self> {
        Ok(Self {
            cluster,
            client: cluster.client()?,
            class,
            namespace,
            mark: cluster.audit().mark().await?,
        })
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &'a Cluster {
        self.cluster
    }

    /// Name of the StreamClass.
    #[must_use]
    pub fn class(&self) -> &str {
        &self.class.name
    }

    /// Kind of the definitions.
    #[must_use]
    pub fn kind(&self) -> &ApiResource {
        &self.class.kind
    }

    /// The test's namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Objects of a kind in the namespace.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Definitions in the namespace.
    #[must_use]
    pub fn definitions(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &self.class.kind)
    }

    /// Stream classes, which are in no namespace.
    #[must_use]
    pub fn classes(&self) -> Api<StreamClass> {
        Api::all(self.client.clone())
    }

    /// Remote control of the pods.
    #[must_use]
    pub fn pods(&self) -> Pods {
        Pods::new(self.client.clone())
    }

    /// Creates a stream.
    #[track_caller]
    pub fn create(&self, name: &str, definition: Definition) -> impl Future<Output = Stream<'_>> {
        let name = name.to_owned();
        act(format!("create the stream {name}"), async move {
            let mut object = DynamicObject::new(&name, &self.class.kind);
            object.metadata = definition.metadata(&name);
            object.data = json!({"spec": definition.spec()});
            let definitions = self.definitions();
            let created = definitions.create(&PostParams::default(), &object).await?;
            let uid = created.uid().context("the API server gave no uid")?;
            Ok(Stream::new(self, name, uid, definition.layout()))
        })
    }

    /// The operator's requests about the namespace since the test began.
    #[track_caller]
    pub fn audit(&self) -> impl Future<Output = Record> {
        act("read the audit log", self.record())
    }

    /// The operator's successful writes since the test began, apart from events: verb and
    /// resource, in order.
    #[track_caller]
    pub fn writes(&self) -> impl Future<Output = Vec<String>> {
        act("read the audit log", async {
            let writes = self.record().await?.writes().except(&["events"]);
            let writes = writes
                .iter()
                .map(|request| format!("{} {}", request.verb, request.resource));
            Ok(writes.collect())
        })
    }

    /// What the operator should not have done in the namespace; see [`assert_clean`].
    ///
    /// [`assert_clean`]: Self::assert_clean
    #[track_caller]
    pub fn blemishes(&self) -> impl Future<Output = Vec<String>> {
        act("read the audit log", async {
            Ok(oracle::blemishes(&self.record().await?))
        })
    }

    /// Asserts that the operator made no Job twice for one request, wrote nothing that changed
    /// nothing, read no Secret, and had nothing refused, but for trials, for looks at what
    /// turned out not to be there, and for changes to objects that a user changed at the same
    /// moment.
    #[track_caller]
    pub fn assert_clean(&self) -> impl Future<Output = ()> {
        act("find the operator's record clean", async {
            let record = self.record().await?;
            let blemishes = oracle::blemishes(&record);
            if blemishes.is_empty() {
                return Ok(());
            }
            bail!(
                "{blemishes:#?}\nall it did: {:#?}",
                oracle::account(&record)
            )
        })
    }

    async fn record(&self) -> Result<Record> {
        let record = self.cluster.audit().since(self.mark).await?;
        Ok(record.in_namespace(&self.namespace).by_user(OPERATOR_USER))
    }

    /// Runs kubectl in the namespace.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str]) -> impl Future<Output = Output> {
        let mut command = tokio::process::Command::new(self.cluster.kubectl());
        command
            .arg("--kubeconfig")
            .arg(self.cluster.kubeconfig())
            .args(["-n", &self.namespace])
            .args(arguments)
            .kill_on_drop(true);
        act("run kubectl", async move { Ok(command.output().await?) })
    }

    /// Waits until the class is served.
    #[track_caller]
    pub fn wait_ready(&self) -> impl Future<Output = ()> {
        until(format!("class {} to be ready", self.class()), async || {
            let class = self.classes().get(self.class()).await?;
            match class.status.as_ref().and_then(|status| status.phase) {
                Some(arcane_contract::api::Phase::Ready) => Ok(()),
                _ => bail!("{:?}", class.status),
            }
        })
    }
}

impl Drop for Plugin<'_> {
    /// When the test has failed: what operators logged about its namespace, and about themselves.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for log in operator_logs(self.cluster) {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            let concerned =
                |line: &&str| line.contains(&self.namespace) || !line.contains("\"namespace\":");
            for line in text.lines().filter(concerned) {
                eprintln!("operator: {line}");
            }
        }
    }
}

/// A test's values, over those that suit most tests: a pod that fails is not retried.
fn template_settings(values: &Value) -> Vec<String> {
    let mut all = settings(&json!({"backoffLimit": 0}));
    all.extend(settings(values));
    all
}

/// Values as arguments of Helm, whatever they are.
fn settings(values: &Value) -> Vec<String> {
    values
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("--set-json={name}={value}"))
        .collect()
}
