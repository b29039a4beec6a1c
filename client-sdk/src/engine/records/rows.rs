//! Records as rows: what the file knows of a record beside its documents and its view.

use gridledger_schema::ids::{AreaNo, RecordId};
use rusqlite::{Connection, OptionalExtension as _};

use crate::error::ClientError;

/// A record's row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) record: RecordId,
    pub(crate) area: AreaNo,
    pub(crate) record_type: String,
    /// The log position of the creating entry, once the server has told it.
    pub(crate) created: Option<u64>,
    /// The generation of the record's documents.
    pub(crate) epoch: u32,
    /// The log position up to which the confirmed documents are whole.
    pub(crate) held: u64,
    /// The time of the last change, ms since 1970.
    pub(crate) changed_at: i64,
    /// The log position at which the record left its area, while it waits here for verdicts on own edits.
    pub(crate) leaving: Option<u64>,
}

impl Row {
    /// Makes the row of a record that is new here.
    pub(crate) fn new(record: RecordId, record_type: &str, area: AreaNo) -> Self {
        Self {
            record,
            area,
            record_type: record_type.to_owned(),
            created: None,
            epoch: 0,
            held: 0,
            changed_at: 0,
            leaving: None,
        }
    }
}

/// Finds a record's row.
pub(crate) fn find(c: &Connection, record: RecordId) -> Result<Option<Row>, ClientError> {
    let mut select = c.prepare_cached(
        "SELECT area, type, created, epoch, held, changed_at, leaving FROM records WHERE record = ?1",
    )?;
    let found = select.query_row([record.0], |row| {
        Ok(Row {
            record,
            area: AreaNo(row.get(0)?),
            record_type: row.get(1)?,
            created: row.get::<_, Option<i64>>(2)?.map(|n| n as u64),
            epoch: row.get(3)?,
            held: row.get::<_, i64>(4)? as u64,
            changed_at: row.get(5)?,
            leaving: row.get::<_, Option<i64>>(6)?.map(|n| n as u64),
        })
    });
    Ok(found.optional()?)
}

/// Keeps the time of a record's last change.
pub(crate) fn set_changed_at(c: &Connection, row: &Row) -> Result<(), ClientError> {
    let sql = "UPDATE records SET changed_at = ?2 WHERE record = ?1";
    c.prepare_cached(sql)?.execute((row.record.0, row.changed_at))?;
    Ok(())
}
