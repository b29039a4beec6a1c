//! Entries, records, documents, area logs and ledgers: the rows and the calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gridledger_schema::code::Refusal;
use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::{AreaNo, DeviceNo, EntryHash, FeedId, RecordId};
use gridledger_schema::wire::{AreaInfo, Grant, RecoveryPhase};
use serde_json::Value;

pub use super::marks::AreaHead;
pub use super::parts::{Changes, ErasureRow, Handled, Spent};
use super::people::{FeedRow, ShortenedGrant, UserNo};
use super::plans::RouteRow;
use crate::faults;
use crate::store::StoreError;
use crate::store::rows::nodes::{Bounds, Sent};

/// An entry as it was signed: decoded, its canonical bytes, its hash.
#[derive(Clone, Debug)]
pub struct SignedEntry {
    /// The entry.
    pub entry: Entry,
    /// Its canonical bytes.
    pub body: Vec<u8>,
    /// Its hash, chained to the one before.
    pub hash: EntryHash,
}

/// A segment whose signature was checked.
#[derive(Clone, Debug)]
pub struct CheckedSegment {
    /// The feed of its author.
    pub feed: FeedRow,
    /// The entries, in order, without a gap.
    pub entries: Vec<SignedEntry>,
    /// The author's signature over the last entry's hash.
    pub signature: [u8; 64],
    /// The device's knowledge of the server.
    pub heard: Heard,
    /// Facts about its entries from before a restore; `None` for entries that the server writes itself.
    pub again: Option<Arc<Again>>,
}

/// The facts that a device is known to have heard from the server before it made the entries it pushes.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The latest of its user's [`rights_cut`](super::people::User::rights_cut) that it has said it was told of.
    pub told: i64,
    /// The most it can hold of each area's log; `None` where that is not known.
    pub given: Option<Arc<Bounds>>,
    /// The positions at which it was sent records by themselves; of others nothing is known.
    pub sent: Arc<Sent>,
    /// The feeds its key wrote before this one, each with the last entry the device holds: its own earlier work. A copy of
    /// the device may have gone on in them.
    pub before: Vec<(FeedId, u64)>,
    /// Whether its phone corrects the times of what is not decided, once it hears that its clock was wrong.
    pub corrects: bool,
}

impl Heard {
    /// The state of a feed that the server writes itself.
    pub fn everything() -> Self {
        Self { told: i64::MAX, given: None, sent: Arc::default(), before: Vec::new(), corrects: false }
    }
}

/// Facts about a segment's entries from before the restore, by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// How far the recovery has come.
    pub phase: RecoveryPhase,
    /// Entries that a receipt proves to have been stored once.
    pub stored: BTreeSet<u64>,
    /// Entries that a receipt proves to have been refused.
    pub refused: BTreeMap<u64, Refusal>,
    /// Entries whose content was erased.
    pub emptied: BTreeSet<u64>,
    /// Numbers up to which a receipt holds the hash of the chain.
    pub bound: BTreeSet<u64>,
    /// The changes of others that the authors had seen. Their cursors are of logs that were lost.
    pub seen: BTreeMap<u64, SeenHeads>,
}

impl Again {
    /// Whether the server's word or the author's signature binds every entry of a segment that begins with `first`. The
    /// signature binds what follows the last emptied entry; what stands before an emptied one needs a receipt that ends there.
    pub fn is_bound(&self, first: u64) -> bool {
        let begins = |n: &&u64| **n > first && !self.emptied.contains(&(**n - 1));
        let mut runs = self.emptied.iter().filter(begins);
        faults::is_planted("07") || runs.all(|n| self.bound.contains(&(n - 1)))
    }
}

impl CheckedSegment {
    /// Whether a receipt proves that entry `n` was stored once.
    pub fn was_stored(&self, n: u64) -> bool {
        self.again.as_ref().is_some_and(|again| again.stored.contains(&n))
    }

    /// The changes of others that the author of entry `n` had seen, where its cursor does not say it.
    pub fn saw(&self, n: u64) -> Option<&SeenHeads> {
        self.again.as_ref().and_then(|again| again.seen.get(&n))
    }
}

/// Entries to be decided.
#[derive(Clone, Debug)]
pub struct Push {
    /// The device that brought them.
    pub carrier: Option<DeviceNo>,
    /// The segments.
    pub segments: Vec<CheckedSegment>,
    /// The server's clock, ms since 1970.
    pub now: i64,
}

impl Push {
    /// The same for pushes that are likely to meet: those of one area.
    pub fn key(&self) -> u64 {
        let mut entries = self.segments.iter().flat_map(|segment| &segment.entries);
        let area = entries.find_map(|signed| match &signed.entry.target {
            Target::Create { area, .. } => Some(area.0),
            Target::Edit { .. } => None,
        });
        match (area, self.segments.first()) {
            (Some(area), _) => u64::from(area),
            (None, Some(segment)) => u64::from(segment.feed.user.0),
            (None, None) => 0,
        }
    }
}

/// The verdict on one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentVerdict {
    /// The feed.
    pub feed: FeedId,
    /// The first entry of the segment that was judged.
    pub first: u64,
    /// Decided up to here.
    pub n: u64,
    /// The hash of entry `n`.
    pub hash: EntryHash,
    /// Entries of this segment that were refused; the rest up to `n` was stored.
    pub refused: Vec<(u64, Refusal)>,
    /// The times under which the last entries up to `n` were decided, where these are not the segment's, ms since 1970.
    pub times: Vec<i64>,
    /// Why the rest of the segment was not looked at, if it was not.
    pub stopped: Option<Refusal>,
}

/// A record's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// The record.
    pub record: RecordId,
    /// Its area.
    pub area: AreaNo,
    /// Its type.
    pub record_type: String,
    /// Its generation.
    pub epoch: u32,
    /// Log position of the entry that created it.
    pub created: u64,
    /// Log position of its last change.
    pub last: u64,
    /// Entries it has.
    pub entries: u64,
    /// Bytes of those entries.
    pub entry_bytes: u64,
    /// Its creator.
    pub created_by: String,
    /// When it was created (the author's clock), ms since 1970.
    pub created_at: i64,
    /// Its last author.
    pub changed_by: String,
    /// Time of the last change, ms since 1970.
    pub changed_at: i64,
    /// Log position at which its generation began; 0 when that was its creation.
    pub began: u64,
    /// Log position at which it came to its area; 0 when it was created there.
    pub arrived: u64,
    /// Whether nothing but this row is left of it.
    pub erased: bool,
    /// Its size when its generation began.
    pub before: Before,
    /// The version of the derivation rules of its generation.
    pub rules: u32,
    /// No field's time is up before this, ms since 1970; `None` for never.
    pub due_at: Option<i64>,
}

/// A record's size when its generation began; all 0 in its first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// Entries it had.
    pub entries: u64,
    /// Bytes of those entries.
    pub entry_bytes: u64,
    /// Bytes of the generation's base, uncompressed.
    pub base_bytes: u64,
}

/// A document's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRow {
    /// The facet.
    pub facet: u8,
    /// Automerge save.
    pub bytes: Vec<u8>,
    /// Its term of the area's digest.
    pub term: u128,
}

/// The changes under an entry's own, in one table: (facet, feed, the feed's change there).
pub type SeenHeads = Vec<(u8, FeedId, u64)>;

/// A row of an area's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// Position in the log.
    pub seq: u64,
    /// The record.
    pub record: RecordId,
    /// The author's feed.
    pub feed: FeedId,
    /// The entry's number there.
    pub n: u64,
    /// The facets it touched, as a bit set.
    pub facets: u64,
    /// The changes that its author had seen (facet, feed, change); `None` for all that was there.
    pub seen: Option<SeenHeads>,
}

/// One entry in a record's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordLine {
    /// Position in the log of the area it was in.
    pub seq: u64,
    /// The author's feed.
    pub feed: FeedId,
    /// The entry's number there.
    pub n: u64,
    /// The facets it touched, as a bit set.
    pub facets: u64,
}

/// The kinds of log events. Each event has a position in the area's log: a reader at that position has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// A user's grant at this area, or above it, changed.
    Rights,
    /// A record came from another area.
    Arrived,
    /// A record went to another area.
    Left,
    /// A record began a new generation.
    Epoch,
    /// A record was erased.
    Erased,
    /// The store was restored: this is the first position of its new generation.
    Restored,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Rights, Self::Arrived, Self::Left, Self::Epoch, Self::Erased, Self::Restored];

    /// The word it is stored under.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rights => "rights",
            Self::Arrived => "arrived",
            Self::Left => "left",
            Self::Epoch => "epoch",
            Self::Erased => "erased",
            Self::Restored => "restored",
        }
    }

    /// The kind of a stored word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An event in an area's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Position in the log.
    pub seq: u64,
    /// Its kind.
    pub kind: EventKind,
    /// To which record, where it was one.
    pub record: Option<RecordId>,
    /// The server's clock, ms since 1970.
    pub at: i64,
}

/// A record left an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Position of the event in the log of the area it left.
    pub seq: u64,
    /// The record.
    pub record: RecordId,
    /// Where it went.
    pub to: AreaNo,
}

/// Where a record was before it moved: for what was done by people who knew it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// The area.
    pub area: AreaNo,
    /// Its short name there.
    pub created: u64,
    /// It was there for positions below this one.
    pub until: u64,
}

/// The reads of a push while it is decided, inside the transaction that will hold its writes.
pub trait Source {
    /// An area's head; `None` if there is no such area. The head of a written area is read under its lock: the store
    /// refuses writes to an area that is not locked.
    fn area_head(&mut self, area: AreaNo) -> Result<Option<AreaHead>, StoreError>;
    /// A feed's last decided entry: its number and hash; (0, zero) when nothing is.
    fn feed_head(&mut self, feed: FeedId) -> Result<(u64, EntryHash), StoreError>;
    /// The amounts that the feed's device has brought on a day (number of days since 1970).
    fn spent(&mut self, feed: &FeedRow, day: i64) -> Result<Spent, StoreError>;
    /// A decided entry: its hash, and its refusal if it was refused.
    fn decided(&mut self, feed: FeedId, n: u64) -> Result<Option<(EntryHash, Option<Refusal>)>, StoreError>;
    /// A decided entry's canonical bytes; none of one that lost what it said.
    fn body(&mut self, feed: FeedId, n: u64) -> Result<Option<Vec<u8>>, StoreError>;
    /// A record and its documents.
    fn record(&mut self, record: RecordId) -> Result<Option<(RecordRow, Vec<DocumentRow>)>, StoreError>;
    /// The type of a record; `None` if there is no such record.
    fn type_of(&mut self, record: RecordId) -> Result<Option<String>, StoreError>;
    /// Whether a user has this login.
    fn has_login(&mut self, login: &str) -> Result<bool, StoreError>;
    /// Where a record is, its type, and its view that everybody with a role there reads (JSON).
    fn located(&mut self, record: RecordId) -> Result<Option<(AreaNo, String, String)>, StoreError>;
    /// A user's grants; `None` if there is no such user or it was revoked.
    fn grants(&mut self, user: UserNo) -> Result<Option<Vec<Grant>>, StoreError>;
    /// A user's shortened grants as they were before, the earliest first.
    fn shortened_grants(&mut self, user: UserNo) -> Result<Vec<ShortenedGrant>, StoreError>;
    /// When the entry or event at or next below a position of an area's log was written (the server's clock, ms);
    /// `None` below the first.
    fn written_at(&mut self, area: AreaNo, seq: u64) -> Result<Option<i64>, StoreError>;
    /// An area and all above it, as a device knew them that had learnt of the territory by `known` (ms since 1970). An
    /// end of lying in another area that was set later does not count.
    fn ancestry(&mut self, area: AreaNo, known: i64) -> Result<Vec<AreaInfo>, StoreError>;
    /// Where new records of an area go, if it was split or closed.
    fn route(&mut self, area: AreaNo) -> Result<Option<RouteRow>, StoreError>;
    /// Where a record was before, the earliest first.
    fn stays(&mut self, record: RecordId) -> Result<Vec<Stay>, StoreError>;
    /// The latest event of a kind in an area at or below a position.
    fn last_event(
        &mut self,
        area: AreaNo,
        kind: EventKind,
        upto: u64,
    ) -> Result<Option<EventRow>, StoreError>;
    /// A record's log lines above a position.
    fn record_log(&mut self, record: RecordId, above: u64) -> Result<Vec<RecordLine>, StoreError>;
    /// When a person handled a record.
    fn handled(&mut self, record: RecordId, login: &str) -> Result<Vec<Handled>, StoreError>;
    /// The canonical bytes of every entry about a record, refused ones too: (feed, number, bytes). None of wiped ones.
    fn bodies(&mut self, record: RecordId) -> Result<Vec<(FeedId, u64, Vec<u8>)>, StoreError>;
}

/// The writes of a push.
#[derive(Default)]
pub struct Writes {
    /// Entries with their verdicts (feed, entry, refusal) and whose signature stands for them.
    pub entries: Vec<(FeedId, SignedEntry, Option<Refusal>)>,
    /// Segments' signatures: (feed, n, signature).
    pub signatures: Vec<(FeedId, u64, [u8; 64])>,
    /// Entries of feeds that are the last decided ones, though the signature that stands for them is over later ones.
    pub halts: Vec<(FeedId, u64)>,
    /// New heads of feeds.
    pub feeds: Vec<(FeedId, u64, EntryHash)>,
    /// The amounts brought in feeds on a day (number of days since 1970).
    pub spent: Vec<(FeedId, i64, Spent)>,
    /// New heads of areas.
    pub areas: Vec<(AreaNo, AreaHead)>,
    /// Log lines, by area.
    pub log: Vec<(AreaNo, LogRow)>,
    /// Records made or changed, their documents, and their ledger row.
    pub records: Vec<RecordWrite>,
    /// Events, by area.
    pub events: Vec<(AreaNo, EventRow)>,
    /// Records that left an area.
    pub departures: Vec<(AreaNo, Departure)>,
    /// Where records were before.
    pub stays: Vec<(RecordId, Stay)>,
    /// Entries whose bytes go: their hashes stay, so that chains still join.
    pub wiped: Vec<(FeedId, u64)>,
    /// The erasures, with their reasons.
    pub erasures: Vec<ErasureRow>,
    /// Refused entries of which only number, hash and verdict are kept, because their device had its share of the day.
    pub unkept: BTreeSet<(FeedId, u64)>,
    /// Entries that were stored once and whose place another one took after a restore: (feed, entry).
    pub displaced: Vec<(FeedId, SignedEntry)>,
}

impl Writes {
    /// Whether bytes are overwritten that must not be found anywhere afterwards.
    pub fn overwrites(&self) -> bool {
        !self.erasures.is_empty() || !self.wiped.is_empty()
    }
}

/// A record made or changed.
pub struct RecordWrite {
    /// The row.
    pub row: RecordRow,
    /// Its changed documents.
    pub documents: Vec<DocumentRow>,
    /// Its ledger row: the view of each changed facet.
    pub ledger: Vec<LedgerWrite>,
    /// The base of a generation that begins now: (facet, Automerge save). Earlier documents, ledger rows and bases go,
    /// unless named here.
    pub base: Option<Vec<(u8, Vec<u8>)>>,
}

/// The part of a ledger row that is one facet's.
pub struct LedgerWrite {
    /// The facet.
    pub facet: u8,
    /// Its view, JSON.
    pub view: String,
    /// The values that tools may see of it, as JSON; `None` for none.
    pub shown: Option<String>,
    /// The people it names as handlers; `None` for a facet that names nobody.
    pub handlers: Option<Vec<String>>,
}

/// Decides a push: reads through `source`, returns what to write and what to answer.
pub type Decide =
    dyn Fn(&mut dyn Source, &Push) -> Result<(Writes, Vec<SegmentVerdict>), StoreError> + Send + Sync;

/// Decides what is to be written when no entry is the cause: a move, a new generation, an erasure.
pub type Act = dyn Fn(&mut dyn Source) -> Result<Writes, StoreError> + Send + Sync;

/// The news of a record for a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is here and changed.
    Changed,
    /// It went to another area.
    Left(AreaNo),
}

/// A record's news for one cursor.
#[derive(Clone, Debug)]
pub struct RecordNewsRow {
    /// The news of it.
    pub told: Told,
    /// Position of that in the area's log.
    pub at: u64,
    /// The record; of one that left as it is now, in its new area.
    pub row: RecordRow,
    /// Its documents, where its entries alone would not do: it began a new generation after the floor, or is of a later one
    /// and arrived after it.
    pub whole: Option<Vec<DocumentRow>>,
    /// Its entries after the floor, or all when it arrived after it, where they do: the log line, the author's code, the entry's canonical bytes.
    pub entries: Vec<(LogRow, String, Vec<u8>)>,
}

/// A ledger query. Rows come in (area, position) order; with them, of areas read before, records that left.
#[derive(Clone, Debug)]
pub struct LedgerQuery {
    /// The record type.
    pub record_type: String,
    /// The areas, each with the position to go on from, sorted by area.
    pub areas: Vec<(AreaNo, u64)>,
    /// At most so many rows.
    pub limit: usize,
}

/// A page of a ledger.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LedgerPage {
    /// The rows, by area and position.
    pub rows: Vec<LedgerRow>,
    /// Areas that hold nothing after the rows, each with the head of its log when that was so: the position to go on from.
    pub read: Vec<(AreaNo, u64)>,
}

/// A ledger row.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerRow {
    /// The record's row.
    pub record: RecordRow,
    /// The view of each facet, (facet, JSON object).
    pub views: Vec<(u8, Value)>,
    /// The area it left, and the position there; its row is as it is now, elsewhere.
    pub left: Option<(AreaNo, u64)>,
}

impl LedgerRow {
    /// The area and the log position it is told of at.
    pub fn position(&self) -> (AreaNo, u64) {
        self.left.unwrap_or((self.record.area, self.record.last))
    }
}

/// An entry in a record's history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// The log line; `None` for a refused entry.
    pub log: Option<LogRow>,
    /// The feed.
    pub feed: FeedId,
    /// The entry's number there.
    pub n: u64,
    /// The author's code.
    pub author: String,
    /// The device, if one wrote it.
    pub device: Option<DeviceNo>,
    /// The entry's canonical bytes; none of one that held what was erased.
    pub body: Vec<u8>,
    /// When the server got it, ms since 1970.
    pub received_at: i64,
    /// Why it was refused, if it was.
    pub refusal: Option<Refusal>,
}
