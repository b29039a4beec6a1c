//! Rows for programs that read the database itself: typed views, and the shown values of each record.

use gridledger_schema::ids::RecordId;
use gridledger_schema::set::Label;

/// The facet that a tool reads: that of the read class that every role holds.
pub const FACET: u8 = 0;

/// The ledger of a record type, for tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolLedger {
    /// The type; its view is `ledger_` and this.
    pub record_type: String,
    /// Its columns, beside those that every record has.
    pub columns: Vec<ToolColumn>,
}

/// A column of a ledger for tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolColumn {
    /// Its name in the view.
    pub name: String,
    /// The kind of its values.
    pub kind: ToolKind,
    /// Whether a mask lies over them.
    pub masked: bool,
    /// The member of [`Shown::shown`] that holds its value.
    pub key: String,
    /// Its heading.
    pub label: Label,
}

/// The kinds of values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolKind {
    /// A text, or a code.
    Text,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// Yes or no.
    YesNo,
    /// A time: in what is written down ms since 1970.
    Time,
    /// A list or an object, as JSON.
    Json,
}

impl ToolKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Whole => "whole",
            Self::Number => "number",
            Self::YesNo => "yes_no",
            Self::Time => "time",
            Self::Json => "json",
        }
    }
}

/// The values that tools may see of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The record.
    pub record: RecordId,
    /// The log position it was read at. It is not written if the record changed since.
    pub last: u64,
    /// One JSON object: key of a column to value.
    pub shown: String,
}

/// Whether a role of the database reads the views.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderRole {
    /// It does.
    Reads,
    /// There is none, and this account may not make one.
    MayNotMake,
    /// A file has no roles.
    NoRoles,
}
