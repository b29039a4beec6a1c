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
    Store(rusqlite::Error),
    /// The key or the passphrase is not the one this store is locked with. Nothing was touched.
    #[error("the key or passphrase does not open this store; nothing was touched")]
    WrongKey,
    /// The key file beside the store is missing, damaged or another store's. Nothing was touched: with the right key file
    /// put back the store opens.
    #[error("{}", fault.en(file))]
    KeyFile {
        /// The fault of the file.
        fault: KeyFileFault,
        /// Where it belongs.
        file: String,
    },
    /// The store's file is missing and its log is there. Nothing was touched: with the file put back the store opens.
    #[error(
        "the store's file {file} is missing, but its log is there: put the file back; nothing was touched"
    )]
    LostFile {
        /// Where it belongs.
        file: String,
    },
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
    /// The store can be read and not written to; nothing was saved.
    #[error("the store can be read here and not written to; nothing was saved")]
    ReadOnly,
    /// No device key yet: enrol first.
    #[error("this device is not enrolled")]
    NotEnrolled,
    /// The network failed; everything saved is still here and goes out with the next sync.
    #[error("network: {0}")]
    Network(String),
    /// Something else than the server answered, as the sign-in page of a Wi-Fi does. Everything saved is still here and goes
    /// out once the server itself answers.
    #[error(
        "this is not the server's answer ({0}): perhaps the sign-in page of a Wi-Fi; sign in there with a browser"
    )]
    NotTheServer(String),
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

/// What is wrong with a key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFileFault {
    /// It is not there.
    Missing,
    /// Its bytes are not what was written.
    Damaged,
    /// It opens no page of the store.
    Misfit,
}

impl KeyFileFault {
    /// A sentence in English.
    pub fn en(self, file: &str) -> String {
        match self {
            Self::Missing => format!(
                "the key file {file} is missing, and the store cannot be opened without it: put it back beside the \
                 store; nothing was touched"
            ),
            Self::Damaged => {
                format!("the key file {file} is damaged: put a copy of it back; nothing was touched")
            }
            Self::Misfit => format!(
                "the key file {file} opens no page of the store: it is another store's, or the store is damaged; \
                 nothing was touched"
            ),
        }
    }

    /// A sentence in Chinese.
    pub fn zh(self, file: &str) -> String {
        match self {
            Self::Missing => format!(
                "找不到密钥文件 {file}，没有它就打不开本机数据库：请把它放回数据库文件旁边。没有改动任何文件。"
            ),
            Self::Damaged => format!("密钥文件 {file} 已损坏：请放回它的备份。没有改动任何文件。"),
            Self::Misfit => format!(
                "密钥文件 {file} 打不开这个本机数据库：它可能属于另一个数据库，也可能数据库已损坏。没有改动任何文件。"
            ),
        }
    }
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
            Self::Network(_) | Self::NotTheServer(_) => true,
            Self::Server { code, .. } => code.retry_can_help(),
            _ => false,
        }
    }

    /// Whether an answer was more than this phone takes at once.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self, Self::Wire(WireError::TooLarge(_)))
    }

    /// How long the server asks to wait before the next request, where it says.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Server { wait, .. } => *wait,
            _ => None,
        }
    }

    /// Whether the store's file is damaged. [`crate::Client`] sets it aside then; an engine used by itself does with
    /// [`set_aside`](crate::engine::Engine::set_aside).
    pub fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            Self::Store(error) => matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)),
            _ => false,
        }
    }

    /// The same error, with a full disk told apart.
    pub(crate) fn of_store(error: rusqlite::Error) -> Self {
        error.into()
    }

    /// What the file system said, with a full disk and a place that cannot be written to told apart.
    pub(crate) fn of_file(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Self::Full,
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::NotAStore(error.to_string()),
        }
    }

    /// Whether it may be that nothing can be written now, while what is there can be read.
    pub(crate) fn may_be_of_writing(&self) -> bool {
        use rusqlite::ErrorCode::{CannotOpen, SystemIoFailure};
        match self {
            Self::Full | Self::ReadOnly => true,
            Self::Store(error) => {
                matches!(error.sqlite_error_code(), Some(CannotOpen | SystemIoFailure))
            }
            _ => false,
        }
    }
}

impl From<rusqlite::Error> for ClientError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => return Self::Full,
            Some(rusqlite::ErrorCode::ReadOnly) => return Self::ReadOnly,
            _ => {}
        }
        match &error {
            rusqlite::Error::SqliteFailure(_, Some(said)) if said == LEASE_ENDED => lease_ended().into(),
            _ => Self::Store(error),
        }
    }
}

/// What the functions within SQL say when a value would have to be read without a lease.
pub(crate) const LEASE_ENDED: &str = "gridledger: the lease has ended";

/// The refusal of what needs residents' values, after the lease.
pub(crate) fn lease_ended() -> Refusal {
    Refusal::new(Code::LeaseEnded, "sync once, then it can be read again")
}
