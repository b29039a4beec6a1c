//! What `verify` reads: everything, row by row, as it stands. A row it cannot read is an error of that call alone.

use gridledger_schema::ids::{AreaNo, EntryHash, FeedId, RecordId};

use super::StoreError;
use super::people::FeedRow;
use super::records::{EventRow, LogRow};

/// A feed and how far it is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedHead {
    /// The feed.
    pub row: FeedRow,
    /// The last decided entry.
    pub n: u64,
    /// Its hash.
    pub hash: EntryHash,
}

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEntry {
    /// Its number.
    pub n: u64,
    /// The record it is about.
    pub record: RecordId,
    /// Its canonical bytes; none of one that held what was erased.
    pub body: Vec<u8>,
    /// Its hash, as kept.
    pub hash: Vec<u8>,
    /// Whether it was refused.
    pub refused: bool,
    /// Whether what it said went with its time.
    pub ended: bool,
    /// Whether what it said was not kept, because its device had its share of the day.
    pub unkept: bool,
}

/// Reading everything.
pub trait AuditStore {
    /// Every feed.
    fn feeds(&self) -> Result<Vec<FeedHead>, StoreError>;
    /// Up to `limit` entries of a feed after `n`, in order.
    fn kept_entries(&self, feed: FeedId, after: u64, limit: usize) -> Result<Vec<KeptEntry>, StoreError>;
    /// Every signature of a feed: the entry it was made at, and its bytes.
    fn signatures(&self, feed: FeedId) -> Result<Vec<(u64, Vec<u8>)>, StoreError>;
    /// The entry at which a feed's last push ended, if it ended before the entry that its author's signature was made at.
    fn halted(&self, feed: FeedId) -> Result<Option<u64>, StoreError>;
    /// Up to `limit` lines of an area's log after `seq`, in order.
    fn log_lines(&self, area: AreaNo, after: u64, limit: usize) -> Result<Vec<LogRow>, StoreError>;
    /// An area's events after `after`, up to `upto`, in order.
    fn events_between(&self, area: AreaNo, after: u64, upto: u64) -> Result<Vec<EventRow>, StoreError>;
    /// What a record's generation began with: of each facet an Automerge save. Nothing of its first.
    fn bases(&self, record: RecordId) -> Result<Vec<(u8, Vec<u8>)>, StoreError>;
    /// The type of a record; `None` if there is no such record.
    fn type_of(&self, record: RecordId) -> Result<Option<String>, StoreError>;
    /// Whether somebody has this login.
    fn has_login(&self, login: &str) -> Result<bool, StoreError>;
    /// Rows that refer to what is not there: (what is missing, the row's key).
    fn strays(&self) -> Result<Vec<(&'static str, String)>, StoreError>;
    /// Makes an area's digests again from its documents, in one transaction.
    fn repair_digests(&self, area: AreaNo) -> Result<Repaired, StoreError>;
}

/// What a repair changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Documents whose part of the digest was another.
    pub terms: u64,
    /// Digests of the area that were another.
    pub digests: u64,
}
