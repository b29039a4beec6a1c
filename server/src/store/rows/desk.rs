//! Rows for desks beyond a push: notes that keep work from being done twice.

use gridledger_schema::code::Refusal;
use gridledger_schema::ids::{FeedId, RecordId};

use super::people::UserNo;
use super::refusals::RulingRow;

/// The hash of an office's name for a thing.
pub type ImportKey = [u8; 16];

/// The content of the last spreadsheet that changed a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The position in the log of the record's area up to which that import knew the record.
    pub seen: u64,
    /// A hash a field, as JSON.
    pub said: String,
}

/// A record, the hashes of what a spreadsheet says of it, and the entry that writes it.
pub type SaidNote = (RecordId, String, Option<(FeedId, u64)>);

/// The notes written together with a push, for those of its entries that were decided.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// The requests it answers: (user, the user's name for it, feed, entry). The entry may be stored or refused.
    pub requests: Vec<(UserNo, String, FeedId, u64)>,
    /// A spreadsheet's names for the records it creates: (name, feed, entry). They are written for stored entries only.
    pub imports: Vec<(ImportKey, FeedId, u64)>,
    /// A spreadsheet's names for existing records.
    pub names: Vec<(ImportKey, RecordId)>,
    /// A spreadsheet's values for existing records. They are written for stored entries only; without an entry, the
    /// spreadsheet repeats what is there.
    pub said: Vec<SaidNote>,
    /// The import that writes. An import that began later ends it.
    pub run: Option<u64>,
    /// The refused entries it admits, each by the entry named in `admitted_as`. They are written for stored entries
    /// only.
    pub rulings: Vec<RulingRow>,
}

/// The result of an earlier request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The feed.
    pub feed: FeedId,
    /// The entry.
    pub n: u64,
    /// The record it is about.
    pub record: RecordId,
    /// The entry's canonical bytes; empty if what it held was erased.
    pub body: Vec<u8>,
    /// The refusal, if it was refused.
    pub refusal: Option<Refusal>,
}
