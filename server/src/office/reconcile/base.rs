//! The notes of the last import about a record: a hash of each value, and the log position up to which it was known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::store::StoreError;
use crate::store::rows::desk::Said;

/// The values of the last spreadsheet for a record, as hashes. A position of 0 stands for `seen`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Base {
    /// The number of the area that it named; 0 for none.
    pub(crate) area: u32,
    /// The position in the area's log up to which the record was known.
    #[serde(skip)]
    pub(crate) seen: u64,
    /// By field: the hash of the value, and the position up to which it was known.
    pub(crate) fields: BTreeMap<String, (String, u64)>,
    /// The hash of each phone number, and under which name it was written.
    pub(crate) phones: Vec<(String, String)>,
    /// The position up to which the phones were known.
    #[serde(default)]
    pub(crate) phones_seen: u64,
    /// The hash of each note.
    pub(crate) notes: Vec<String>,
}

impl Base {
    /// Reads what was noted.
    pub(crate) fn read(said: &Said) -> Result<Self, StoreError> {
        let mut base: Self =
            serde_json::from_str(&said.said).map_err(|_| StoreError::Damaged("import_said"))?;
        base.seen = said.seen;
        Ok(base)
    }

    /// The hash of what was said of a field.
    pub(crate) fn hash(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(|(hash, _)| hash.as_str())
    }

    /// The position up to which a field was known.
    pub(crate) fn seen(&self, field: &str) -> u64 {
        let seen = match field {
            "phones" => self.phones_seen,
            field => self.fields.get(field).map_or(0, |(_, seen)| *seen),
        };
        if seen == 0 { self.seen } else { seen }
    }

    /// Text of what is now known: what is not said again keeps its position.
    pub(crate) fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Fixes each field at the position up to which it was known, before `seen` moves on.
    pub(crate) fn fixed(mut self) -> Self {
        let seen = self.seen;
        for (_, at) in self.fields.values_mut() {
            *at = if *at == 0 { seen } else { *at };
        }
        if self.phones_seen == 0 {
            self.phones_seen = seen;
        }
        self
    }
}
