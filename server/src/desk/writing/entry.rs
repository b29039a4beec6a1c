//! The request of a person at a desk for one entry, and its verdict.

use gridledger_schema::code::Refusal;
use gridledger_schema::entry::Intent;
use gridledger_schema::ids::RecordId;

/// Entries of one request.
pub const DESK_ENTRIES: usize = 100;

/// Characters of a request's name.
pub const REQUEST_ID_CHARS: usize = 64;

/// An entry as a desk user asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeskEntry {
    /// The record created or edited.
    pub target: DeskTarget,
    /// The role to act under; `None` for the first held one that may.
    pub role: Option<String>,
    /// The intents. A facet of 0 stands for the field's own facet.
    pub intents: Vec<Intent>,
    /// The record's `last` when the author read it. Without it, the record's state when the entry arrives counts. Events and
    /// splices on an existing record need it: their meaning depends on the state that the author read.
    pub seen: Option<u64>,
    /// The user's own name for this request: the same one again is answered as the first time.
    pub request_id: Option<String>,
}

/// The record that a desk entry creates or edits.
#[derive(Clone, Debug, PartialEq)]
pub enum DeskTarget {
    /// A new record.
    Create {
        /// Its type.
        record_type: String,
        /// The code of its area.
        area: String,
    },
    /// A record that exists.
    Edit(RecordId),
}

/// The verdict on a desk entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskVerdict {
    /// Its number in the user's feed; `None` if it was refused before it became an entry.
    pub n: Option<u64>,
    /// The record created or edited.
    pub record: Option<RecordId>,
    /// The refusal, if the entry was not stored.
    pub refused: Option<Refusal>,
}

impl DeskVerdict {
    pub(super) fn refused(refusal: Refusal) -> Self {
        Self { n: None, record: None, refused: Some(refusal) }
    }
}
