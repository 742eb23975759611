//! A proxy between a client, such as the operator, and the API server, in which things go wrong.
//!
//! ```no_run
//! # async fn example(cluster: &arcane_cluster::Cluster) -> anyhow::Result<()> {
//! use arcane_cluster::{Fault, Operator, Proxy, Rule};
//!
//! let proxy = Proxy::start(cluster, "arcane-system", "arcane-host").await?;
//! let operator = Operator::builder(cluster).kubeconfig(proxy.kubeconfig()).start().await?;
//! let lost = proxy.inject(Rule::new(Fault::ResetAfter).writes().every(3));
//! // … and when all is done:
//! assert!(lost.count() > 0);
//! # Ok(())
//! # }
//! ```
//!
//! It speaks TLS with a certificate of the cluster's own authority, HTTP/1.1 or HTTP/2 as each side
//! prefers, and passes on whatever the client authenticates with in its requests: a service
//! account's token. Client certificates end here, and so does what is no plain exchange of a request
//! and an answer (`exec`, `port-forward`). Faults of watches need JSON.

mod call;
mod event;
mod forward;
mod past;
mod rule;
mod script;
mod server;
mod stream;
mod upstream;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Cluster;
use crate::kubeconfig::{self, Credentials};
use forward::{Forward, Mode};
pub use rule::{Fault, Rule};
pub use script::Injection;
use server::Server;
use upstream::Upstream;

/// A proxy on this machine. It lives on the tokio runtime that it was started on, and ends when it is
/// dropped.
#[derive(Debug)]
pub struct Proxy {
    forward: Forward,
    kubeconfig: PathBuf,
    server: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy for clients that speak as this service account.
    ///
    /// # Errors
    /// When the account does not exist, or the proxy cannot listen.
    pub async fn start(cluster: &Cluster, namespace: &str, account: &str) -> Result<Self> {
        let port = crate::free_port()?;
        let token = cluster.token(namespace, account).await?;
        let home = cluster.home();
        let kubeconfig = home.kubeconfig(&format!("{namespace}.{account}.{port}"));
        kubeconfig::write(
            &kubeconfig,
            &format!("https://127.0.0.1:{port}"),
            &home.authority(),
            &Credentials::Token(&token),
        )?;
        let forward = Forward {
            upstream: Upstream::new(home.ports.api_server, &home.authority())?,
            script: Default::default(),
            past: Default::default(),
            mode: watch::Sender::new(Mode::Up),
            listening: watch::Sender::new(true),
        };
        let server = Server::new(port, &home.proxy_identity(), forward.clone())?;
        let listener = server.listen().await?;
        Ok(Self {
            forward,
            kubeconfig,
            server: tokio::spawn(server.run(listener)),
        })
    }

    /// For the client.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Puts a rule into force.
    pub fn inject(&self, rule: Rule) -> Injection {
        self.forward.script.add(rule)
    }

    /// How often each fault has happened since the start, by its name.
    #[must_use]
    pub fn injected(&self) -> BTreeMap<&'static str, usize> {
        self.forward.script.tally()
    }

    /// How many requests have come that may write, but for leases.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.forward.script.writes()
    }

    /// Lets the client [crash](Fault::Crash) at the `count`th request from now that may write.
    ///
    /// # Panics
    /// When `count` is 0.
    pub fn crash_after(&self, count: usize) -> Injection {
        assert!(count > 0, "writes are counted from 1");
        self.inject(Rule::new(Fault::Crash).writes().skip(count - 1).at_most(1))
    }

    /// Returns once it is time to kill the client; then [`mend`](Self::mend) what the next one finds.
    pub async fn crashed(&self) {
        let mut mode = self.forward.mode.subscribe();
        // The sender is this proxy's own.
        let _ = mode.wait_for(|mode| *mode == Mode::Silent).await;
    }

    /// Nothing passes any more, in either direction, and nobody is told: a network that is cut.
    pub fn silence(&self) {
        self.forward.mode.send_replace(Mode::Silent);
    }

    /// The API server is gone: connections break, and new ones are refused.
    pub async fn go(&self) {
        self.forward.mode.send_replace(Mode::Gone);
        self.listening(false).await;
    }

    /// No rule is in force any more, and everything passes again.
    pub async fn heal(&self) {
        self.forward.script.clear();
        self.mend().await;
    }

    /// Everything passes again that no rule is about.
    pub async fn mend(&self) {
        self.forward.mode.send_replace(Mode::Up);
        self.listening(true).await;
    }

    async fn listening(&self, wanted: bool) {
        let mut listening = self.forward.listening.subscribe();
        // The sender is this proxy's own.
        let _ = listening.wait_for(|listening| *listening == wanted).await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}
