//! The errors of the store.

use gridledger_schema::ids::AreaNo;

use crate::store::sql;

/// The errors of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or failed.
    #[error(transparent)]
    Sql(#[from] sql::SqlError),
    /// The writer is gone or its queue is full.
    #[error("the store is busy")]
    Busy,
    /// The server was restored, and takes nothing new yet.
    #[error("the store is gathering what phones hold")]
    Recovering,
    /// The store was set back to an older state, and takes nothing until that is put right.
    #[error("the store was set back: run `gridledger admin restore --in-place`")]
    SetBack,
    /// The server's clock is not to be trusted now.
    #[error("the server's clock is not to be trusted: see `gridledger admin clock`")]
    ClockUnsure,
    /// A row that this version cannot read.
    #[error("a damaged row in {0}")]
    Damaged(&'static str),
    /// Something with this key is there already.
    #[error("{0} is already there")]
    Taken(String),
    /// Something that the call needs is not there.
    #[error("no such {0}")]
    Missing(String),
    /// Another process has the store open.
    #[error("{0}: another process serves this store")]
    Held(String),
    /// A write to an area that its transaction has not locked. It runs again with that area locked as well.
    #[error("area {0} is written and not locked")]
    Unlocked(AreaNo),
    /// A write that must run alone, in a transaction beside which others run.
    #[error("BUG: a write that must be alone runs beside others")]
    NotAlone,
    /// Changes that were derived could not be merged together. The push is decided again, merging each by itself.
    #[error("changes could not be merged")]
    Unsettled,
    /// A tool reads what is to be made anew for tools.
    #[error(
        "a tool is reading the ledgers for tools, which have to be made anew: end its query and start again"
    )]
    ToolsRead,
    /// The file is not a store of this program, or of another version of it.
    #[error("{0}")]
    NotAStore(String),
}

impl StoreError {
    /// The store took a step that this version does not know.
    pub(crate) fn of_newer(step: i64) -> Self {
        Self::NotAStore(format!("the store was written by a newer version (step {step})"))
    }

    /// Whether the store's file is damaged.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Sql(sql::SqlError::DamagedFile))
    }

    /// Whether the same call can succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Busy
                | Self::Recovering
                | Self::SetBack
                | Self::ClockUnsure
                | Self::Sql(_)
                | Self::ToolsRead
                | Self::Unlocked(_)
        ) && !self.is_damage()
    }

    /// Whether the same transaction, run again by itself, can succeed: it met another one, or lacked a lock.
    pub(crate) fn is_collision(&self) -> bool {
        match self {
            Self::Unlocked(_) => true,
            Self::Sql(error) => error.is_collision(),
            _ => false,
        }
    }

    /// The error without the values of rows, for logs.
    pub fn without_values(&self) -> String {
        match self {
            Self::Sql(error) => error.without_values(),
            other => other.to_string(),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error.into())
    }
}
