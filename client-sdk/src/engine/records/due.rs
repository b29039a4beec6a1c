//! The times at which something of a record is due to be hidden.

use gridledger_core::retention;
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::SchemaSet;
use rusqlite::Connection;

use crate::engine::records::documents::Facets;
use crate::engine::records::rows::Row;
use crate::error::ClientError;

/// A record's due time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// The time before which nothing (more) is due, ms since 1970; `None` for never.
    pub(crate) at: Option<i64>,
    /// Whether something is due and not in the record's view.
    pub(crate) hides: bool,
}

/// Keeps the time before which nothing of a record is due.
pub(crate) fn note(
    c: &Connection,
    schema: &SchemaSet,
    row: &Row,
    facets: &Facets,
) -> Result<(), ClientError> {
    let record_type = schema.record_type(&row.record_type);
    let documents = || facets.iter().map(|(facet, document)| (*facet, document));
    match record_type.and_then(|record_type| retention::not_before(record_type, documents())) {
        Some(at) => set(c, row.record, Due { at: Some(at), hides: false }),
        None => Ok(()),
    }
}

/// Keeps what is due of a record.
pub(crate) fn set(c: &Connection, record: RecordId, due: Due) -> Result<(), ClientError> {
    if due == (Due { at: None, hides: false }) {
        c.prepare_cached("DELETE FROM due WHERE record = ?1")?.execute([record.0])?;
        return Ok(());
    }
    let sql = "INSERT INTO due VALUES (?1, ?2, ?3) ON CONFLICT (record) DO UPDATE SET at = ?2, hides = ?3";
    c.prepare_cached(sql)?.execute((record.0, due.at.unwrap_or(i64::MAX), due.hides))?;
    Ok(())
}

/// Lists records of which something is due at a time, at most `limit`. In the dark those are left out whose values are
/// withheld in any case.
pub(crate) fn list(c: &Connection, now: i64, limit: i64) -> Result<Vec<RecordId>, ClientError> {
    let mut select = c.prepare_cached(
        "SELECT d.record FROM due d LEFT JOIN records r ON r.record = d.record
         WHERE d.at <= ?1 AND NOT is_blind(r.type) ORDER BY d.at LIMIT ?2",
    )?;
    let rows = select.query_map((now, limit), |row| row.get(0).map(RecordId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Lists the records of which something is hidden.
pub(crate) fn list_hidden(c: &Connection) -> Result<Vec<RecordId>, ClientError> {
    let mut select = c.prepare_cached("SELECT record FROM due WHERE hides = 1")?;
    let rows = select.query_map([], |row| row.get(0).map(RecordId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Keeps that a record's view was made afresh by a save: what was hidden of it is to be hidden again.
pub(crate) fn note_saved(
    c: &Connection,
    schema: &SchemaSet,
    row: &Row,
    facets: &Facets,
) -> Result<(), ClientError> {
    c.prepare_cached("UPDATE due SET at = 0 WHERE record = ?1 AND hides = 1")?.execute([row.record.0])?;
    if row.created.is_none() && row.held == 0 {
        note(c, schema, row, facets)?;
    }
    Ok(())
}
