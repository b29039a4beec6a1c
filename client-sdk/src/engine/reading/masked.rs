//! What an app is shown: lists and records, masked.

use gridledger_core::mask;
use gridledger_schema::ids::RecordId;
use serde_json::Value;

use crate::engine::phone::engine::Engine;
use crate::engine::records::views;
use crate::error::ClientError;
use crate::model::{Conflict, Query, Record};

impl Engine {
    /// One record, masked.
    pub fn get(&self, record: RecordId) -> Result<Option<Record>, ClientError> {
        Ok(self.plain_get(record)?.map(|record| self.masked(record)))
    }

    /// Records, masked, the last changed first. Conditions and text are looked for in the whole values.
    pub fn list(&self, query: &Query) -> Result<Vec<Record>, ClientError> {
        let records = self.plain_list(query)?.into_iter();
        Ok(records.map(|record| self.masked(record)).collect())
    }

    pub(crate) fn masked(&self, mut record: Record) -> Record {
        let known = self.schema.record_type(&record.record_type);
        let view = record.view.as_object();
        let view = known.zip(view).map(|(known, view)| mask::view(known, view));
        record.view = Value::Object(view.unwrap_or_default());
        self.shown_withheld(record)
    }

    /// In the dark, what a person sees in place of values that are there.
    pub(crate) fn shown_withheld(&self, mut record: Record) -> Record {
        if record.withheld {
            views::withhold(self.schema.record_type(&record.record_type), &mut record.view);
        }
        record
    }

    /// Every field with several values, of one record or of all; the values masked, as in lists.
    pub fn conflicts(&self, record: Option<RecordId>) -> Result<Vec<Conflict>, ClientError> {
        let records: Vec<Record> = match record {
            Some(record) => self.get(record)?.into_iter().collect(),
            None => self.list(&Query { in_conflict: true, ..Query::default() })?,
        };
        Ok(records.iter().flat_map(Record::conflicts).collect())
    }
}
