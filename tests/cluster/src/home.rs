//! A cluster's directory: what lies where.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::pki::{Identity, Pki};

/// Name of the certificate of proxies.
pub(crate) const PROXY: &str = "proxy";

/// Ports of 127.0.0.1 that a cluster's servers listen on.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Ports {
    pub(crate) etcd: u16,
    pub(crate) etcd_peers: u16,
    pub(crate) api_server: u16,
    pub(crate) controller_manager: u16,
    pub(crate) scheduler: u16,
    pub(crate) kwok: u16,
}

impl Ports {
    pub(crate) fn choose() -> Result<Self> {
        Ok(Self {
            etcd: crate::free_port()?,
            etcd_peers: crate::free_port()?,
            api_server: crate::free_port()?,
            controller_manager: crate::free_port()?,
            scheduler: crate::free_port()?,
            kwok: crate::free_port()?,
        })
    }
}

/// The directory and the ports: all that another process needs to use the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) dir: PathBuf,
    pub(crate) ports: Ports,
}

impl Home {
    /// Lays out a new directory.
    pub(crate) fn create(dir: PathBuf) -> Result<Self> {
        let home = Self {
            dir,
            ports: Ports::choose()?,
        };
        for dir in [home.logs(), home.kubeconfigs(), home.temporary()] {
            std::fs::create_dir_all(dir)?;
        }
        std::fs::write(
            home.dir.join("ports.json"),
            serde_json::to_vec(&home.ports)?,
        )?;
        Ok(home)
    }

    /// Reads the directory of a cluster that another process runs.
    pub(crate) fn open(dir: PathBuf) -> Result<Self> {
        let file = dir.join("ports.json");
        let bytes =
            std::fs::read(&file).with_context(|| format!("failed to read {}", file.display()))?;
        Ok(Self {
            ports: serde_json::from_slice(&bytes)?,
            dir,
        })
    }

    pub(crate) fn server(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.api_server)
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.dir.join("bin")
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin().join(name)
    }

    pub(crate) fn pki(&self) -> PathBuf {
        self.dir.join("pki")
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.pki().join("ca.pem")
    }

    /// What a proxy in the API server's place shows.
    pub(crate) fn proxy_identity(&self) -> Identity {
        Pki::identity(&self.pki(), PROXY)
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    pub(crate) fn log(&self, program: &str) -> PathBuf {
        self.logs().join(format!("{program}.log"))
    }

    pub(crate) fn audit_log(&self) -> PathBuf {
        self.logs().join("audit.json")
    }

    pub(crate) fn kubeconfigs(&self) -> PathBuf {
        self.dir.join("kubeconfigs")
    }

    pub(crate) fn kubeconfig(&self, who: &str) -> PathBuf {
        self.kubeconfigs().join(who)
    }

    /// For what a program that is killed leaves behind.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.dir.join("tmp")
    }

    pub(crate) fn helm(&self) -> PathBuf {
        self.dir.join("helm")
    }
}

impl AsRef<Path> for Home {
    fn as_ref(&self) -> &Path {
        &self.dir
    }
}
