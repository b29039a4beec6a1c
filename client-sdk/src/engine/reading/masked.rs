//! Records and lists as an app shows them: masked.

use gridledger_core::mask;
use gridledger_schema::ids::RecordId;
use serde_json::Value;

use crate::engine::phone::engine::Engine;
use crate::engine::records::views;
use crate::error::ClientError;
use crate::model::{Conflict, Query, Record};

impl Engine {
    /// Reads one record, masked; `None` if it is not here.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn get(&self, record: RecordId) -> Result<Option<Record>, ClientError> {
        Ok(self.get_whole(record)?.map(|record| self.mask_record(record)))
    }

    /// Lists records, masked, the last changed first. Conditions and text are compared with the whole values.
    ///
    /// # Errors
    ///
    /// `Missing` for a field whose name has other characters than letters, digits and `_`, and the store's.
    pub fn list(&self, query: &Query) -> Result<Vec<Record>, ClientError> {
        let records = self.list_whole(query)?.into_iter();
        Ok(records.map(|record| self.mask_record(record)).collect())
    }

    /// Lists every field with several values, of one record or of all; the values masked.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn conflicts(&self, record: Option<RecordId>) -> Result<Vec<Conflict>, ClientError> {
        let records: Vec<Record> = match record {
            Some(record) => self.get(record)?.into_iter().collect(),
            None => self.list(&Query { in_conflict: true, ..Query::default() })?,
        };
        Ok(records.iter().flat_map(Record::conflicts).collect())
    }

    fn mask_record(&self, mut record: Record) -> Record {
        let known = self.schema.record_type(&record.record_type);
        let view = record.view.as_object();
        let view = known.zip(view).map(|(known, view)| mask::view(known, view));
        record.view = Value::Object(view.unwrap_or_default());
        self.show_withheld(record)
    }

    /// Puts `***` in the place of texts that are withheld in the dark.
    pub(crate) fn show_withheld(&self, mut record: Record) -> Record {
        if record.withheld {
            views::withhold(self.schema.record_type(&record.record_type), &mut record.view);
        }
        record
    }
}
