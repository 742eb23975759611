//! The proxy's own server: where it listens, and how it goes away and comes back.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::forward::{Forward, Mode};
use super::upstream::provider;
use crate::pki::Identity;

/// Accepts connections for as long as the proxy is there.
pub(super) struct Server {
    port: u16,
    tls: TlsAcceptor,
    forward: Forward,
}

/// Breaks one connection.
#[derive(Debug, Clone)]
pub(super) struct Connection(CancellationToken);

impl Connection {
    /// Breaks the connection, and waits for that to be the end of whoever asks.
    pub(super) async fn reset(&self) -> ! {
        self.0.cancel();
        std::future::pending().await
    }
}

impl Server {
    pub(super) fn new(port: u16, identity: &Identity, forward: Forward) -> Result<Self> {
        Ok(Self {
            port,
            tls: acceptor(&identity.certificate, &identity.key)?,
            forward,
        })
    }

    /// Listens first, so that whoever is told of the proxy finds it.
    pub(super) async fn listen(&self) -> Result<TcpListener> {
        Ok(TcpListener::bind(("127.0.0.1", self.port)).await?)
    }

    /// Serves until the task is ended, going away and coming back as the mode says.
    pub(super) async fn run(self, listener: TcpListener) {
        let mut mode = self.forward.mode.subscribe();
        let mut listener = Some(listener);
        loop {
            // Whoever sends modes lives as long as the proxy.
            let gone = *mode.borrow_and_update() == Mode::Gone;
            if !gone && listener.is_none() {
                listener = self.listen().await.ok();
            }
            let Some(open) = listener.take() else {
                self.forward.listening.send_replace(false);
                // A port that is not free yet is tried again.
                let pause = if gone {
                    Duration::MAX
                } else {
                    Duration::from_millis(10)
                };
                let _ = tokio::time::timeout(pause, mode.changed()).await;
                continue;
            };
            self.forward.listening.send_replace(true);
            let connections = CancellationToken::new();
            let _broken_in_the_end = connections.clone().drop_guard();
            let left = mode.wait_for(|mode| *mode == Mode::Gone);
            tokio::select! {
                _ = left => {}
                () = self.accept(&open, &connections) => {}
            }
        }
    }

    async fn accept(&self, listener: &TcpListener, connections: &CancellationToken) {
        loop {
            // A connection that breaks while it is accepted is nobody's concern.
            let Ok((socket, _)) = listener.accept().await else {
                continue;
            };
            let connection = Connection(connections.child_token());
            tokio::spawn(serve(
                self.tls.clone(),
                self.forward.clone(),
                socket,
                connection,
            ));
        }
    }
}

/// Serves one connection until it ends or is broken.
async fn serve(tls: TlsAcceptor, forward: Forward, socket: TcpStream, connection: Connection) {
    let Ok(handle) = SockRef::from(&socket).try_clone() else {
        return;
    };
    let _ = socket.set_nodelay(true);
    let exchange = async {
        let Ok(stream) = tls.accept(socket).await else {
            return;
        };
        let service = service_fn(|request: http::Request<Incoming>| {
            forward.clone().exchange(request, connection.clone())
        });
        let server = auto::Builder::new(TokioExecutor::new());
        // The operator's complaints are in its own log.
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
    };
    tokio::select! {
        () = exchange => {}
        () = connection.0.cancelled() => {
            // Closed so, the other side gets a reset and not an end in good order.
            let _ = handle.set_linger(Some(Duration::ZERO));
        }
    }
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let certificates =
        CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
