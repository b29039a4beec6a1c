//! What `verify` reads: everything, row by row, as it stands. A row it cannot read is an error of that call alone.

use gridledger_schema::ids::{EntryHash, RecordId};

use super::people::FeedRow;

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

/// What a repair changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Documents whose part of the digest was another.
    pub terms: u64,
    /// Digests of the area that were another.
    pub digests: u64,
}
