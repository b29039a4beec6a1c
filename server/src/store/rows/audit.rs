//! The rows that `verify` reads, as they are stored. A row it cannot read is an error of that call alone.

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
    /// Its canonical bytes; empty if what it held was erased.
    pub body: Vec<u8>,
    /// Its hash, as kept.
    pub hash: Vec<u8>,
    /// Whether it was refused.
    pub refused: bool,
    /// Whether its content was dropped when its time was over.
    pub ended: bool,
    /// Whether its content was not kept, because its device had used up its quota of the day.
    pub unkept: bool,
}

/// The changes of a repair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Documents whose term of the digest was wrong.
    pub terms: u64,
    /// Digests of the area that were wrong.
    pub digests: u64,
}
