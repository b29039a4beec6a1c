//! What an app sees.

use gridledger_schema::code::Refusal;
use gridledger_schema::entry::Intent;
use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::wire::{AreaInfo, Grant, Ruling};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A record as this phone shows it, undecided edits included.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// Its id.
    pub id: RecordId,
    /// Its type.
    pub record_type: String,
    /// Its area's code.
    pub area: String,
    /// Field to value; `_conflicts` and `_ticket` where there are such. Masked, unless it was opened for a purpose: what
    /// is masked is for showing, never to be written back.
    pub view: Value,
    /// Own edits in it that the ledger does not hold yet.
    pub pending: u32,
    /// The time of its last edit, ms since 1970; 0 if unknown.
    pub changed_at: i64,
    /// It went to an area that is not held here, and stays until own edits in it are decided.
    pub moving: bool,
    /// Whether residents' values are left out of `view`, because this phone's lease has ended.
    pub withheld: bool,
}

impl Record {
    /// The fields with several values, masked or whole as the record is.
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

/// What a record is opened for: the reason that stands in the read log.
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
    /// The reason in words.
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

/// What a save gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// The record.
    pub record: RecordId,
    /// The entry's number in this phone's feed.
    pub n: u64,
}

/// Which records to list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Only this type.
    pub record_type: Option<String>,
    /// Only this area (code) and those below it.
    pub area: Option<String>,
    /// Only records whose field has this value; a dot goes into an object: `address.road`, `_ticket.state`.
    pub fields: Vec<(String, Value)>,
    /// Only records with this text somewhere in them; any two characters will do.
    pub text: Option<String>,
    /// Only records with unsettled conflicts.
    pub in_conflict: bool,
    /// At most so many; 0 for all.
    pub limit: usize,
    /// Leave out so many first.
    pub offset: usize,
}

impl Query {
    /// Records of a type.
    pub fn of_type(record_type: &str) -> Self {
        Self { record_type: Some(record_type.to_owned()), ..Self::default() }
    }

    /// … in an area or below it.
    #[must_use]
    pub fn area(mut self, code: &str) -> Self {
        self.area = Some(code.to_owned());
        self
    }

    /// … whose field has a value.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// … with a text in them.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// … at most so many.
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
    /// The values, the one shown first; each with the feed that wrote it and when.
    pub values: Vec<Value>,
}

/// An own edit for ever: its feed and its number there. A phone has another feed after it came back from a backup.
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

/// An own edit that was refused: what was meant, why not, and what is there now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attention {
    /// Which edit.
    #[serde(flatten)]
    pub id: EntryId,
    /// The record.
    pub record: RecordId,
    /// When it was done, ms since 1970.
    pub at: i64,
    /// What was meant.
    pub intents: Vec<Intent>,
    /// Why it was refused.
    pub refusal: Refusal,
    /// Whether intents with residents' values are left out, because this phone's lease has ended.
    pub withheld: bool,
    /// Whether it fell by itself, or with an edit it was built on.
    pub why: Why,
    /// What each of its fields holds now; null for nothing, or when the record is not here.
    pub now: Map<String, Value>,
    /// Whether the record is on this phone.
    pub here: bool,
    /// What the author asked a supervisor, if so.
    pub asked: Option<String>,
    /// What came of that.
    #[serde(serialize_with = "of_ruling")]
    pub ruling: Option<Ruling>,
    /// Why, and what came of it: sentences for a person, in Chinese.
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
    /// What this phone had shown.
    pub was: Value,
    /// What it shows now; null for nothing.
    pub now: Value,
}

/// Why an edit needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Why {
    /// It was refused.
    Refused,
    /// It was built on an edit that was refused: the record, the child, the place in a text or the step is not there.
    GroundGone {
        /// That edit.
        after: EntryId,
    },
}

#[expect(clippy::ref_option, reason = "serde hands the field over like this")]
fn of_ruling<S: serde::Serializer>(ruling: &Option<Ruling>, s: S) -> Result<S::Ok, S::Error> {
    let shown = ruling.as_ref().map(|ruling| {
        serde_json::json!({
            "admitted": ruling.admitted, "by": ruling.by, "at": ruling.at, "note": ruling.note,
        })
    });
    shown.serialize(s)
}

/// What was typed in a refused edit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Copied {
    /// One line a field, with Chinese names.
    pub zh: String,
    /// … with English names.
    pub en: String,
    /// Record, type, time and intents.
    pub json: Value,
}

/// How far an own edit has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SentState {
    /// Durable on this phone.
    Saved,
    /// The server has stored it.
    Sent,
    /// It came back in the area's log.
    InLedger,
    /// It was refused and needs attention.
    Refused,
    /// It was refused, and the author has dealt with it.
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
    /// Its number in this phone's feed.
    pub n: u64,
    /// The record.
    pub record: RecordId,
    /// The time of the edit, ms since 1970.
    pub at: i64,
    /// How far it has come.
    pub state: SentState,
}

/// Where a phone stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Whose phone it is: the login.
    pub user: Option<String>,
    /// The user's name.
    pub name: Option<String>,
    /// The server's address.
    pub server: Option<String>,
    /// Whether the server has given it a number.
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
    /// Until when residents' values can be read here without a sync, ms since 1970 by the server's clock.
    pub lease_until: i64,
    /// Whether that time is over: they are withheld until the next sync.
    pub dark: bool,
    /// What stands in the way, if something does (a forked feed …).
    pub trouble: Option<Refusal>,
    /// The areas held.
    pub areas: Vec<AreaInfo>,
    /// The user's rights.
    pub grants: Vec<Grant>,
    /// Rights that end within three days, and those that ended within thirty.
    pub endings: Vec<Ending>,
}

/// A right that ends soon, or has ended: nothing can be written under it from then on, with or without signal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// The role.
    pub role: String,
    /// The code of the area it is held at.
    pub area: String,
    /// When it ends or ended, ms since 1970.
    pub to: i64,
    /// Whether it has.
    pub ended: bool,
    /// A sentence for a person, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

/// What a sync did.
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
    /// Of those, refused.
    pub refused: u64,
    /// Records that changed here.
    pub changed: u64,
    /// Areas whose digest the server's and this phone's agree on: proof of equality.
    pub proven: u32,
    /// Areas found to differ; they are fetched afresh by the next sync.
    pub healed: u32,
    /// Own entries saved under a wrong clock whose times were corrected.
    pub corrected: u64,
}

/// All a phone needs to work before its first sync: what an administrator hands over with the code.
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
    /// The areas those are held in.
    pub areas: Vec<AreaInfo>,
}

/// The code opens a door, the name is a person's: neither is shown.
impl std::fmt::Debug for Invite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Invite {{ server: {:?}, user: {:?}, .. }}", self.server, self.user)
    }
}
