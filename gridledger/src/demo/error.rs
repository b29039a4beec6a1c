//! Why the demo could not be played to the end.

use gridledger_client::ClientError;
use gridledger_server::office::reconcile::ImportError;
use gridledger_server::operate::cli::say::CliError;
use gridledger_server::store::StoreError;

/// Why the demo could not be played to the end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file or a port.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The server's store.
    #[error("server: {0}")]
    Store(#[from] StoreError),
    /// The server could not be set up.
    #[error("server: {0}")]
    Server(#[from] CliError),
    /// The register could not be brought in.
    #[error("register: {0}")]
    Register(#[from] ImportError),
    /// A phone's store.
    #[error("phone: {0}")]
    Phone(#[from] ClientError),
    /// A sync was refused.
    #[error("the phone of {0} could not sync: {1}")]
    Sync(String, ClientError),
    /// A phone with good signal could not sync.
    #[error("the phone of {0} has signal and could not sync")]
    Line(String),
    /// Phones kept having news for each other.
    #[error("after {0} rounds of syncing there was still something new")]
    NotQuiet(u32),
    /// The made-up town.
    #[error("town: {0}")]
    Town(String),
}
