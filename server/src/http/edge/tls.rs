//! TLS: the certificate that the settings name, read again when its files change.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{InconsistentKeys, ServerConfig};

use crate::config::Settings;

/// The reason why TLS cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of two settings that go together is missing.
    #[error("`tls_cert` and `tls_key` go together: set both or neither")]
    Half,
    /// A file cannot be read.
    #[error("`{setting}`: {}: {error}", .path.display())]
    File {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        error: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{setting}`: {}: there is no {wanted} in PEM form in this file", .path.display())]
    Empty {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The content that the file should have.
        wanted: &'static str,
    },
    /// The key is another certificate's.
    #[error("the key in {} does not belong to the first certificate in {}", .key.display(), .cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The TLS library does not take the pair.
    #[error("the certificate in {} or its key cannot be used: {error}", .cert.display())]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// The reason.
        error: rustls::Error,
    },
}

impl TlsError {
    /// The same in Chinese.
    pub fn zh(&self) -> String {
        match self {
            Self::Half => "`tls_cert` 和 `tls_key` 必须同时设置，或都不设置".into(),
            Self::File { setting, path, error } => {
                format!("`{setting}`：读不了 {}：{error}", path.display())
            }
            Self::Empty { setting, path, .. } => {
                let wanted = if *setting == CERT { "证书" } else { "私钥" };
                format!("`{setting}`：{} 里没有 PEM 格式的{wanted}", path.display())
            }
            Self::Mismatch { cert, key } => {
                format!("{} 里的私钥与 {} 里的第一张证书不配对", key.display(), cert.display())
            }
            Self::Unusable { cert, error } => format!("{} 里的证书或其私钥不能使用：{error}", cert.display()),
        }
    }
}

const CERT: &str = "tls_cert";
const KEY: &str = "tls_key";

/// Builds the server's TLS: versions 1.2 and 1.3 (RFC 9325), HTTP/1.1. `None` if no certificate is set.
pub fn server_config(settings: &Settings) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    let (cert, key) = match (&settings.tls_cert, &settings.tls_key) {
        (None, None) => return Ok(None),
        (Some(cert), Some(key)) => (cert.clone(), key.clone()),
        _ => return Err(TlsError::Half),
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let certificates = Certificates::open(cert, key, provider.clone())?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("BUG: the provider has suites for both versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Arc::new(config)))
}

/// The times of the last change and the lengths of the two files.
type Stamp = [Option<(SystemTime, u64)>; 2];

struct Held {
    pair: Arc<CertifiedKey>,
    stamp: Stamp,
}

/// The certificate in two files. A handshake looks whether they changed; a new pair that is no good leaves the old one
/// in use.
struct Certificates {
    cert: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    held: RwLock<Held>,
}

impl Certificates {
    fn open(cert: PathBuf, key: PathBuf, provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let stamp = [stamp(&cert), stamp(&key)];
        let pair = load(&cert, &key, &provider)?;
        Ok(Self { cert, key, provider, held: RwLock::new(Held { pair, stamp }) })
    }

    /// The pair to show now.
    fn current(&self) -> Arc<CertifiedKey> {
        let stamp = [stamp(&self.cert), stamp(&self.key)];
        {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            if held.stamp == stamp {
                return held.pair.clone();
            }
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.stamp != stamp {
            // Remembered in any case: a pair that is half replaced is looked at again when the other half comes.
            held.stamp = stamp;
            match load(&self.cert, &self.key, &self.provider) {
                Ok(pair) => {
                    held.pair = pair;
                    tracing::info!("the certificate was read again");
                }
                Err(error) => {
                    tracing::warn!(%error, "the new certificate is not used; the one before stays");
                }
            }
        }
        held.pair.clone()
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificates {{ cert: {:?}, .. }}", self.cert)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let file = std::fs::metadata(path).ok()?;
    Some((file.modified().ok()?, file.len()))
}

fn load(cert: &Path, key: &Path, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let empty = |setting, path: &Path, wanted| TlsError::Empty { setting, path: path.to_owned(), wanted };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(CERT, cert)?)
        .collect::<Result<_, pem::Error>>()
        .map_err(|_| empty(CERT, cert, "certificate"))?;
    if chain.is_empty() {
        return Err(empty(CERT, cert, "certificate"));
    }
    let secret =
        PrivateKeyDer::from_pem_slice(&read(KEY, key)?).map_err(|_| empty(KEY, key, "private key"))?;
    match CertifiedKey::from_der(chain, secret, provider) {
        Ok(pair) => Ok(Arc::new(pair)),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(TlsError::Mismatch { cert: cert.to_owned(), key: key.to_owned() })
        }
        Err(error) => Err(TlsError::Unusable { cert: cert.to_owned(), error }),
    }
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::File { setting, path: path.to_owned(), error })
}
