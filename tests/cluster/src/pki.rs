//! The cluster's certificates and keys.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

/// A certificate authority with its directory.
pub(crate) struct Pki {
    authority: CertifiedIssuer<'static, KeyPair>,
    dir: PathBuf,
}

/// Files of a certificate and its private key, PEM.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Pki {
    /// Makes an authority, and the key pair by which service-account tokens are signed, in `dir`.
    pub(crate) fn create(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "test-cluster");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let pki = Self {
            authority: CertifiedIssuer::self_signed(params, KeyPair::generate()?)?,
            dir: dir.to_owned(),
        };
        std::fs::write(pki.authority(), pki.authority.pem())?;
        let tokens = KeyPair::generate()?;
        std::fs::write(pki.token_key(), tokens.serialize_pem())?;
        std::fs::write(pki.token_public_key(), tokens.public_key_pem())?;
        Ok(pki)
    }

    /// The authority's certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// The private key that signs service-account tokens.
    pub(crate) fn token_key(&self) -> PathBuf {
        self.dir.join("tokens.key")
    }

    /// The public key that service-account tokens are checked with.
    pub(crate) fn token_public_key(&self) -> PathBuf {
        self.dir.join("tokens.pub")
    }

    /// A certificate that a server on this machine shows.
    pub(crate) fn server(&self, name: &str) -> Result<Identity> {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(name, params)
    }

    /// A certificate that makes its bearer the named user, in `group`.
    pub(crate) fn user(&self, name: &str, group: &str) -> Result<Identity> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params
            .distinguished_name
            .push(DnType::OrganizationName, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(&name.replace(':', "-"), params)
    }

    /// Where in `dir` the certificate and the key of this name are.
    pub(crate) fn identity(dir: &Path, name: &str) -> Identity {
        Identity {
            certificate: dir.join(format!("{name}.pem")),
            key: dir.join(format!("{name}.key")),
        }
    }

    fn issue(&self, file: &str, mut params: CertificateParams) -> Result<Identity> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.authority)?;
        let identity = Self::identity(&self.dir, file);
        std::fs::write(&identity.certificate, certificate.pem())?;
        std::fs::write(&identity.key, key.serialize_pem())?;
        Ok(identity)
    }
}
