//! A proxy between an operator and the API server that lets the operator crash at a chosen write.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{Method, StatusCode, header};
use kube::Client;
use kube::client::Body as KubeBody;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// More than any object that an operator sends.
const LARGEST_BODY: usize = 16 << 20;

/// Speaks plain HTTP to the operator and forwards in the name of `client`.
///
/// Writes are counted, except those of the lease: they come by the clock, not by what the operator
/// does. The write that [`crash_after`](Self::crash_after) waits for is carried out, its answer
/// never arrives, and nothing that follows reaches the API server until
/// [`mend`](Self::mend): as for a process that ends at this very moment.
pub struct Proxy {
    shared: Arc<Shared>,
    kubeconfig: PathBuf,
    // Removes the kubeconfig's directory.
    _dir: tempfile::TempDir,
    server: JoinHandle<()>,
}

struct Shared {
    client: Client,
    writes: AtomicUsize,
    fuse: Mutex<Fuse>,
}

#[derive(Default)]
enum Fuse {
    #[default]
    None,
    /// Blows with the write that makes this number.
    Set(usize, oneshot::Sender<()>),
    Blown,
}

impl Proxy {
    pub async fn start(client: Client) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = format!("http://{}", listener.local_addr()?);
        let dir = tempfile::tempdir()?;
        let kubeconfig = dir.path().join("proxy.kubeconfig");
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "proxy", "cluster": {"server": server}}],
            "users": [{"name": "proxy", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
            "current-context": "proxy",
        });
        std::fs::write(&kubeconfig, config.to_string())?;
        let shared = Arc::new(Shared {
            client,
            writes: AtomicUsize::new(0),
            fuse: Mutex::default(),
        });
        let router = Router::new().fallback(forward).with_state(shared.clone());
        let server = tokio::spawn(async move {
            // It ends with the task; the operator's complaints are in its own log.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            shared,
            kubeconfig,
            _dir: dir,
            server,
        })
    }

    /// For the operator.
    pub fn kubeconfig(&self) -> &PathBuf {
        &self.kubeconfig
    }

    /// Arms the crash at the `count`th write from now; the receiver is told when it happens.
    pub fn crash_after(&self, count: usize) -> oneshot::Receiver<()> {
        let (blown, told) = oneshot::channel();
        let at = self.shared.writes.load(Ordering::SeqCst) + count;
        *self.shared.fuse() = Fuse::Set(at, blown);
        told
    }

    /// Forwards everything again.
    pub fn mend(&self) {
        *self.shared.fuse() = Fuse::None;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn fuse(&self) -> std::sync::MutexGuard<'_, Fuse> {
        self.fuse.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_blown(&self) -> bool {
        matches!(*self.fuse(), Fuse::Blown)
    }

    /// Counts a write; if it is the one to crash at, whom to tell once it is carried out.
    fn count(&self) -> Option<oneshot::Sender<()>> {
        let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        let mut fuse = self.fuse();
        match std::mem::take(&mut *fuse) {
            Fuse::Set(at, blown) if number >= at => {
                *fuse = Fuse::Blown;
                Some(blown)
            }
            other => {
                *fuse = other;
                None
            }
        }
    }
}

async fn forward(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    match exchange(&shared, request).await {
        Ok(response) => response,
        Err(error) => answer(StatusCode::BAD_GATEWAY, format!("{error:#}")),
    }
}

async fn exchange(shared: &Arc<Shared>, request: Request) -> Result<Response> {
    if shared.is_blown() {
        return silence().await;
    }
    let (mut head, body) = request.into_parts();
    let counts = head.method != Method::GET && !head.uri.path().contains("/leases");
    head.headers.remove(header::HOST);
    head.headers.remove(header::AUTHORIZATION);
    let body = to_bytes(body, LARGEST_BODY).await?.to_vec();
    let request = http::Request::from_parts(head, KubeBody::from(body));
    let crash = counts.then(|| shared.count()).flatten();
    // On a task of its own: when the operator is killed, axum drops what it waits for, and a write
    // that is broken off on its way may or may not be carried out.
    let client = shared.client.clone();
    let sent = tokio::spawn(async move {
        let response = client.send(request).await.context("not forwarded")?;
        let response = response.map(Body::new);
        let Some(blown) = crash else {
            return Ok(response);
        };
        to_bytes(response.into_body(), LARGEST_BODY).await?;
        // Whoever armed it may have gone.
        let _ = blown.send(());
        silence().await
    });
    let response = sent.await??;
    // Whatever was on its way when the process ended does not arrive either.
    if shared.is_blown() {
        return silence().await;
    }
    Ok(response)
}

/// The process that would be answered is being killed.
async fn silence() -> Result<Response> {
    std::future::pending().await
}

fn answer(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
