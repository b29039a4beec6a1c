//! Errors of a phone.

use std::time::Duration;

use gridledger_core::wire::WireError;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::set::SchemaError;

/// An error of a phone.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A rule forbids the edit. The server has the same rule with the same code. Nothing was saved.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The local database failed. Edits whose save has returned are safe.
    #[error("local store: {0}")]
    Store(rusqlite::Error),
    /// The key or the passphrase does not fit the store's lock. Nothing was touched.
    #[error("the key or passphrase does not open this store; nothing was touched")]
    WrongKey,
    /// The key file beside the store is missing, damaged or another store's. Nothing was touched; the store opens with the
    /// right key file put back.
    #[error("{}", fault.en(file))]
    KeyFile {
        /// The fault of the file.
        fault: KeyFileFault,
        /// The path where it belongs.
        file: String,
    },
    /// The store's file is missing and its log is there. Nothing was touched; the store opens with the file put back.
    #[error(
        "the store's file {file} is missing, but its log is there: put the file back; nothing was touched"
    )]
    LostFile {
        /// The path where it belongs.
        file: String,
    },
    /// The file is damaged. It was set aside, not deleted, since it may hold unsent work.
    #[error("the local store is damaged; it was kept as {kept_as}")]
    Damaged {
        /// The path of the damaged file now.
        kept_as: String,
    },
    /// The file is not a store of this program, or a newer version wrote it.
    #[error("{0}")]
    NotAStore(String),
    /// There is no space left; nothing was saved.
    #[error("no space is left on this device; nothing was saved")]
    Full,
    /// The store can be read but not written to; nothing was saved.
    #[error("the store can be read here and not written to; nothing was saved")]
    ReadOnly,
    /// The device has no number or no server yet: enrol first.
    #[error("this device is not enrolled")]
    NotEnrolled,
    /// The network failed. Every saved edit is still here and goes out with the next sync.
    #[error("network: {0}")]
    Network(String),
    /// Something else than the server answered, such as the sign-in page of a Wi-Fi. Every saved edit is still here and goes
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
        /// The server's words.
        detail: String,
        /// The wait before the next request that the server asks for, if it does.
        wait: Option<Duration>,
    },
    /// The certificates to trust do not read.
    #[error("certificates to trust: {0}")]
    Certificates(String),
    /// The answer does not follow the protocol.
    #[error("the answer is not readable: {0}")]
    Wire(#[from] WireError),
    /// A schema set does not load.
    #[error("schema: {0}")]
    Schema(#[from] SchemaError),
    /// The thing asked for is not here.
    #[error("there is no {0} here")]
    Missing(String),
}

/// The fault of a key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFileFault {
    /// The file is not there.
    Missing,
    /// Its bytes are not the bytes that were written.
    Damaged,
    /// Its key opens no page of the store.
    Misfit,
}

impl KeyFileFault {
    /// Says it in an English sentence about the file.
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

    /// Says it in a Chinese sentence about the file.
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
    /// The stable code, if there is one.
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

    /// Whether an answer was larger than this phone takes at once.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self, Self::Wire(WireError::TooLarge(_)))
    }

    /// The wait before the next request that the server asks for, if it does.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Server { wait, .. } => *wait,
            _ => None,
        }
    }

    /// Whether the store's file is damaged. [`crate::Client`] sets it aside then. An engine used by itself is set aside with
    /// [`Engine::set_aside`](crate::engine::Engine::set_aside).
    pub fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            Self::Store(error) => matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)),
            _ => false,
        }
    }

    /// Makes an error of SQLite's, with `Full` for a full disk.
    pub(crate) fn of_store(error: rusqlite::Error) -> Self {
        error.into()
    }

    /// Makes an error of the file system's, with `Full` for a full disk and `ReadOnly` for a read-only one.
    pub(crate) fn of_file(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Self::Full,
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::NotAStore(error.to_string()),
        }
    }

    /// Whether perhaps nothing can be written now, while the file can be read.
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
            rusqlite::Error::SqliteFailure(_, Some(message)) if message == LEASE_ENDED => {
                lease_ended().into()
            }
            _ => Self::Store(error),
        }
    }
}

/// The message of the functions in SQL when a value would have to be read without a lease.
pub(crate) const LEASE_ENDED: &str = "gridledger: the lease has ended";

/// Makes the refusal of an act that needs residents' values, after the lease has ended.
pub(crate) fn lease_ended() -> Refusal {
    Refusal::new(Code::LeaseEnded, "sync once, then it can be read again")
}
