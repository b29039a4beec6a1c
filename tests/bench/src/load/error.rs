//! The errors of a load measurement.

use gridledger_client::ClientError;
use gridledger_core::wire::WireError;
use gridledger_server::config::ConfigError;
use gridledger_server::operate::cli::say::CliError;
use gridledger_server::store::StoreError;

/// The reason why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or a process.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server could not be set up.
    #[error("server: {0}")]
    Server(#[from] CliError),
    /// The store.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// A phone.
    #[error("phone: {0}")]
    Phone(#[from] ClientError),
    /// Bytes of an answer.
    #[error("answer: {0}")]
    Wire(#[from] WireError),
    /// The connection to the server.
    #[error("connection: {0}")]
    Http(#[from] reqwest::Error),
    /// A measurement that does not hold.
    #[error("{0}")]
    Wrong(String),
}
