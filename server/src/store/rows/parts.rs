//! Small rows beside records: an area's changes, handlers of records, erasures, amounts a device brought in a day.

use gridledger_schema::ids::{AreaNo, FeedId, RecordId};

use super::records::{AreaHead, RecordNewsRow};

/// The changes of an area, read at one moment, without their content.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The area's head.
    pub head: AreaHead,
    /// Records that changed or left after a position, in the order in which they did; no entries and no documents.
    pub rows: Vec<RecordNewsRow>,
    /// Whether there are more.
    pub more: bool,
}

/// A time during which a person handled a record, in positions of the logs it was in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handled {
    /// The first position.
    pub since: u64,
    /// The first position after its end; `None` while it lasts.
    pub until: Option<u64>,
}

impl Handled {
    /// Whether it covers a position between two, both included.
    pub fn covers(self, from: u64, to: u64) -> bool {
        self.since <= to && self.until.is_none_or(|until| until > from)
    }

    /// The last position it covers at or below `upto`; `None` if there is none.
    pub fn last_upto(self, upto: u64) -> Option<u64> {
        let last = self.until.map_or(upto, |until| upto.min(until.saturating_sub(1)));
        (self.since <= last).then_some(last)
    }
}

/// The amounts that a device has brought in a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Entries.
    pub entries: u64,
    /// Bytes of entries in canonical form.
    pub bytes: u64,
    /// Bytes of entries that are not in any log, and are kept.
    pub refused: u64,
}

/// An erasure: ids and names of fields, nothing of their content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasureRow {
    /// The record.
    pub record: RecordId,
    /// Its area.
    pub area: AreaNo,
    /// Position in that area's log that tells of it.
    pub seq: u64,
    /// The fields; none for the whole record.
    pub fields: Vec<String>,
    /// Why, as one word.
    pub reason: String,
    /// The login of the person who asked; empty if no person did.
    pub by: String,
    /// When it was asked for, ms since 1970.
    pub asked_at: i64,
    /// When it was done, ms since 1970.
    pub done_at: i64,
    /// The refused entry that was erased alone; `None` for a record or its fields.
    pub entry: Option<(FeedId, u64)>,
}
