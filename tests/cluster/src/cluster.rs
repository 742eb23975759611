//! One control plane: starting, sharing, and ways in.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use nix::sys::signal::Signal;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::audit::Audit;
use crate::binaries::Binaries;
use crate::control_plane::ControlPlane;
use crate::home::Home;
use crate::kubeconfig::{self, Credentials};
use crate::pods::Pods;
use crate::process::Janitor;
use crate::wait::within;
use crate::{helm, local_http};

/// Names the directory of a running cluster that [`Cluster::shared`] uses instead of its own.
pub const SHARED_CLUSTER: &str = "ARCANE_TEST_CLUSTER";
/// When set (to anything), a cluster's directory stays after its end, logs and audit log included.
pub const KEEP_DIRECTORY: &str = "ARCANE_TEST_KEEP";

/// How long a service account's token is good for: longer than any test.
const TOKEN_SECONDS: i64 = 24 * 60 * 60;
/// The controller manager takes milliseconds, unless the machine is busy.
const POPULATED_WITHIN: Duration = Duration::from_secs(30);
/// A port can be taken between choosing it and listening on it; twice in a row is another fault.
const ATTEMPTS: usize = 3;

/// A Kubernetes control plane on 127.0.0.1, with one fake node.
///
/// Dropping it, and the end of this process in whatever way, ends its programs and removes its
/// directory.
#[derive(Debug)]
pub struct Cluster {
    // Dropped from top to bottom: the directory goes last.
    control_plane: Option<ControlPlane>,
    _janitor: Option<Janitor>,
    home: Home,
    admin: Config,
    audit: Arc<Audit>,
}

impl Cluster {
    /// Starts a control plane of one's own: about 4 s, and minutes when its programs are still to
    /// be built (progress is told on standard error).
    ///
    /// # Errors
    /// When a program cannot be found, built or started; its log's end is in the error.
    pub async fn start() -> Result<Self> {
        let binaries = spawn_blocking(Binaries::find_or_build).await??;
        for _ in 1..ATTEMPTS {
            match Self::attempt(&binaries).await {
                Err(error) if format!("{error:#}").contains("address already in use") => {}
                result => return result,
            }
        }
        Self::attempt(&binaries).await
    }

    async fn attempt(binaries: &Binaries) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("arcane-cluster-")
            .tempdir()?
            .keep();
        let keep = std::env::var_os(KEEP_DIRECTORY).is_some();
        let janitor = if keep { None } else { Some(Janitor::of(&dir)?) };
        let home = Home::create(dir)?;
        binaries.link_into(&home.bin())?;
        let control_plane = ControlPlane::start(&home).await?;
        Self::over(home, Some(control_plane), janitor).await
    }

    /// The cluster that a test binary's tests share: the one that [`SHARED_CLUSTER`] names, else
    /// one that starts with the first call. It ends with the process.
    ///
    /// # Errors
    /// As [`Cluster::start`] and [`Cluster::attach`]; the next call tries again.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Cluster> = OnceCell::const_new();
        SHARED
            .get_or_try_init(async || match std::env::var_os(SHARED_CLUSTER) {
                Some(dir) => Self::attach(Path::new(&dir)).await,
                None => Self::start().await,
            })
            .await
    }

    /// Uses a cluster that another process runs, by its [`dir`](Self::dir).
    ///
    /// # Errors
    /// When the directory is not that of a cluster.
    pub async fn attach(dir: &Path) -> Result<Self> {
        let home = Home::open(dir.to_owned()).with_context(|| {
            format!(
                "{} is not the directory of a running cluster",
                dir.display()
            )
        })?;
        Self::over(home, None, None).await
    }

    async fn over(
        home: Home,
        control_plane: Option<ControlPlane>,
        janitor: Option<Janitor>,
    ) -> Result<Self> {
        let admin = config(&home.kubeconfig("admin")).await?;
        let audit = Arc::new(Audit::new(home.audit_log(), admin.clone()));
        Ok(Self {
            control_plane,
            _janitor: janitor,
            home,
            admin,
            audit,
        })
    }

    /// The cluster's directory: kubeconfigs, logs, data. Give it to other processes in
    /// [`SHARED_CLUSTER`].
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.home.dir
    }

    /// A new client with every right, living on the current tokio runtime. (A client must not
    /// outlive the runtime that it was made on, and each test has its own.)
    ///
    /// # Errors
    /// When the client's certificates cannot be used.
    pub fn client(&self) -> Result<Client> {
        Ok(Client::try_from(self.admin.clone())?)
    }

    /// A new client that speaks as a service account.
    ///
    /// # Errors
    /// When the account does not exist.
    pub async fn client_for_service_account(&self, namespace: &str, name: &str) -> Result<Client> {
        Ok(Client::try_from(
            self.config_for_service_account(namespace, name).await?,
        )?)
    }

    /// What a client is made of that speaks as a service account, for one that is to live on another
    /// runtime.
    ///
    /// # Errors
    /// When the account does not exist.
    pub async fn config_for_service_account(&self, namespace: &str, name: &str) -> Result<Config> {
        config(&self.kubeconfig_for_service_account(namespace, name).await?).await
    }

    /// The kubeconfig with every right.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.home.kubeconfig("admin")
    }

    /// Writes a kubeconfig that speaks as a service account, by a fresh token of the TokenRequest
    /// API that is good for a day.
    ///
    /// # Errors
    /// When the account does not exist.
    pub async fn kubeconfig_for_service_account(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<PathBuf> {
        let token = self.token(namespace, name).await?;
        let file = self.home.kubeconfig(&format!("{namespace}.{name}"));
        kubeconfig::write(
            &file,
            &self.home.server(),
            &self.home.authority(),
            &Credentials::Token(&token),
        )?;
        Ok(file)
    }

    /// A fresh token of a service account.
    pub(crate) async fn token(&self, namespace: &str, name: &str) -> Result<String> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client()?, namespace);
        let spec = TokenRequestSpec {
            expiration_seconds: Some(TOKEN_SECONDS),
            ..TokenRequestSpec::default()
        };
        let request = TokenRequest {
            spec: Some(spec),
            ..TokenRequest::default()
        };
        let answer = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .with_context(|| {
                format!("failed to get a token of the service account {namespace}/{name}")
            })?;
        let token = answer.status.and_then(|status| status.token);
        token.context("the API server gave no token")
    }

    /// The address of the API server.
    #[must_use]
    pub fn server(&self) -> String {
        self.home.server()
    }

    /// The certificate of the authority that signed the API server's.
    #[must_use]
    pub fn certificate_authority(&self) -> PathBuf {
        self.home.authority()
    }

    /// The directory with every program of the cluster, `kubectl` and `helm` included.
    #[must_use]
    pub fn bin_dir(&self) -> PathBuf {
        self.home.bin()
    }

    /// The `kubectl` program.
    #[must_use]
    pub fn kubectl(&self) -> PathBuf {
        self.home.program("kubectl")
    }

    /// Creates a namespace with a name of its own that starts with `prefix`, and waits until it has
    /// its default service account.
    ///
    /// # Errors
    /// When the API server refuses the name.
    pub async fn namespace(&self, prefix: &str) -> Result<String> {
        let client = self.client()?;
        let namespace = Namespace {
            metadata: ObjectMeta {
                generate_name: Some(format!("{prefix}-")),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let created = namespaces
            .create(&PostParams::default(), &namespace)
            .await?;
        let name = created
            .metadata
            .name
            .context("the API server gave the namespace no name")?;
        let accounts: Api<ServiceAccount> = Api::namespaced(client, &name);
        within(POPULATED_WITHIN, async || {
            Ok(accounts.get("default").await?)
        })
        .await
        .with_context(|| format!("the namespace {name} gets no default service account"))?;
        Ok(name)
    }

    /// Remote control of simulated pods.
    ///
    /// # Errors
    /// As [`Cluster::client`].
    pub fn pods(&self) -> Result<Pods> {
        Ok(Pods::new(self.client()?))
    }

    /// Who asked the API server for what.
    #[must_use]
    pub fn audit(&self) -> Arc<Audit> {
        Arc::clone(&self.audit)
    }

    /// Runs Helm with every right and returns what it printed.
    ///
    /// # Errors
    /// When Helm fails; what it printed is in the error.
    pub async fn helm(&self, arguments: &[&str]) -> Result<String> {
        helm::run(&self.home, arguments).await
    }

    /// Forgets every older revision in etcd. The API server still answers from its watch cache:
    /// for `410 Gone` follow with [`restart_api_server`](Self::restart_api_server).
    ///
    /// # Errors
    /// When etcd refuses.
    pub async fn compact_etcd(&self) -> Result<()> {
        // The lowest key tells the store's revision in the answer's header.
        let answer = local_http::post(
            self.home.ports.etcd,
            "/v3/kv/range",
            r#"{"key": "AA==", "limit": "1"}"#,
        )
        .await?;
        let parsed: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let Some(revision) = parsed["header"]["revision"].as_str() else {
            bail!("etcd tells no revision: {answer:?}");
        };
        let request = format!(r#"{{"revision": "{revision}", "physical": true}}"#);
        let answer = local_http::post(self.home.ports.etcd, "/v3/kv/compaction", &request).await?;
        if answer.status == 200 {
            Ok(())
        } else {
            bail!("etcd refuses to compact: {answer:?}")
        }
    }

    /// Kills the API server and waits until it serves again, with an empty watch cache. Every
    /// user of the cluster feels it: do it on a cluster of one's own.
    ///
    /// # Errors
    /// When it does not come back, or this process did not start it.
    pub async fn restart_api_server(&self) -> Result<()> {
        self.control_plane()?.restart_api_server().await
    }

    /// Stops the controllers, the garbage collector among them, as if they hung, until what is
    /// returned is dropped. Every user of the cluster feels it: do it on a cluster of one's own.
    ///
    /// # Errors
    /// When they have ended, or this process did not start them.
    pub fn pause_controllers(&self) -> Result<PausedControllers<'_>> {
        let control_plane = self.control_plane()?;
        control_plane.signal_controllers(Signal::SIGSTOP)?;
        Ok(PausedControllers { control_plane })
    }

    fn control_plane(&self) -> Result<&ControlPlane> {
        let control_plane = self.control_plane.as_ref();
        control_plane.context("another process runs this cluster")
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }
}

/// Controllers that do nothing, as long as this lives.
#[derive(Debug)]
pub struct PausedControllers<'a> {
    control_plane: &'a ControlPlane,
}

impl Drop for PausedControllers<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.control_plane.signal_controllers(Signal::SIGCONT) {
            eprintln!("the controllers do not go on: {error:#}");
        }
    }
}

/// Reads a kubeconfig for a client.
pub(crate) async fn config(kubeconfig: &Path) -> Result<Config> {
    let read = Kubeconfig::read_from(kubeconfig)
        .with_context(|| format!("failed to read the kubeconfig {}", kubeconfig.display()))?;
    Ok(Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?)
}
