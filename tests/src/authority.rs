//! An authority of an office that certifies servers.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

use crate::files::write;
use crate::outcome::done;

/// The authority.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// An authority of a name, with a key of its own.
    pub fn new(name: &str) -> Self {
        let mut params = done("naming nobody", CertificateParams::new(Vec::new()));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, name);
        Self { issuer: done("signing itself", CertifiedIssuer::self_signed(params, new_key())) }
    }

    /// Its certificate as PEM: the root that somebody trusts who trusts it.
    pub fn root(&self) -> Vec<u8> {
        self.issuer.pem().into_bytes()
    }

    /// A certificate for hosts and its key, in two files of a folder.
    pub fn certify(&self, folder: &Path, hosts: &[&str]) -> (PathBuf, PathBuf) {
        let key = new_key();
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let params = done("naming the hosts", CertificateParams::new(hosts));
        let certificate = done("signing the certificate", params.signed_by(&key, &self.issuer));
        let (certificate_file, key_file) = (folder.join("cert.pem"), folder.join("key.pem"));
        write(&certificate_file, certificate.pem());
        write(&key_file, key.serialize_pem());
        (certificate_file, key_file)
    }
}

fn new_key() -> KeyPair {
    done("making a key", KeyPair::generate())
}
