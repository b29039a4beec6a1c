//! The values that an app sees.

use gridledger_schema::code::Refusal;
use gridledger_schema::entry::Intent;
use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::wire::{AreaInfo, Grant, Ruling};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A record as this phone shows it, undecided edits included.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// The record's id.
    pub id: RecordId,
    /// Its type.
    pub record_type: String,
    /// Its area's code.
    pub area: String,
    /// Field to value, with `_conflicts` and `_ticket` if there are such. The values are masked, unless the record was opened
    /// for a purpose. A masked value is for showing and must not be written back.
    pub view: Value,
    /// How many own edits in it the ledger does not hold yet.
    pub pending: u32,
    /// The time of its last edit, ms since 1970; 0 if unknown.
    pub changed_at: i64,
    /// The record went to an area that is not held here. It stays until own edits in it are decided.
    pub moving: bool,
    /// Whether residents' values are left out of `view`, because this phone's lease has ended.
    pub withheld: bool,
}

impl Record {
    /// Lists the fields with several values, masked or whole as the record is.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let fields = self.view["_conflicts"].as_object().into_iter().flatten();
        let conflicts = fields.map(|(field, values)| Conflict {
            record: self.id,
            record_type: self.record_type.clone(),
            field: field.clone(),
            values: values.as_array().cloned().unwrap_or_default(),
        });
        conflicts.collect()
    }
}

/// The purpose of opening a record: the reason that stands in the read log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A visit at the door.
    Visit,
    /// Correcting or completing the record.
    Edit,
    /// Working on a ticket.
    Ticket,
    /// Calling somebody.
    Call,
    /// Settling what several people wrote.
    Settle,
    /// Anything else, in 4 to 200 characters.
    Other(String),
}

impl Purpose {
    /// The reason in words, Chinese and English.
    pub fn reason(&self) -> &str {
        match self {
            Self::Visit => "上门走访 visit",
            Self::Edit => "登记更正 edit",
            Self::Ticket => "办理事件 ticket",
            Self::Call => "电话联系 call",
            Self::Settle => "定夺冲突 settle",
            Self::Other(reason) => reason,
        }
    }
}

/// The result of a save.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// The record.
    pub record: RecordId,
    /// The entry's number in this phone's feed.
    pub n: u64,
}

/// A choice of records to list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Only this type.
    pub record_type: Option<String>,
    /// Only the area with this code and those below it.
    pub area: Option<String>,
    /// Only records whose field has this value. A dot leads into an object: `address.road`, `_ticket.state`.
    pub fields: Vec<(String, Value)>,
    /// Only records with this text somewhere in them. Two characters are enough.
    pub text: Option<String>,
    /// Only records with unsettled conflicts.
    pub in_conflict: bool,
    /// The most records to list; 0 for all.
    pub limit: usize,
    /// How many records to leave out at the beginning.
    pub offset: usize,
}

impl Query {
    /// Chooses records of a type.
    pub fn of_type(record_type: &str) -> Self {
        Self { record_type: Some(record_type.to_owned()), ..Self::default() }
    }

    /// Chooses those in an area (by its code) or below it.
    #[must_use]
    pub fn area(mut self, code: &str) -> Self {
        self.area = Some(code.to_owned());
        self
    }

    /// Chooses those whose field has a value.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// Chooses those with a text in them.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// Lists at most `limit` records.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// A field with several values, written by people who had not seen each other's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Conflict {
    /// The record.
    pub record: RecordId,
    /// Its type.
    pub record_type: String,
    /// The field.
    pub field: String,
    /// The values, the shown one first: objects of `value`, `feed` and `at` (ms since 1970).
    pub values: Vec<Value>,
}

/// An own edit's lasting id: its feed and its number there. A phone has another feed after it came back from a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct EntryId {
    /// The feed.
    pub feed: FeedId,
    /// The number in it.
    pub n: u64,
}

impl std::fmt::Display for EntryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.feed, self.n)
    }
}

/// An own edit that was refused, with its intents, the reason, and the values that are there now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attention {
    /// The edit's id.
    #[serde(flatten)]
    pub id: EntryId,
    /// The record.
    pub record: RecordId,
    /// The time of the edit, ms since 1970.
    pub at: i64,
    /// The edit's intents.
    pub intents: Vec<Intent>,
    /// The reason of the refusal.
    pub refusal: Refusal,
    /// Whether intents with residents' values are left out, because this phone's lease has ended.
    pub withheld: bool,
    /// Whether the edit fell by itself, or with an edit it was built on.
    pub why: Why,
    /// The present value of each of its fields; null for none, or if the record is not here.
    pub now: Map<String, Value>,
    /// Whether the record is on this phone.
    pub here: bool,
    /// The author's question to a supervisor.
    pub asked: Option<String>,
    /// The supervisor's ruling.
    #[serde(serialize_with = "serialize_ruling")]
    pub ruling: Option<Ruling>,
    /// The reason and the ruling in sentences for a person, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

/// A record of which a restored server did not give everything back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lost {
    /// The record.
    pub record: RecordId,
    /// Its type.
    pub record_type: String,
    /// Its area's code.
    pub area: String,
    /// Whether the record itself is still here.
    pub here: bool,
    /// How many changes of others are missing.
    pub changes: u64,
    /// The fields that had shown something else.
    pub values: Vec<LostValue>,
    /// A sentence for a person, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

/// A value that is not there any more.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LostValue {
    /// The field.
    pub field: String,
    /// The value that this phone had shown.
    pub was: Value,
    /// The value that it shows now; null for none.
    pub now: Value,
}

/// Why an edit needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Why {
    /// The edit itself was refused.
    Refused,
    /// The edit was built on one that was refused: its record, its child, its place in a text or its step is not there.
    GroundGone {
        /// The edit that it was built on.
        after: EntryId,
    },
}

#[expect(clippy::ref_option, reason = "serde hands the field over like this")]
fn serialize_ruling<S: serde::Serializer>(ruling: &Option<Ruling>, s: S) -> Result<S::Ok, S::Error> {
    let shown = ruling.as_ref().map(|ruling| {
        serde_json::json!({
            "admitted": ruling.admitted, "by": ruling.by, "at": ruling.at, "note": ruling.note,
        })
    });
    shown.serialize(s)
}

/// The contents of a refused edit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Copied {
    /// One line for each field, with Chinese names.
    pub zh: String,
    /// The same with English names.
    pub en: String,
    /// An object of `record`, `type`, `at` (ms since 1970) and `intents`.
    pub json: Value,
}

/// How far an own edit has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SentState {
    /// The edit is durable on this phone.
    Saved,
    /// The server has stored the edit.
    Sent,
    /// The edit came back in the area's log.
    InLedger,
    /// The edit was refused and needs attention.
    Refused,
    /// The edit was refused, and its author has dealt with it.
    Dismissed,
}

impl SentState {
    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::Saved => 0,
            Self::Sent => 1,
            Self::InLedger => 2,
            Self::Refused => 3,
            Self::Dismissed => 4,
        }
    }

    pub(crate) fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Saved,
            1 => Self::Sent,
            2 => Self::InLedger,
            3 => Self::Refused,
            _ => Self::Dismissed,
        }
    }
}

/// An own edit and how far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnEdit {
    /// The edit's number in this phone's feed.
    pub n: u64,
    /// The record.
    pub record: RecordId,
    /// The time of the edit, ms since 1970.
    pub at: i64,
    /// The state of the edit.
    pub state: SentState,
}

/// A phone's state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// The login of the phone's user.
    pub user: Option<String>,
    /// The user's name.
    pub name: Option<String>,
    /// The server's address.
    pub server: Option<String>,
    /// Whether the server has given this device a number.
    pub enrolled: bool,
    /// Records held.
    pub records: u64,
    /// Own edits saved and not sent.
    pub unsent: u64,
    /// Own edits sent and not yet in the ledger.
    pub sent: u64,
    /// Own edits that need attention.
    pub attention: u64,
    /// Records with unsettled conflicts.
    pub conflicts: u64,
    /// The server's clock less this phone's, ms, as of the last sync.
    pub clock_offset_ms: i64,
    /// The last sync that ended well, ms since 1970 by this phone's corrected clock; 0 for never.
    pub synced_at: i64,
    /// The time until which residents' values can be read here without a sync, ms since 1970 by the server's clock.
    pub lease_until: i64,
    /// Whether that time is over: residents' values are withheld until the next sync.
    pub dark: bool,
    /// The reason why the server did not decide all that was sent last, such as a forked feed.
    pub trouble: Option<Refusal>,
    /// The areas held.
    pub areas: Vec<AreaInfo>,
    /// The user's rights.
    pub grants: Vec<Grant>,
    /// Rights that end within three days, and those that ended within thirty.
    pub endings: Vec<Ending>,
}

/// A right that ends soon or has ended. From its end on nothing can be written under it, with or without signal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// The role.
    pub role: String,
    /// The code of the area where it is held.
    pub area: String,
    /// The end of the right, ms since 1970.
    pub to: i64,
    /// Whether the right has ended.
    pub ended: bool,
    /// A sentence for a person, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

/// The results of a sync.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SyncReport {
    /// HTTP requests made.
    pub round_trips: u32,
    /// Bytes of request bodies.
    pub bytes_up: u64,
    /// Bytes of answer bodies.
    pub bytes_down: u64,
    /// Own entries decided.
    pub decided: u64,
    /// Own entries refused, among those decided.
    pub refused: u64,
    /// Records that changed here.
    pub changed: u64,
    /// Areas whose digests on server and phone are equal, which proves that their records are.
    pub proven: u32,
    /// Areas whose digests differ. The next sync fetches them afresh.
    pub healed: u32,
    /// Own entries saved under a wrong clock whose times were corrected.
    pub corrected: u64,
}

/// All that a phone needs to work before its first sync. An administrator hands it over with the code.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Invite {
    /// The server's address.
    pub server: String,
    /// The one-time code.
    pub code: String,
    /// The user's login.
    pub user: String,
    /// The user's name.
    pub name: String,
    /// The user's rights.
    pub grants: Vec<Grant>,
    /// The areas where the rights are held.
    pub areas: Vec<AreaInfo>,
}

/// Leaves out the code, which is a secret, and the name, which is a person's.
impl std::fmt::Debug for Invite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Invite {{ server: {:?}, user: {:?}, .. }}", self.server, self.user)
    }
}
