//! Failures of a sync without a network, and the questions that a history asks about them.

use gridledger_client::ClientError;
use gridledger_schema::code::Code;
use gridledger_server::sync::error::SyncError;

/// The failure of a sync without a network.
#[derive(Debug, thiserror::Error)]
pub enum SyncFailure {
    /// The server refused the request.
    #[error("server: {0}")]
    Server(#[from] SyncError),
    /// The phone could not make or apply something.
    #[error("phone: {0}")]
    Phone(#[from] ClientError),
}

impl SyncFailure {
    /// The code of the server's refusal, if it is one.
    pub fn of_server(&self) -> Option<Code> {
        match self {
            Self::Server(error) => Some(error.code()),
            Self::Phone(_) => None,
        }
    }

    /// Whether the phone's lease has ended.
    pub fn is_dark(&self) -> bool {
        matches!(self, Self::Phone(error) if error.code() == Some(Code::LeaseEnded))
    }

    /// Whether the server is not sure of its clock.
    pub fn is_unsure(&self) -> bool {
        matches!(self, Self::Server(error) if error.code() == Code::ClockUnsure)
    }

    /// Whether the server says that its store was set back.
    pub fn is_behind(&self) -> bool {
        matches!(self, Self::Server(error) if error.code() == Code::ServerBehind)
    }
}
