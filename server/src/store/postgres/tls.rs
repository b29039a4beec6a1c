//! TLS to the database: the office's own authority, named in the address as libpq names it, certifies the server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::StoreError;

/// The parameter of the address that names a PEM file of authorities.
const ROOTS: &str = "sslrootcert";

/// An address without the parameter that the driver does not know, and the file it names.
pub fn split(url: &str) -> (String, Option<PathBuf>) {
    let Some((place, parameters)) = url.split_once('?') else {
        return (url.to_owned(), None);
    };
    let named = |parameter: &&str| parameter.split('=').next() == Some(ROOTS);
    let (roots, rest): (Vec<&str>, Vec<&str>) = parameters.split('&').partition(named);
    let url = if rest.is_empty() { place.to_owned() } else { format!("{place}?{}", rest.join("&")) };
    let file = roots.first().and_then(|root| root.split_once('='));
    (url, file.map(|(_, file)| PathBuf::from(file)))
}

/// Makes a TLS connector that trusts a file's authorities alone.
pub fn trusting(roots: &Path) -> Result<MakeRustlsConnect, StoreError> {
    let unfit = |why: String| StoreError::NotAStore(format!("{ROOTS}: {}: {why}", roots.display()));
    let mut store = RootCertStore::empty();
    for authority in CertificateDer::pem_file_iter(roots).map_err(|error| unfit(error.to_string()))? {
        let authority = authority.map_err(|error| unfit(error.to_string()))?;
        store.add(authority).map_err(|error| unfit(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(unfit("there is no certificate in PEM form in this file".into()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unfit(error.to_string()))?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_taken_out_of_the_address() {
        let of = |url: &str| {
            let (url, file) = split(url);
            (url, file.map(|file| file.display().to_string()))
        };
        let plain = "postgres://u:p@h/d";
        assert_eq!(of(plain), (plain.into(), None));
        assert_eq!(
            of("postgres://u@h/d?sslrootcert=/etc/ca.pem"),
            ("postgres://u@h/d".into(), Some("/etc/ca.pem".into()))
        );
        assert_eq!(
            of("postgres://u@h/d?sslmode=require&sslrootcert=ca.pem&connect_timeout=3"),
            ("postgres://u@h/d?sslmode=require&connect_timeout=3".into(), Some("ca.pem".into()))
        );
    }

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = trusting(file.path()).err().unwrap().to_string();
        assert!(error.contains("sslrootcert") && error.contains("no certificate"), "{error}");
        assert!(trusting(Path::new("/nowhere/ca.pem")).is_err());
    }
}
