//! What can go wrong on a phone.

use std::time::Duration;

use gridledger_core::wire::WireError;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::set::SchemaError;

/// What can go wrong on a phone.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The edit breaks a rule; the same rule, with the same code, as the server's. Nothing was saved.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The local database said no. What `save` returned from before is safe.
    #[error("local store: {0}")]
    Store(#[from] rusqlite::Error),
    /// The file is damaged; it was set aside under the name given, not deleted: it may hold unsent work.
    #[error("the local store is damaged; it was kept as {kept_as}")]
    Damaged {
        /// Where the damaged file is now.
        kept_as: String,
    },
    /// The file is not a store of this program, or of a newer version of it.
    #[error("{0}")]
    NotAStore(String),
    /// There is no space left; nothing was saved.
    #[error("no space is left on this device; nothing was saved")]
    Full,
    /// No device key yet: enrol first.
    #[error("this device is not enrolled")]
    NotEnrolled,
    /// The network failed; everything saved is still here and goes out with the next sync.
    #[error("network: {0}")]
    Network(String),
    /// The server refused the whole request.
    #[error("the server answered {code}: {detail}")]
    Server {
        /// The stable code.
        code: Code,
        /// What it said.
        detail: String,
        /// How long it asks to wait before the next request, where it says.
        wait: Option<Duration>,
    },
    /// What was given as certificates to trust is none.
    #[error("certificates to trust: {0}")]
    Certificates(String),
    /// The answer is not what the protocol says.
    #[error("the answer is not readable: {0}")]
    Wire(#[from] WireError),
    /// A schema set that does not load.
    #[error("schema: {0}")]
    Schema(#[from] SchemaError),
    /// Something asked for is not here.
    #[error("there is no {0} here")]
    Missing(String),
}

impl ClientError {
    /// The stable code, where there is one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            Self::Server { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the same call can succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Network(_) => true,
            Self::Server { code, .. } => code.retry_can_help(),
            _ => false,
        }
    }

    /// How long the server asks to wait before the next request, where it says.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Server { wait, .. } => *wait,
            _ => None,
        }
    }

    /// The same error, with a full disk told apart.
    pub(crate) fn of_store(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ => Self::Store(error),
        }
    }
}
