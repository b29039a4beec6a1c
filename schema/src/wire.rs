//! What one sync carries, as data. How it is laid out in bytes is `sync-core`'s `wire` module and `docs/protocol.md`.

use std::fmt;

use crate::code::Refusal;
use crate::entry::Entry;
use crate::ids::{AreaNo, DeviceNo, EntryHash, FeedId, RecordId, ServerEpoch};
use crate::suite::Suite;

/// The protocol's version, the first byte of every body.
pub const PROTOCOL: u8 = 2;
/// The oldest version that a server still answers, in that version's own form.
pub const OLDEST_PROTOCOL: u8 = 1;

/// What a phone sends.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Request {
    /// The store generation the phone's cursors belong to; `None` before the first answer.
    pub server_epoch: Option<ServerEpoch>,
    /// Fingerprint of the schema set the phone has.
    pub schema: [u8; 8],
    /// What the phone holds of each area.
    pub cursors: Vec<AreaCursor>,
    /// Which areas it wants beside those.
    pub want: Want,
    /// Bytes of answer it will take, 0 for no limit of its own.
    pub budget: u32,
    /// Its own feeds, each with the last entry it holds: (the key's feed number, n). Their entries up to there come
    /// down by number only.
    pub own: Vec<(u32, u64)>,
    /// Stretches of feeds: its own, and those it carries.
    pub segments: Vec<Segment>,
    /// The fingerprint of the rights it knows, so that they travel only when they changed.
    pub grants: [u8; 4],
    /// Enrolment in the same round trip.
    pub enrol: Option<Enrol>,
    /// Unmasked reads made on the phone that the server does not have yet, in order.
    pub reads: Vec<Read>,
    /// Refused entries that their author asks a supervisor about, until the ruling came.
    pub asks: Vec<Ask>,
    /// Whether a new lease is asked for.
    pub lease: bool,
    /// What it brings besides while its server recovers what a restore lost.
    pub recovery: Option<Recovery>,
    /// The mark with which the log of each cursor's area was told up to there, 0 for none; nothing where it shows none.
    pub marks: Vec<u16>,
}

/// What a phone brings besides its entries after its server was restored from a backup.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Receipts that prove what entries of this request's segments were decided before, each with the store generation
    /// that signed it.
    pub receipts: Vec<(ServerEpoch, Receipt)>,
    /// What the authors of entries of a former generation had seen of others.
    pub seen: Vec<EntrySeen>,
    /// Entries that lost what they said, because that was erased: their hashes stand for them.
    pub emptied: Vec<(FeedId, u64, EntryHash)>,
    /// Entries with a receipt that did not fit this request.
    pub left: u64,
    /// What this phone holds and the server did not give back.
    pub missing: Vec<Missing>,
}

/// What an entry's author had seen of others: a position of a log that was lost says it no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntrySeen {
    /// The feed the entry stands in.
    pub feed: FeedId,
    /// Its number there.
    pub n: u64,
    /// Of each facet it touches, how many changes each other feed had made there: (facet, feed, count).
    pub clock: Vec<(u8, FeedId, u64)>,
}

/// Changes of a feed that a phone holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The record.
    pub record: RecordId,
    /// The area it is in, as the phone knows it.
    pub area: AreaNo,
    /// The facet.
    pub facet: u8,
    /// Whose changes.
    pub feed: FeedId,
    /// How many of them there are in the record's facet.
    pub count: u64,
}

/// Somebody saw personal values on the phone: who is the phone's user; what, why and when stand here, never the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The device's own count, from 1, without a gap.
    pub n: u64,
    /// When, ms since 1970, by the phone's corrected clock.
    pub at: i64,
    /// The record.
    pub record: RecordId,
    /// The fields shown.
    pub fields: Vec<String>,
    /// Why, as the reader said it.
    pub reason: String,
}

/// A refused entry that its author asks a supervisor about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The feed it stands in.
    pub feed: FeedId,
    /// Its number there.
    pub n: u64,
    /// What the author adds.
    pub note: String,
}

/// Which areas a phone asks for.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Want {
    /// Every area its user has rights in.
    #[default]
    All,
    /// Those it has cursors for, and these codes.
    Only(Vec<String>),
}

/// A one-time code and the key it is to be bound to.
#[derive(Clone, PartialEq)]
pub struct Enrol {
    /// The one-time code.
    pub code: String,
    /// The device's Ed25519 public key.
    pub public_key: [u8; 32],
    /// What the device calls itself, for the list of devices.
    pub label: String,
}

/// The code opens a door: it is not shown.
impl fmt::Debug for Enrol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Enrol {{ label: {:?}, .. }}", self.label)
    }
}

/// What a phone holds of an area: every record that last changed at or before `reached`, and of the others
/// everything up to `floor`. At rest the two are the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AreaCursor {
    /// The area.
    pub area: AreaNo,
    /// Held of every record.
    pub floor: u64,
    /// Records that last changed up to here are held whole.
    pub reached: u64,
}

/// Consecutive entries of one feed, under one signature.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Whose feed.
    pub feed: FeedId,
    /// The feed's suite: by it entries are hashed and the segment is signed.
    pub suite: Suite,
    /// First 8 bytes of the hash before the first entry.
    pub before: [u8; 8],
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// The author's signature over the last entry's hash.
    pub signature: [u8; 64],
}

/// One piece of an answer; the phone commits each in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// The answer to an enrolment.
    Welcome(Welcome),
    /// The server's clock, and the store generation that the rest of the answer is of.
    Time {
        /// The clock, ms since 1970.
        at: i64,
        /// The generation.
        epoch: ServerEpoch,
    },
    /// The user's rights, when they changed.
    Grants(GrantSet),
    /// The schema set, when the phone's differs: the bundle's text.
    Schema(String),
    /// What became of the entries pushed.
    Receipt(Receipt),
    /// An area the phone now holds.
    Granted(AreaInfo),
    /// An area the phone holds no longer.
    Withdrawn(AreaNo),
    /// News of an area.
    Delta(Delta),
    /// How long residents' fields may be read, and the secret that opens them.
    Lease(Lease),
    /// Reads are kept up to this number.
    ReadsKept(u64),
    /// The times under which own entries were decided; before the receipt that proves it.
    Times(Times),
    /// What a supervisor made of a refused entry.
    Ruling(Ruling),
    /// The store is another generation than the request's cursors: nothing else of the request was looked at.
    Restored(Restored),
    /// How far the recovery has come; an answer to whoever brings something for it.
    Recovery(RecoveryPhase),
    /// The last frame; `more` when the byte budget ended the answer early.
    End {
        /// Ask again.
        more: bool,
    },
}

/// A restored server's signed word to a phone of a former generation: what is its generation now, and what it has of
/// the phone's feeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The suite of the signature; `None` in the form of protocol 1.
    pub suite: Option<Suite>,
    /// The generation the request named.
    pub former: ServerEpoch,
    /// The generation now.
    pub epoch: ServerEpoch,
    /// When it began, ms since 1970.
    pub at: i64,
    /// The phone's feeds, each with its last entry here; the feeds are those of the request.
    pub known: Vec<(FeedId, u64)>,
    /// The server's signature over all of these.
    pub signature: [u8; 64],
}

/// How far a recovery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecoveryPhase {
    /// Phones offer again what they have receipts for; what is new waits.
    Gathering,
    /// All have offered: what is new is taken; what was made on something that is not here waits for it.
    Settling,
    /// It is over: what is not here will not come by itself.
    Over,
}

/// Entries of a feed that were decided under other times than they came with: a copy of their phone had sent them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    /// The feed.
    pub feed: FeedId,
    /// The last of the entries.
    pub n: u64,
    /// The time of each, in ms since 1970, up to the last.
    pub at: Vec<i64>,
}

/// How long a phone may show residents' fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Until then, ms since 1970, by the server's clock.
    pub until: i64,
    /// The device's lease secret: the same at every renewal.
    pub secret: [u8; 32],
}

/// What a supervisor made of a refused entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// The feed of the refused entry.
    pub feed: FeedId,
    /// Its number there.
    pub n: u64,
    /// Whether its intents were admitted, as an entry under the supervisor's own name.
    pub admitted: bool,
    /// The supervisor's code (login).
    pub by: String,
    /// When, ms since 1970.
    pub at: i64,
    /// The supervisor's words.
    pub note: String,
}

/// What a newly enrolled device is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    /// The suite of the server's key; `None` in the form of protocol 1.
    pub suite: Option<Suite>,
    /// Its number.
    pub device: DeviceNo,
    /// The store's generation.
    pub server_epoch: ServerEpoch,
    /// The key that receipts are signed with.
    pub server_key: [u8; 32],
    /// The user's code (login).
    pub user: String,
    /// The user's name.
    pub name: String,
}

/// A user's rights: role at area, from and until, over the territory as it is.
#[derive(Clone, Debug, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct GrantSet {
    /// Each role held.
    pub grants: Vec<Grant>,
    /// The territory's mark: when it is another, the areas held are told of anew. 0: none is known.
    pub territory: u32,
}

/// One role at one area and all below it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Grant {
    /// The role's code.
    pub role: String,
    /// The area it is held at.
    pub area: AreaNo,
    /// Valid from, ms since 1970.
    pub from: i64,
    /// Valid until (exclusive), if it ends.
    pub to: Option<i64>,
}

/// The server's signed word that a feed is decided up to `n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The suite of the signature. `None` for a receipt in the form of protocol 1: its `first` proves nothing, it speaks of
    /// entry `n` alone.
    pub suite: Option<Suite>,
    /// The feed.
    pub feed: FeedId,
    /// The first entry whose verdict is told here.
    pub first: u64,
    /// Decided up to here; 0 when nothing is.
    pub n: u64,
    /// The hash of entry `n`.
    pub hash: EntryHash,
    /// Entries from `first` to `n` that were refused, the rest of those was stored.
    pub refused: Vec<(u64, Refusal)>,
    /// What stopped the rest of the segment, if something did.
    pub stopped: Option<Refusal>,
    /// The server's signature over epoch, feed, first, n, hash and the refusals.
    pub signature: [u8; 64],
}

/// An area's name and place, for people.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AreaInfo {
    /// Its number.
    pub no: AreaNo,
    /// The area above, as the territory stands now.
    pub parent: Option<AreaNo>,
    /// The office's code.
    pub code: String,
    /// The kind (basic_grid, community …).
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Where it lay and lies, and from when until when, once it was moved. While there are none it has always lain
    /// in `parent`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Edge>,
}

/// An area lies in another for a time. In a hand-over it lies in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Edge {
    /// The area above.
    pub above: AreaNo,
    /// From then, ms since 1970.
    pub from: i64,
    /// Until then (exclusive), if it ends.
    pub to: Option<i64>,
}

impl Edge {
    /// Whether it holds at a time.
    pub fn is_valid(&self, at: i64) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

/// News of an area: records in the order in which they last changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta {
    /// The cursor this goes on from; a phone elsewhere ignores it.
    pub from: AreaCursor,
    /// The cursor after it.
    pub to: AreaCursor,
    /// Each record with its entries since `from.floor`, or whole.
    pub records: Vec<RecordNews>,
    /// Digest of each facet over the whole area at `to`, when `to` is the log's end: (facet, digest).
    pub digests: Vec<(u8, [u8; 16])>,
    /// The mark of the log's end, when `to` is that and another than `from`; 0 for none.
    pub mark: u16,
}

/// What is new of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordNews {
    /// The record.
    pub record: RecordId,
    /// Log position of its creating entry: its short number in the area.
    pub created: u64,
    /// Log position of its last change.
    pub last: u64,
    /// Its type.
    pub record_type: String,
    /// Its generation.
    pub epoch: u32,
    /// The news.
    pub news: News,
}

/// Entries, or the whole, or that it is here no longer.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// The entries since the cursor's floor, in log order.
    Entries(Vec<LogEntry>),
    /// The documents as they are: (facet, Automerge save).
    Snapshot(Vec<(u8, Vec<u8>)>),
    /// The record moved to another area; `None` when it went where this reader has no business to know.
    Left(Option<AreaNo>),
    /// The record was erased.
    Erased,
}

/// An accepted entry as it comes down.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// Position in the area's log.
    pub seq: u64,
    /// The author's feed.
    pub feed: FeedId,
    /// The author's code.
    pub author: String,
    /// What its author had seen, as the latest changes of each facet's document: (facet, feed, the feed's change
    /// there). `None` when it was all of the record at that point of the log.
    pub seen: Option<Vec<(u8, FeedId, u64)>>,
    /// The entry; `None` for the phone's own, which it has.
    pub entry: Entry,
    /// Whether the intents were left out because the receiver wrote them.
    pub own: bool,
}
