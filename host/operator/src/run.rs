//! The process: connect, serve what this replica holds the leases of, and end in good order.

use std::{future::Future, net::Ipv6Addr, sync::Arc, time::Duration};

use anyhow::Context;
use http::{HeaderValue, header::USER_AGENT};
use kube::{Client, Config as KubeConfig};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal as on_signal},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    config::{Config, seconds},
    health::Health,
    http_server,
    lease::{Leases, Settings},
    metrics::Metrics,
    replica::Replica,
    shards::{self, Layout},
};

/// A connection without any sign of life for this long is dead: watches are ended by the server
/// well before.
const READ_TIMEOUT: Duration = Duration::from_secs(90);
/// What the process calls itself in its requests.
const AGENT: &str = concat!("arcane-host/", env!("CARGO_PKG_VERSION"));

/// Runs until `shutdown` (which is success) or until a Lease is lost (which is not).
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let (client, namespace) = connect().await?;
    let health = Health::default();
    let layout = Layout::of(config.shards);
    let (metrics, registry) = Metrics::new(&config.cluster_name, layout);
    let end = CancellationToken::new();
    let probes = http_server::serve_probes(
        bind(config.probes_port, "--probes-port").await?,
        health.clone(),
        end.clone().cancelled_owned(),
    );
    let exporter = http_server::serve_metrics(
        bind(config.metrics_port, "--metrics-port").await?,
        registry,
        end.clone().cancelled_owned(),
    );
    tokio::spawn(async move {
        if let Err(error) = tokio::try_join!(probes, exporter) {
            warn!("the HTTP server ended: {error}");
        }
    });
    // A client of its own, so that a renewal never queues behind other calls.
    let (lease_client, _) = connect().await?;
    let namespace = config.lease_namespace.clone().unwrap_or(namespace);
    let leases = Leases::new(lease_client, lease_settings(&config, namespace.clone()));
    let ending = CancellationToken::new();
    let replica = Replica::new(config, client, namespace, metrics, health, ending.clone())?;
    let shutdown = async {
        shutdown.await;
        ending.cancel();
    };
    let outcome = shards::run(leases, layout, Arc::new(replica), shutdown).await;
    end.cancel();
    outcome
}

/// A client, and the namespace it defaults to.
async fn connect() -> anyhow::Result<(Client, String)> {
    let config = KubeConfig::infer().await.context(
        "failed to find a cluster: run in a pod with a service account, or set KUBECONFIG",
    )?;
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(as_operator(config));
    let client = client.context("failed to set up the client of the cluster")?;
    Ok((client, namespace))
}

/// Nothing is retried by the client itself, as every failure goes through a backoff of ours; and
/// the API server's audit log shall tell whose requests these are.
fn as_operator(mut config: KubeConfig) -> KubeConfig {
    config.default_retry = false;
    config.read_timeout = Some(READ_TIMEOUT);
    config
        .headers
        .push((USER_AGENT, HeaderValue::from_static(AGENT)));
    config
}

fn lease_settings(config: &Config, namespace: String) -> Settings {
    Settings {
        namespace,
        name: config.lease_name.clone(),
        identity: config.identity.clone(),
        duration: seconds(config.lease_duration_seconds),
        renew_deadline: seconds(config.lease_renew_deadline_seconds),
        retry_period: seconds(config.lease_retry_period_seconds),
    }
}

async fn bind(port: u16, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
        .await
        .with_context(|| format!("failed to listen on port {port}: choose another with {flag}"))
}

/// Ends on SIGTERM or SIGINT.
pub async fn signal() {
    let terminated = async {
        match on_signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                warn!("SIGTERM cannot be handled: {error}");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_tell_who_makes_them() {
        let config = as_operator(KubeConfig::new(http::Uri::from_static("https://localhost")));
        let named = config.headers.iter().find(|(name, _)| name == USER_AGENT);
        assert!(
            named
                .unwrap()
                .1
                .to_str()
                .unwrap()
                .starts_with("arcane-host/")
        );
    }
}
