//! The reasons why a sync is not answered with frames.

use std::time::Duration;

use gridledger_core::wire::WireError;
use gridledger_schema::code::Code;

use crate::store::StoreError;

/// The reasons why a sync is not answered with frames.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The bytes are not a request.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The request was refused as a whole.
    #[error("{0}")]
    Refused(Code),
    /// The request counter was used before; this is the highest that the device used.
    #[error("counter {0} was used before")]
    Counter(u64),
    /// The device asks too often; it must wait this long.
    #[error("too often; wait {0:?}")]
    TooOften(Duration),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SyncError {
    /// The detail that a phone needs beside the code: the counter used, a limit's name.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Counter(used) => Some(used.to_string()),
            Self::Wire(error) => Some(error.to_string()),
            Self::Refused(_) | Self::TooOften(_) | Self::Store(_) => None,
        }
    }

    /// The stable code to answer with.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(code) => *code,
            Self::Counter(_) => Code::CounterBehind,
            Self::TooOften(_) => Code::RateLimited,
            Self::Wire(WireError::Version(_)) => Code::VersionUnsupported,
            Self::Wire(WireError::Suite(_)) => Code::SuiteUnknown,
            Self::Wire(WireError::Dictionary) => Code::DictionaryUnknown,
            Self::Wire(WireError::TooLarge(_)) => Code::BodyTooLarge,
            Self::Wire(WireError::RecordName { .. }) => Code::RecordUnknown,
            Self::Wire(_) => Code::BadRequest,
            Self::Store(StoreError::Busy) => Code::Busy,
            Self::Store(StoreError::Recovering) => Code::Recovering,
            Self::Store(StoreError::SetBack) => Code::ServerBehind,
            Self::Store(StoreError::ClockUnsure) => Code::ClockUnsure,
            Self::Store(_) => Code::StoreFailed,
        }
    }
}
