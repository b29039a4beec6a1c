//! What goes wrong in a sync without a network, and what a history may ask about it.

use gridledger_client::ClientError;
use gridledger_schema::code::Code;
use gridledger_server::sync::SyncError;

/// What went wrong in a sync without a network.
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
    /// Whether the server does not know this device.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Server(SyncError::Refused(Code::DeviceUnknown)))
    }

    /// Whether the server knows this device's number as another's: one enrolled since a backup was made may find it so after
    /// the restore.
    pub fn is_of_another(&self) -> bool {
        matches!(self, Self::Server(error) if error.code() == Code::SignatureInvalid)
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
