//! The control plane's programs: with which flags they start, in which order, and how they end.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::Client;
use kube::api::{Api, PostParams};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::home::{self, Home};
use crate::kubeconfig::{self, Credentials};
use crate::local_http;
use crate::pki::{Identity, Pki};
use crate::process::Program;
use crate::wait::within;

/// Ten times what it takes: a slow machine is waited for, a hung program is not.
const READY_WITHIN: Duration = Duration::from_secs(60);

const CONTROLLER_MANAGER: &str = "kube-controller-manager";

/// The controllers that Jobs, CronJobs, ownership and namespaces need.
const CONTROLLERS: &str = "job-controller,cronjob-controller,garbage-collector-controller,\
    ttl-after-finished-controller,namespace-controller,serviceaccount-controller,\
    serviceaccount-token-controller,pod-garbage-collector-controller,clusterrole-aggregation-controller";

/// The running programs. Dropping this ends them.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    home: Home,
    serving: Identity,
    programs: Mutex<BTreeMap<&'static str, Program>>,
}

impl ControlPlane {
    /// Starts everything in `home`, whose programs are linked already, and waits until it is ready.
    pub(crate) async fn start(home: &Home) -> Result<Self> {
        let pki = Pki::create(&home.pki())?;
        std::fs::write(
            home.dir.join("audit-policy.yaml"),
            include_str!("audit/policy.yaml"),
        )?;
        std::fs::write(home.dir.join("stages.yaml"), include_str!("stages.yaml"))?;
        // Without service accounts of their own the controllers need the rights of all of them.
        for (file, user) in [
            ("admin", "admin"),
            (CONTROLLER_MANAGER, "system:kube-controller-manager"),
            ("kube-scheduler", "system:kube-scheduler"),
            ("kwok", "kwok"),
        ] {
            let identity = pki.user(user, "system:masters")?;
            let credentials = Credentials::Certificate(&identity);
            kubeconfig::write(
                &home.kubeconfig(file),
                &home.server(),
                &pki.authority(),
                &credentials,
            )?;
        }
        pki.server(home::PROXY)?;
        let plane = Self {
            home: home.clone(),
            serving: pki.server("kube-apiserver")?,
            programs: Mutex::default(),
        };
        plane.launch("etcd", etcd(home))?;
        plane
            .ready("etcd", async || {
                let answer = local_http::get(home.ports.etcd, "/health").await?;
                if answer.status == 200 {
                    Ok(())
                } else {
                    bail!("/health says {answer:?}")
                }
            })
            .await?;
        plane.start_api_server().await?;
        plane.launch(CONTROLLER_MANAGER, controller_manager(home))?;
        plane.launch("kube-scheduler", scheduler(home))?;
        plane.launch("kwok", kwok(home))?;
        plane.bring_up_node().await?;
        Ok(plane)
    }

    /// Kills the API server and starts it again, with an empty watch cache.
    pub(crate) async fn restart_api_server(&self) -> Result<()> {
        let old = self.programs().remove("kube-apiserver");
        drop(old);
        self.start_api_server().await
    }

    /// Stops the controllers or has them go on.
    pub(crate) fn signal_controllers(&self, signal: Signal) -> Result<()> {
        let mut programs = self.programs();
        let controllers = programs.get_mut(CONTROLLER_MANAGER);
        controllers
            .context("no controller manager runs")?
            .signal(signal)
    }

    async fn start_api_server(&self) -> Result<()> {
        self.launch("kube-apiserver", api_server(&self.home, &self.serving))?;
        let client = client(&self.home.kubeconfig("admin")).await?;
        self.ready("kube-apiserver", async || {
            client
                .request_text(http::Request::get("/readyz").body(Vec::new())?)
                .await?;
            Ok(())
        })
        .await
    }

    /// Makes the fake node, and waits until kwok has made it ready and the controller manager works.
    async fn bring_up_node(&self) -> Result<()> {
        let client = client(&self.home.kubeconfig("admin")).await?;
        let node: Node = serde_json::from_value(json!({
            "metadata": {
                "name": "node-0",
                "annotations": {"kwok.x-k8s.io/node": "fake"},
                "labels": {"kubernetes.io/hostname": "node-0", "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"},
            },
        }))?;
        let nodes: Api<Node> = Api::all(client.clone());
        nodes.create(&PostParams::default(), &node).await?;
        self.ready("kwok", async || {
            let node = nodes.get_status("node-0").await?;
            let conditions = node
                .status
                .and_then(|status| status.conditions)
                .unwrap_or_default();
            let is_ready = conditions
                .iter()
                .any(|condition| condition.type_ == "Ready" && condition.status == "True");
            if is_ready {
                Ok(())
            } else {
                bail!("the node's conditions are {conditions:?}")
            }
        })
        .await?;
        let accounts: Api<ServiceAccount> = Api::namespaced(client, "default");
        self.ready(CONTROLLER_MANAGER, async || {
            accounts.get("default").await?;
            Ok(())
        })
        .await
    }

    fn launch(&self, name: &'static str, command: Command) -> Result<()> {
        let program = Program::spawn(name, &command, &self.home.log(name))?;
        self.programs().insert(name, program);
        Ok(())
    }

    /// Waits until `probe` finds `name` ready; gives up at once when any program has ended.
    async fn ready(&self, name: &str, mut probe: impl AsyncFnMut() -> Result<()>) -> Result<()> {
        let check = || self.programs().values_mut().try_for_each(Program::check);
        let looked = within(READY_WITHIN, async || match check() {
            Ok(()) => probe().await,
            Err(_) => Ok(()),
        })
        .await;
        check()?;
        looked.with_context(|| {
            let programs = self.programs();
            let log = programs
                .get(name)
                .map(Program::log_tail)
                .unwrap_or_default();
            format!("{name} is not ready after {READY_WITHIN:?}; its log ends:\n{log}")
        })
    }

    /// A panic elsewhere does not make the programs' list wrong.
    fn programs(&self) -> MutexGuard<'_, BTreeMap<&'static str, Program>> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // All at once, then one wait each: the API server must not be waited for while etcd is still to end.
        self.programs().values_mut().for_each(Program::cut);
        self.programs().clear();
    }
}

/// A client that shows failures at once instead of trying again for seconds.
async fn client(kubeconfig: &Path) -> Result<Client> {
    let mut config = crate::config(kubeconfig).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

fn etcd(home: &Home) -> Command {
    let client = format!("http://127.0.0.1:{}", home.ports.etcd);
    let peers = format!("http://127.0.0.1:{}", home.ports.etcd_peers);
    let mut command = Command::new(home.program("etcd"));
    command
        .arg("--data-dir")
        .arg(home.dir.join("etcd"))
        // The data need not outlive a crash of the machine.
        .arg("--unsafe-no-fsync=true")
        .args([
            "--listen-client-urls",
            &client,
            "--advertise-client-urls",
            &client,
        ])
        .args([
            "--listen-peer-urls",
            &peers,
            "--initial-advertise-peer-urls",
            &peers,
        ])
        .args(["--initial-cluster", &format!("default={peers}")])
        .args(["--quota-backend-bytes", "8589934592"]);
    command
}

fn api_server(home: &Home, serving: &Identity) -> Command {
    let pki = |file: &str| home.pki().join(file);
    let mut command = Command::new(home.program("kube-apiserver"));
    command
        .args([
            "--etcd-servers",
            &format!("http://127.0.0.1:{}", home.ports.etcd),
        ])
        .args([
            "--bind-address",
            "127.0.0.1",
            "--secure-port",
            &home.ports.api_server.to_string(),
        ])
        .arg("--cert-dir")
        .arg(home.dir.join("apiserver"))
        .arg("--tls-cert-file")
        .arg(&serving.certificate)
        .arg("--tls-private-key-file")
        .arg(&serving.key)
        .arg("--client-ca-file")
        .arg(home.authority())
        .args(["--authorization-mode", "RBAC"])
        .args([
            "--service-account-issuer",
            "https://kubernetes.default.svc.cluster.local",
        ])
        .arg("--service-account-key-file")
        .arg(pki("tokens.pub"))
        .arg("--service-account-signing-key-file")
        .arg(pki("tokens.key"))
        .args(["--service-cluster-ip-range", "10.0.0.0/24"])
        .args(["--allow-privileged=true", "--endpoint-reconciler-type=none"])
        // ServiceAccount: the fake kubelet mounts no tokens. TaintNodesByCondition: without the
        // node-lifecycle controller the node would keep its not-ready taint for ever.
        .arg("--disable-admission-plugins=ServiceAccount,TaintNodesByCondition")
        .arg("--audit-policy-file")
        .arg(home.dir.join("audit-policy.yaml"))
        .arg("--audit-log-path")
        .arg(home.audit_log())
        // Megabytes before the log would be rotated away under its reader.
        .args(["--audit-log-maxsize", "20000"])
        .args([
            "--max-requests-inflight",
            "4000",
            "--max-mutating-requests-inflight",
            "2000",
        ]);
    command
}

fn controller_manager(home: &Home) -> Command {
    let mut command = Command::new(home.program(CONTROLLER_MANAGER));
    command
        .arg("--kubeconfig")
        .arg(home.kubeconfig(CONTROLLER_MANAGER))
        .args([
            "--bind-address",
            "127.0.0.1",
            "--secure-port",
            &home.ports.controller_manager.to_string(),
        ])
        .arg("--leader-elect=false")
        .arg("--root-ca-file")
        .arg(home.authority())
        .arg("--service-account-private-key-file")
        .arg(home.pki().join("tokens.key"))
        .args(["--kube-api-qps", "500", "--kube-api-burst", "500"])
        .args(["--concurrent-job-syncs", "10", "--controllers", CONTROLLERS]);
    command
}

fn scheduler(home: &Home) -> Command {
    let mut command = Command::new(home.program("kube-scheduler"));
    command
        .arg("--kubeconfig")
        .arg(home.kubeconfig("kube-scheduler"))
        .args([
            "--bind-address",
            "127.0.0.1",
            "--secure-port",
            &home.ports.scheduler.to_string(),
        ])
        .args([
            "--leader-elect=false",
            "--kube-api-qps",
            "500",
            "--kube-api-burst",
            "500",
        ]);
    command
}

/// It stands for machines of their own, which the rest of the control plane takes no time from: where
/// the user may, it goes first. Late, it reads the past over and over, and takes three times as much.
fn kwok(home: &Home) -> Command {
    let mut command = Command::new("nice");
    command
        .args(["-n", "-10"])
        .arg(home.program("kwok"))
        .arg("--kubeconfig")
        .arg(home.kubeconfig("kwok"))
        .args([
            "--manage-all-nodes=true",
            "--server-address",
            &format!("127.0.0.1:{}", home.ports.kwok),
        ])
        .arg("--config")
        .arg(home.dir.join("stages.yaml"));
    command
}
