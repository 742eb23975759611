//! Kubeconfig files.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::pki::Identity;

/// Who a kubeconfig speaks as.
#[derive(Debug)]
pub(crate) enum Credentials<'a> {
    /// By client certificate.
    Certificate(&'a Identity),
    /// By bearer token.
    Token(&'a str),
}

/// Writes a kubeconfig with one context, as JSON, which is YAML too.
pub(crate) fn write(
    file: &Path,
    server: &str,
    authority: &Path,
    credentials: &Credentials<'_>,
) -> Result<()> {
    let user: Value = match credentials {
        Credentials::Certificate(Identity { certificate, key }) => {
            json!({"client-certificate": certificate, "client-key": key})
        }
        Credentials::Token(token) => json!({"token": token}),
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority": authority}}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    });
    Ok(std::fs::write(file, serde_json::to_vec_pretty(&config)?)?)
}
