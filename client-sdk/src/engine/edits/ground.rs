//! The ground of an edit: the record's row, its documents, and how far this phone has the record.

use gridledger_schema::entry::Target;
use gridledger_schema::ids::RecordId;

use crate::engine::phone::engine::Engine;
use crate::engine::records::documents::{self, Facets};
use crate::engine::records::rows::{self, Row};
use crate::engine::records::{areas, shadows};
use crate::error::ClientError;
use crate::faults;

impl Engine {
    /// Reads what an entry with the number `n` is made on: the record's row and its documents, undecided edits included.
    pub(crate) fn read_ground(&self, target: &Target, n: u64) -> Result<(Row, Facets), ClientError> {
        match target {
            Target::Create { record_type, area } => {
                let record = RecordId::created_by(self.me.feed, n);
                Ok((Row::new(record, record_type, *area), Facets::new()))
            }
            Target::Edit { record } => {
                let row = rows::find(&self.db, *record)?
                    .ok_or_else(|| ClientError::Missing(format!("record {record}")))?;
                Ok((row, documents::read_shown(&self.db, *record)?))
            }
        }
    }

    /// The log position up to which this phone has the record: the cursor of an entry made now.
    pub(crate) fn cursor_of(&self, row: &Row) -> Result<u64, ClientError> {
        // A record that is shown from a shadow was held up to a position of the former generation.
        if let Some(held) = shadows::find_held_position(&self.db, row.record)? {
            return Ok(held);
        }
        let (floor, whole) = areas::find_floor(&self.db, row.area)?.unwrap_or((0, true));
        // If this phone holds only some records of an area, the area's floor says nothing of one of them.
        let seen = match row.held {
            held @ 1.. if !whole && !faults::is_planted("02") => held,
            held => floor.max(held),
        };
        // A record that left was not seen from there on.
        Ok(row.leaving.map_or(seen, |left| seen.min(left.saturating_sub(1))))
    }
}
