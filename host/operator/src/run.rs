//! The process: connect, wait for the lease, serve, and end in good order.

use std::{future::Future, net::Ipv6Addr, sync::Arc, time::Duration};

use anyhow::Context;
use arcane_contract::render;
use http::{HeaderValue, header::USER_AGENT};
use kube::{Client, Config as KubeConfig};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal as on_signal},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    budget::Budget,
    cache::Shared,
    classes,
    config::{Config, seconds},
    events::Events,
    faults::Faults,
    health::Health,
    http_server,
    lease::{Candidate, Settings},
    metrics::Metrics,
    plugins::Plugins,
    stream::{Backoff, Host},
    writer::Writer,
};

/// A connection without any sign of life for this long is dead: watches are ended by the server
/// well before.
const READ_TIMEOUT: Duration = Duration::from_secs(90);
/// What the process calls itself in its requests.
const AGENT: &str = concat!("arcane-host/", env!("CARGO_PKG_VERSION"));
/// Time for the work under way when the process is told to end; the rest of five seconds is for
/// the lease.
const GRACE: Duration = Duration::from_secs(4);
/// The first minor version of Kubernetes 1 whose API server lists by watching unless told
/// otherwise.
const STREAMING_LISTS_SINCE: u32 = 34;

/// Runs until `shutdown` (which is success) or until the lease is lost (which is not).
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let (client, namespace) = connect().await?;
    let health = Health::default();
    let (metrics, registry) = Metrics::new(&config.cluster_name);
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
    tokio::pin!(shutdown);
    // A client of its own, so that a renewal never queues behind other calls.
    let (lease_client, _) = connect().await?;
    let namespace = config.lease_namespace.clone().unwrap_or(namespace);
    let settings = lease_settings(&config, namespace.clone());
    let mut candidate = Candidate::new(lease_client, settings);
    tokio::select! {
        () = &mut shutdown => return Ok(()),
        () = candidate.acquire(|answered| health.set_connected(answered)) => {}
    }
    metrics.leader.set(1);
    health.set_leading();
    let host = host(&config, client, namespace, &candidate, metrics).await?;
    let outcome = lead(host, health, &mut candidate, shutdown).await;
    end.cancel();
    outcome
}

/// Serves while the lease is held.
async fn lead(
    host: Arc<Host>,
    health: Health,
    candidate: &mut Candidate,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let service = tokio::spawn(serve(host, health, stop.clone()));
    tokio::select! {
        () = shutdown => {}
        // The process ends at once: whatever it still did, it would do beside the next leader.
        reason = candidate.hold() => return Err(reason.context("lost the lease")),
    }
    info!("shutting down");
    stop.cancel();
    if timeout(GRACE, service).await.is_err() {
        warn!("some work was not finished within {GRACE:?}; it will be taken up again");
    }
    candidate.release().await;
    Ok(())
}

async fn serve(host: Arc<Host>, health: Health, stop: CancellationToken) {
    let watches = host
        .shared
        .follow(&host.client, host.streaming_lists, &host.faults, &stop);
    // Nothing is decided before all that it depends on is known.
    let work = async {
        if stop
            .run_until_cancelled(host.shared.ready())
            .await
            .is_some()
        {
            health.set_synced();
            info!("the caches are filled");
            classes::manage(host.clone(), health, stop.clone()).await;
        }
    };
    tokio::join!(watches, work);
}

async fn host(
    config: &Config,
    client: Client,
    namespace: String,
    candidate: &Candidate,
    metrics: Metrics,
) -> anyhow::Result<Arc<Host>> {
    let writer = Writer::new(
        client.clone(),
        config.api_timeout(),
        candidate.tenure(),
        Budget::of(config.writes_per_second),
        metrics.clone(),
    );
    let streaming_lists = lists_by_watching(&client).await;
    Ok(Arc::new(Host {
        events: Events::new(writer.clone(), config.identity.clone()),
        writer,
        metrics,
        shared: Shared::new(),
        faults: Faults::new(),
        permits: Semaphore::new(config.concurrency_total.into()),
        plugins: Arc::new(Plugins::new(
            client.clone(),
            streaming_lists,
            namespace,
            config.plugins()?,
        )),
        render: render::Settings {
            minimum_job_ttl_seconds: config.minimum_job_ttl_seconds,
        },
        backoff: Backoff {
            initial: seconds(config.backoff_initial_seconds),
            maximum: seconds(config.backoff_maximum_seconds),
        },
        reconcile_timeout: config.reconcile_timeout(),
        concurrency_per_class: config.concurrency_per_class,
        streaming_lists,
        client,
    }))
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

/// Whether the API server lists by watching, which spares its memory.
async fn lists_by_watching(client: &Client) -> bool {
    match client.apiserver_version().await {
        Ok(version) => {
            let minor = version.minor.trim_end_matches('+').parse::<u32>();
            version.major == "1" && minor.is_ok_and(|minor| minor >= STREAMING_LISTS_SINCE)
        }
        Err(error) => {
            warn!("failed to read the version of the API server: {error}");
            false
        }
    }
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
