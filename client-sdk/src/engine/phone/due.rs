//! Views without what is due: it is hidden before anything is read.

use gridledger_core::epoch::{Erasure, Place, begin};
use gridledger_core::retention;
use gridledger_schema::ids::RecordId;
use rusqlite::{Transaction, TransactionBehavior};

use crate::engine::phone::engine::Engine;
use crate::engine::records::documents;
use crate::engine::records::due::set_due;
use crate::engine::records::entries;
use crate::engine::records::rows;
use crate::engine::records::views;
use crate::error::ClientError;

/// Records looked at in one go.
const BATCH: i64 = 200;

impl Engine {
    /// Takes from the views what is due by now; nothing is erased by it. Called before anything is read.
    pub(crate) fn hide_due(&self) -> Result<(), ClientError> {
        if !self.db.is_autocommit() {
            return Ok(()); // Whoever writes looks at whole documents.
        }
        let now = self.now()?;
        loop {
            let mut select = self
                .db
                // In the dark a resident's values are not shown in any case.
                .prepare_cached(
                    "SELECT d.record FROM due d LEFT JOIN records r ON r.record = d.record
                     WHERE d.at <= ?1 AND NOT is_blind(r.type) ORDER BY d.at LIMIT ?2",
                )?;
            let rows = select.query_map((now, BATCH), |row| Ok(RecordId(row.get(0)?)))?;
            let due = rows.collect::<Result<Vec<_>, _>>()?;
            if due.is_empty() {
                return Ok(());
            }
            // If the clock turns out to have been ahead, it is shown again.
            self.note_latest()?;
            let tx = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
            for record in due {
                self.hide_due_of(record, now)?;
            }
            tx.commit().map_err(ClientError::of_store)?;
        }
    }

    fn hide_due_of(&self, record: RecordId, now: i64) -> Result<(), ClientError> {
        let row = rows::row(&self.db, record)?;
        let record_type = row.as_ref().and_then(|row| self.schema.record_type(&row.record_type));
        let (Some(row), Some(record_type)) = (&row, record_type) else {
            return set_due(&self.db, record, None, false);
        };
        let mut facets = documents::documents(&self.db, record, true)?;
        let (due, next) = retention::due(record_type, facets.iter().map(|(f, d)| (*f, d)), now);
        if due.is_empty() {
            return set_due(&self.db, record, next, false);
        }
        let erased: Vec<Erasure> = due
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
        let pending = entries::open_entries(&self.db, record)?.len();
        views::put_view(&self.db, &self.schema, row, &facets, pending)?;
        // The view is without it now; when it is made afresh this is asked again.
        set_due(&self.db, record, next, true)
    }
}
