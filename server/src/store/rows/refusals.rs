//! Refused entries kept as evidence, their authors' questions, and supervisors' rulings.

use gridledger_schema::code::Refusal;
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};

/// A refused entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// The feed.
    pub feed: FeedId,
    /// Its number there.
    pub n: u64,
    /// The author's code.
    pub author: String,
    /// The record it was about.
    pub record: RecordId,
    /// The record's area, also if the record never came to be.
    pub area: AreaNo,
    /// The entry's canonical bytes; none when they were erased.
    pub body: Vec<u8>,
    /// The refusal.
    pub refusal: Refusal,
    /// When the server got it, ms since 1970.
    pub received_at: i64,
    /// When its author asked about it, and the author's note.
    pub asked: Option<(i64, String)>,
    /// The ruling.
    pub ruling: Option<RulingRow>,
}

/// A supervisor's ruling on a refused entry. An entry has one at most, and it stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulingRow {
    /// The refused entry's feed.
    pub feed: FeedId,
    /// Its number there.
    pub n: u64,
    /// The supervisor's code.
    pub by: String,
    /// When, ms since 1970.
    pub at: i64,
    /// The supervisor's words.
    pub note: String,
    /// The entry under the supervisor's name by which it was admitted; `None` when it was declined.
    pub admitted_as: Option<(FeedId, u64)>,
}

/// A query for refused entries.
#[derive(Clone, Debug)]
pub struct RefusedQuery {
    /// Entries about records in these areas.
    pub areas: Vec<AreaNo>,
    /// Only those that were asked about and have no ruling.
    pub asked: bool,
    /// Only those before this one, in the order of the answer.
    pub before: Option<(i64, FeedId, u64)>,
    /// The largest number of entries.
    pub limit: usize,
}
