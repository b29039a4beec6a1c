//! What desks ask of the store beyond a push: feeds of the server's own, and notes that keep work from being done twice.

use gridledger_schema::code::Refusal;
use gridledger_schema::ids::{FeedId, RecordId};

use super::people::UserNo;
use super::refusals::RulingRow;

/// The hash of what an office calls a thing.
pub type ImportKey = [u8; 16];

/// What the last sheet that changed a record said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The position in the log of the record's area up to which that import knew the record.
    pub seen: u64,
    /// A hash a field, as JSON.
    pub said: String,
}

/// A record, the hashes of what a sheet says of it, and the entry that writes it.
pub type SaidNote = (RecordId, String, Option<(FeedId, u64)>);

/// What is written down together with a push, for the entries of it that it decided.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// Requests it answers: (user, the user's name for it, feed, entry). Stored or refused.
    pub requests: Vec<(UserNo, String, FeedId, u64)>,
    /// What a sheet calls the records it creates: (name, feed, entry). Only of stored entries.
    pub imports: Vec<(ImportKey, FeedId, u64)>,
    /// What a sheet calls records that are there.
    pub names: Vec<(ImportKey, RecordId)>,
    /// What a sheet says of records that are there. Only of stored entries; without an entry, the sheet says what is there.
    pub said: Vec<SaidNote>,
    /// The import that writes: one that began later ends it.
    pub run: Option<u64>,
    /// Refused entries it admits, each by the entry named in `admitted_as`. Only of stored entries.
    pub rulings: Vec<RulingRow>,
}

/// What became of an earlier request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The feed.
    pub feed: FeedId,
    /// The entry.
    pub n: u64,
    /// The record it is about.
    pub record: RecordId,
    /// The entry's canonical bytes; none of one that held what was erased.
    pub body: Vec<u8>,
    /// Why it was refused, if it was.
    pub refusal: Option<Refusal>,
}
