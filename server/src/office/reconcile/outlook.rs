//! The outlook of an import: the lists that a person reads before the import acts.

use std::collections::BTreeMap;

use gridledger_core::mask;
use gridledger_schema::code::Refusal;
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::SchemaSet;
use serde::Serialize;
use serde_json::Value;

use crate::office::import::fault::Wrong;

/// One line of a list. The store's values are masked; the spreadsheet's values are unchanged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// The line in the file; 0 for what the file does not name.
    pub line: u64,
    /// The record type.
    pub record_type: &'static str,
    /// The record, if it is there.
    pub record: Option<RecordId>,
    /// The field that differs.
    pub field: Option<&'static str>,
    /// The store's value, masked; for a move, the area's code.
    pub old: Value,
    /// The spreadsheet's value.
    pub new: Value,
    /// Whether another person wrote the field since the last import: then both values stay, as a conflict.
    pub contested: bool,
}

impl Item {
    /// A line about a thing as a whole.
    pub(crate) fn new(line: u64, record_type: &'static str, record: Option<RecordId>) -> Self {
        Self { line, record_type, record, field: None, old: Value::Null, new: Value::Null, contested: false }
    }
}

/// A thing that was not imported because it may be an existing record.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// The line in the file.
    pub line: u64,
    /// The record type.
    pub record_type: &'static str,
    /// The reason.
    pub wrong: Wrong,
}

/// The lists of everything that an import does with a spreadsheet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportReport {
    /// Records made, by type.
    pub created: BTreeMap<&'static str, usize>,
    /// Things that agree with the spreadsheet.
    pub unchanged: usize,
    /// Things that the store did not have.
    pub fresh: Vec<Item>,
    /// Fields that get the spreadsheet's value.
    pub changed: Vec<Item>,
    /// Records that go to another grid, and people who go to another household.
    pub moved: Vec<Item>,
    /// Records in the spreadsheet's areas that an earlier spreadsheet named and this one does not.
    pub missing: Vec<Item>,
    /// Fields that a person wrote since the last import while the spreadsheet did not change: the store's value stays.
    pub kept: Vec<Item>,
    /// Things that may be a record that is there; they were not taken.
    pub doubtful: Vec<Doubt>,
    /// Things that were refused: the line in the file, and why.
    pub refused: Vec<(u64, Refusal)>,
}

/// A value of the store as a list shows it.
pub(crate) fn masked(schema: &SchemaSet, record_type: &str, field: &str, value: &Value) -> Value {
    let field = schema.record_type(record_type).and_then(|of| of.field(field));
    field.and_then(|field| mask::mask_value(field, value)).unwrap_or_else(|| "***".into())
}
