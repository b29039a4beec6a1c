//! This file holds the content of one sync, as data. Its layout in bytes is in `sync-core`'s `wire` module
//! and in `docs/protocol.md`.

use std::fmt;

use crate::code::Refusal;
use crate::entry::Entry;
use crate::ids::{AreaNo, DeviceNo, EntryHash, FeedId, RecordId, ServerEpoch};
use crate::suite::Suite;

/// The protocol's version, the first byte of every body.
pub const PROTOCOL: u8 = 2;
/// The oldest version that a server still answers, in that version's own form.
pub const OLDEST_PROTOCOL: u8 = 1;

/// A phone's request.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Request {
    /// The store generation of the phone's cursors; `None` before the first answer.
    pub server_epoch: Option<ServerEpoch>,
    /// The fingerprint of the phone's schema set.
    pub schema: [u8; 8],
    /// The phone's cursor in each area that it holds.
    pub cursors: Vec<AreaCursor>,
    /// The areas that the phone wants.
    pub want: Want,
    /// Bytes of answer that the phone takes; 0 for no limit of its own.
    pub budget: u32,
    /// The phone's own feeds, each with its last entry: (the key's feed number, n). The answer names these
    /// entries by number only.
    pub own: Vec<(u32, u64)>,
    /// Stretches of feeds: the phone's own, and those it carries for other devices.
    pub segments: Vec<Segment>,
    /// The fingerprint of the rights that the phone knows. Rights travel only when they changed.
    pub grants: [u8; 4],
    /// The enrolment, when the phone enrols in the same round trip.
    pub enrol: Option<Enrol>,
    /// Unmasked reads made on the phone that the server does not have yet, in order.
    pub reads: Vec<Read>,
    /// Refused entries that their author asks a supervisor about. The phone repeats them until the ruling
    /// arrives.
    pub asks: Vec<Ask>,
    /// Whether the phone asks for a new lease.
    pub lease: bool,
    /// The phone's part in the server's recovery after a restore.
    pub recovery: Option<Recovery>,
    /// The mark of each cursor's area: the mark that the server gave with the log up to that cursor, 0 for
    /// none. Empty if the phone has no mark.
    pub marks: Vec<u16>,
}

/// A phone's part in the recovery of a server that was restored from a backup.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Receipts that prove earlier verdicts on entries of this request's segments, each with the store
    /// generation that signed it.
    pub receipts: Vec<(ServerEpoch, Receipt)>,
    /// The clocks that authors of entries of a former generation had seen.
    pub seen: Vec<EntrySeen>,
    /// Entries whose content was erased. Their hashes stand for them.
    pub emptied: Vec<(FeedId, u64, EntryHash)>,
    /// The number of entries with a receipt that did not fit this request.
    pub left: u64,
    /// Changes that this phone holds and the server did not give back.
    pub missing: Vec<Missing>,
}

/// The clock that an entry's author had seen. A position in a lost log no longer tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntrySeen {
    /// The feed the entry stands in.
    pub feed: FeedId,
    /// The entry's number in the feed.
    pub n: u64,
    /// For each facet that the entry touches, the number of changes that each other feed had made there:
    /// (facet, feed, count).
    pub clock: Vec<(u8, FeedId, u64)>,
}

/// Changes of one feed that a phone holds and the server lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The record.
    pub record: RecordId,
    /// The record's area, as the phone knows it.
    pub area: AreaNo,
    /// The facet.
    pub facet: u8,
    /// The feed of the changes.
    pub feed: FeedId,
    /// The number of that feed's changes in the record's facet.
    pub count: u64,
}

/// An unmasked read on the phone, by the phone's user. It names record, fields, reason and time, never the
/// values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The device's own count of its reads, from 1, without a gap.
    pub n: u64,
    /// The time, ms since 1970, by the phone's corrected clock.
    pub at: i64,
    /// The record.
    pub record: RecordId,
    /// The fields shown.
    pub fields: Vec<String>,
    /// The reason, as the reader gave it.
    pub reason: String,
}

/// A refused entry that its author asks a supervisor about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The feed of the entry.
    pub feed: FeedId,
    /// The entry's number in the feed.
    pub n: u64,
    /// The author's note.
    pub note: String,
}

/// Which areas a phone asks for.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Want {
    /// Every area its user has rights in.
    #[default]
    All,
    /// The areas of its cursors, and these area codes.
    Only(Vec<String>),
}

/// An enrolment: a one-time code, and the key to bind to it.
#[derive(Clone, PartialEq)]
pub struct Enrol {
    /// The one-time code.
    pub code: String,
    /// The device's Ed25519 public key.
    pub public_key: [u8; 32],
    /// The device's name in the list of devices.
    pub label: String,
}

/// The code grants access, so the debug text leaves it out.
impl fmt::Debug for Enrol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Enrol {{ label: {:?}, .. }}", self.label)
    }
}

/// A phone's position in an area. The phone holds every record that last changed at or before `reached`, and
/// of the others everything up to `floor`. At rest the two are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AreaCursor {
    /// The area.
    pub area: AreaNo,
    /// The phone holds every record's entries up to here.
    pub floor: u64,
    /// The phone holds every record whole that last changed up to here.
    pub reached: u64,
}

/// Consecutive entries of one feed, under one signature.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The feed.
    pub feed: FeedId,
    /// The feed's suite, which hashes the entries and signs the segment.
    pub suite: Suite,
    /// First 8 bytes of the hash before the first entry.
    pub before: [u8; 8],
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// The author's signature over the last entry's hash.
    pub signature: [u8; 64],
}

/// One piece of an answer. The phone commits each in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// The answer to an enrolment.
    Welcome(Welcome),
    /// The server's clock, and the store generation of the rest of the answer.
    Time {
        /// The clock, ms since 1970.
        at: i64,
        /// The generation.
        epoch: ServerEpoch,
    },
    /// The user's rights, if they changed.
    Grants(GrantSet),
    /// The schema set's bundle, if the phone has another set.
    Schema(String),
    /// The verdicts on the entries pushed.
    Receipt(Receipt),
    /// An area that the phone now holds.
    Granted(AreaInfo),
    /// An area that the phone no longer holds.
    Withdrawn(AreaNo),
    /// News of an area.
    Delta(Delta),
    /// The time until which residents' fields may be read, and the secret that opens them.
    Lease(Lease),
    /// The server keeps the phone's reads up to this number.
    ReadsKept(u64),
    /// The times under which the server decided the phone's own entries. It comes before the receipt that
    /// proves it.
    Times(Times),
    /// A supervisor's ruling on a refused entry.
    Ruling(Ruling),
    /// The store is of another generation than the request's cursors. The server looked at nothing else of
    /// the request.
    Restored(Restored),
    /// The phase of the recovery, for a phone that brings something for it.
    Recovery(RecoveryPhase),
    /// The last frame. `more` says that the byte budget ended the answer early.
    End {
        /// The phone should ask again.
        more: bool,
    },
}

/// A restored server's signed notice to a phone of a former generation. It names the present generation, and
/// the phone's entries that the server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The suite of the signature; `None` in the form of protocol 1.
    pub suite: Option<Suite>,
    /// The generation that the request named.
    pub former: ServerEpoch,
    /// The present generation.
    pub epoch: ServerEpoch,
    /// The start of the present generation, ms since 1970.
    pub at: i64,
    /// The request's feeds, each with its last entry on this server.
    pub known: Vec<(FeedId, u64)>,
    /// The server's signature over all of these.
    pub signature: [u8; 64],
}

/// The phases of a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecoveryPhase {
    /// Phones offer the entries they have receipts for; new entries wait.
    Gathering,
    /// All phones have offered. The server takes new entries; an entry whose ground is missing waits for it.
    Settling,
    /// The recovery is over. Missing entries will not come by themselves.
    Over,
}

/// The times under which entries of a feed were decided, where they differ from the phone's. A copy of the
/// phone had sent these entries earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    /// The feed.
    pub feed: FeedId,
    /// The last of the entries.
    pub n: u64,
    /// The time of each entry up to the last, in ms since 1970.
    pub at: Vec<i64>,
}

/// A lease: the time until which a phone may show residents' fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The end, ms since 1970, by the server's clock.
    pub until: i64,
    /// The device's lease secret: the same at every renewal.
    pub secret: [u8; 32],
}

/// A supervisor's ruling on a refused entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// The feed of the refused entry.
    pub feed: FeedId,
    /// The entry's number in the feed.
    pub n: u64,
    /// Whether its intents were admitted, as an entry under the supervisor's own name.
    pub admitted: bool,
    /// The supervisor's code (login).
    pub by: String,
    /// The time, ms since 1970.
    pub at: i64,
    /// The supervisor's note.
    pub note: String,
}

/// The answer to a newly enrolled device.
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    /// The suite of the server's key; `None` in the form of protocol 1.
    pub suite: Option<Suite>,
    /// The number.
    pub device: DeviceNo,
    /// The store's generation.
    pub server_epoch: ServerEpoch,
    /// The server's key, which signs receipts.
    pub server_key: [u8; 32],
    /// The user's code (login).
    pub user: String,
    /// The user's name.
    pub name: String,
}

/// A user's rights: each role held, with area, start and end, over the present territory.
#[derive(Clone, Debug, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct GrantSet {
    /// Each role held.
    pub grants: Vec<Grant>,
    /// The territory's mark. When it changes, the server sends the held areas again. 0 stands for no known
    /// mark.
    pub territory: u32,
}

/// A role at one area and all areas below it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Grant {
    /// The role's code.
    pub role: String,
    /// The area at which it is held.
    pub area: AreaNo,
    /// The start, ms since 1970.
    pub from: i64,
    /// The end (exclusive), ms since 1970, if there is one.
    pub to: Option<i64>,
}

/// The server's signed statement that a feed is decided up to `n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The suite of the signature. `None` for a receipt in the form of protocol 1, which proves entry `n`
    /// alone, not those from `first`.
    pub suite: Option<Suite>,
    /// The feed.
    pub feed: FeedId,
    /// The first entry whose verdict this receipt gives.
    pub first: u64,
    /// The last decided entry; 0 if none is decided.
    pub n: u64,
    /// The hash of entry `n`.
    pub hash: EntryHash,
    /// The refused entries from `first` to `n`. The server stored the others.
    pub refused: Vec<(u64, Refusal)>,
    /// The refusal that stopped the rest of the segment, if one did.
    pub stopped: Option<Refusal>,
    /// The server's signature over epoch, feed, first, n, hash and the refusals.
    pub signature: [u8; 64],
}

/// An area's name and place, for people.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AreaInfo {
    /// The number.
    pub no: AreaNo,
    /// The area above, in the present territory.
    pub parent: Option<AreaNo>,
    /// The office's code.
    pub code: String,
    /// The kind (basic_grid, community …).
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The areas it lay and lies in, each with its time, once the area was moved. Without edges it has always
    /// lain in `parent`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Edge>,
}

/// A time for which an area lies in another. During a hand-over it lies in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Edge {
    /// The area above.
    pub above: AreaNo,
    /// The start, ms since 1970.
    pub from: i64,
    /// The end (exclusive), ms since 1970, if there is one.
    pub to: Option<i64>,
}

impl Edge {
    /// Whether the edge holds at a time (ms since 1970).
    pub fn is_valid(&self, at: i64) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

/// News of an area: records in the order in which they last changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta {
    /// The cursor that this delta continues. A phone at another cursor ignores it.
    pub from: AreaCursor,
    /// The cursor after it.
    pub to: AreaCursor,
    /// The changed records, each with its entries since `from.floor`, or whole.
    pub records: Vec<RecordNews>,
    /// The digest of each facet over the whole area, if `to` is the log's end: (facet, digest).
    pub digests: Vec<(u8, [u8; 16])>,
    /// The mark of the log's end, if `to` is that end and differs from `from`; 0 for none.
    pub mark: u16,
}

/// The news of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordNews {
    /// The record.
    pub record: RecordId,
    /// The log position of the creating entry: the record's short number in the area.
    pub created: u64,
    /// The log position of its last change.
    pub last: u64,
    /// Its type.
    pub record_type: String,
    /// Its generation.
    pub epoch: u32,
    /// The news.
    pub news: News,
}

/// The form of a record's news.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// The entries since the cursor's floor, in log order.
    Entries(Vec<LogEntry>),
    /// The record's documents: (facet, Automerge save).
    Snapshot(Vec<(u8, Vec<u8>)>),
    /// The record moved to another area; `None` if this reader must not learn which.
    Left(Option<AreaNo>),
    /// The record was erased.
    Erased,
}

/// An accepted entry, as the server sends it.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// The position in the area's log.
    pub seq: u64,
    /// The author's feed.
    pub feed: FeedId,
    /// The author's code.
    pub author: String,
    /// The changes that its author had seen, as the latest changes of each facet's document: (facet, feed,
    /// number of the feed's change there). `None` if the author had seen the whole record at that point of
    /// the log.
    pub seen: Option<Vec<(u8, FeedId, u64)>>,
    /// The entry. If `own` is set, it holds the number alone: the phone has the rest.
    pub entry: Entry,
    /// Whether the intents were left out because the receiver wrote them.
    pub own: bool,
}
