//! The way from the proxy to the API server.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri, Version, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Sends requests on to the API server, over HTTP/2 where it offers that.
#[derive(Debug, Clone)]
pub(super) struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    authority: Authority,
}

impl Upstream {
    /// To the API server on this port, whose certificate this authority has signed.
    pub(super) fn new(port: u16, authority: &Path) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(authority)? {
            roots.add(certificate?)?;
        }
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_all_versions()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            authority: format!("127.0.0.1:{port}").parse()?,
        })
    }

    /// Sends a request that came to the proxy, under the name and with the rights of whoever sent
    /// it there.
    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Response<Incoming>> {
        let (mut head, body) = request.into_parts();
        let mut parts = head.uri.into_parts();
        parts.scheme = Some(Scheme::HTTPS);
        parts.authority = Some(self.authority.clone());
        head.uri = Uri::from_parts(parts)?;
        head.version = Version::default();
        // What is about this connection only; and answers are to be readable on their way.
        for name in [
            header::HOST,
            header::CONNECTION,
            header::TE,
            header::TRANSFER_ENCODING,
            header::CONTENT_LENGTH,
            header::ACCEPT_ENCODING,
        ] {
            head.headers.remove(name);
        }
        let request = Request::from_parts(head, Full::new(body));
        let mut response = self
            .client
            .request(request)
            .await
            .context("not forwarded")?;
        for name in [header::CONNECTION, header::TRANSFER_ENCODING] {
            response.headers_mut().remove(name);
        }
        *response.version_mut() = Version::default();
        Ok(response)
    }
}

/// The cryptography that the whole workspace uses.
pub(super) fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
