//! What desks ask of the store beyond a push: feeds of the server's own, and notes that keep work from being done twice.

use gridledger_schema::code::Refusal;
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};

use super::StoreError;
use super::people::UserNo;
use super::records::{Push, SegmentVerdict};
use super::refusals::RulingRow;

/// The hash of what an office calls a thing.
pub type ImportKey = [u8; 16];

/// What is written down together with a push, for the entries of it that it decided.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// Requests it answers: (user, the user's name for it, feed, entry). Stored or refused.
    pub requests: Vec<(UserNo, String, FeedId, u64)>,
    /// Things it creates: (key, feed, entry). Only of stored entries.
    pub imports: Vec<(ImportKey, FeedId, u64)>,
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

/// Desks and imports.
pub trait DeskStore {
    /// A feed's last decided entry: its number and hash; (0, zero) when nothing is.
    fn feed_head(&self, feed: FeedId) -> Result<(u64, EntryHash), StoreError>;
    /// [`push`](super::RecordStore::push), with notes in the same transaction. A request or key that is there already
    /// fails the whole push as [`StoreError::Taken`].
    fn push_noting(&self, push: Push, notes: Notes) -> Result<Vec<SegmentVerdict>, StoreError>;
    /// The answer to a user's earlier request of this name.
    fn answered(&self, user: UserNo, request: &str) -> Result<Option<Answered>, StoreError>;
    /// The records of things imported before, in the order asked.
    fn imported(&self, keys: &[ImportKey]) -> Result<Vec<Option<RecordId>>, StoreError>;
}
