//! Views without what is due, which is hidden before anything is read. Hiding erases nothing.

use gridledger_core::epoch::{Erasure, Place, begin};
use gridledger_core::retention;
use gridledger_schema::ids::RecordId;
use rusqlite::{Transaction, TransactionBehavior};

use crate::engine::phone::engine::Engine;
use crate::engine::records::due::{self, Due};
use crate::engine::records::{documents, entries, rows, views};
use crate::error::ClientError;

/// Records handled in one transaction.
const BATCH: i64 = 200;

impl Engine {
    /// Takes out of the views what is due by now. Every call that reads views begins with this.
    pub(crate) fn hide_due(&self) -> Result<(), ClientError> {
        if !self.db.is_autocommit() {
            return Ok(()); // A save is in progress, and it reads whole documents.
        }
        let now = self.now()?;
        loop {
            let records = due::list(&self.db, now, BATCH)?;
            if records.is_empty() {
                return Ok(());
            }
            // If the clock turns out to have been ahead, the server's time shows the records again.
            self.note_latest()?;
            let tx = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
            for record in records {
                self.hide_due_in(record, now)?;
            }
            tx.commit().map_err(ClientError::of_store)?;
        }
    }

    fn hide_due_in(&self, record: RecordId, now: i64) -> Result<(), ClientError> {
        let row = rows::find(&self.db, record)?;
        let record_type = row.as_ref().and_then(|row| self.schema.record_type(&row.record_type));
        let (Some(row), Some(record_type)) = (&row, record_type) else {
            return due::set(&self.db, record, Due { at: None, hides: false });
        };
        let mut facets = documents::read_shown(&self.db, record)?;
        let (fields, next) = retention::due(record_type, facets.iter().map(|(f, d)| (*f, d)), now);
        if fields.is_empty() {
            return due::set(&self.db, record, Due { at: next, hides: false });
        }
        let erased: Vec<Erasure> = fields
            .into_iter()
            .map(|due| Erasure { field: due.field, told: 0, until: due.until, by: None })
            .collect();
        for (facet, document) in &mut facets {
            let place = Place { record, facet: *facet, epoch: row.epoch + 1 };
            let of_facet: Vec<Erasure> = erased
                .iter()
                .filter(|e| record_type.field(&e.field).is_some_and(|f| f.facet == *facet))
                .cloned()
                .collect();
            *document = begin(document, place, &of_facet)
                .map_err(|e| ClientError::NotAStore(format!("a document is damaged: {e}")))?;
        }
        let pending = entries::read_open(&self.db, record)?.len();
        let view = views::project(&self.schema, &row.record_type, &facets);
        views::write(&self.db, &self.schema, row, &view, pending)?;
        // A view that is made afresh shows the values again, so this is asked again then.
        due::set(&self.db, record, Due { at: next, hides: true })
    }
}
