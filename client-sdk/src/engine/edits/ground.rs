//! What an edit is made on: the record's row, its documents, and how far this phone had seen it.

use gridledger_schema::entry::Target;
use gridledger_schema::ids::{AreaNo, RecordId};

use crate::engine::phone::engine::Engine;
use crate::engine::records::areas;
use crate::engine::records::documents::{self, Facets};
use crate::engine::records::rows::{self, Row};
use crate::engine::records::shadows;
use crate::error::ClientError;
use crate::faults;

impl Engine {
    /// What an entry is made on: the record's row and its documents, undecided edits included.
    pub(crate) fn ground(&self, target: &Target, n: u64) -> Result<(Row, Facets), ClientError> {
        match target {
            Target::Create { record_type, area } => {
                let record = RecordId::created_by(self.me.feed, n);
                Ok((Row::new(record, record_type, *area), Facets::new()))
            }
            Target::Edit { record } => {
                let row = rows::row(&self.db, *record)?
                    .ok_or_else(|| ClientError::Missing(format!("record {record}")))?;
                Ok((row, documents::documents(&self.db, *record, true)?))
            }
        }
    }

    /// The log position up to which this phone has the record.
    pub(crate) fn cursor_of(&self, row: &Row) -> Result<u64, ClientError> {
        // What is shown from before a restore was held up to a position of then.
        if let Some(held) = shadows::held_position(&self.db, row.record)? {
            return Ok(held);
        }
        let (floor, whole) = self.area_held(row.area)?;
        // Where this phone holds some of an area's records, the area's log says nothing of one of them.
        let seen = match row.held {
            held @ 1.. if !whole && !faults::is_planted("02") => held,
            held => floor.max(held),
        };
        // Of a record that left, nothing was seen from there on.
        Ok(row.leaving.map_or(seen, |left| seen.min(left.saturating_sub(1))))
    }

    /// The floor of an area, and whether its records are held all or only some.
    fn area_held(&self, area: AreaNo) -> Result<(u64, bool), ClientError> {
        use rusqlite::OptionalExtension as _;
        let mut select = self.db.prepare_cached("SELECT floor, scope FROM areas WHERE area = ?1")?;
        let held = select
            .query_row([area.0], |row| {
                let scope: Option<i64> = row.get(1)?;
                Ok((row.get::<_, i64>(0)? as u64, scope.is_none_or(|scope| scope == areas::WHOLE)))
            })
            .optional()?;
        Ok(held.unwrap_or((0, true)))
    }
}
