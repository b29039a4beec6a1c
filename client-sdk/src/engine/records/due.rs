//! When something of a record is due to be hidden.

use gridledger_core::retention;
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::SchemaSet;
use rusqlite::Connection;

use crate::engine::records::documents::Facets;
use crate::engine::records::rows::Row;
use crate::error::ClientError;

/// Notes before when nothing of a record is due.
pub(crate) fn note_due(
    c: &Connection,
    schema: &SchemaSet,
    row: &Row,
    facets: &Facets,
) -> Result<(), ClientError> {
    let record_type = schema.record_type(&row.record_type);
    let documents = || facets.iter().map(|(facet, document)| (*facet, document));
    match record_type.and_then(|record_type| retention::not_before(record_type, documents())) {
        Some(at) => set_due(c, row.record, Some(at), false),
        None => Ok(()),
    }
}

/// `hides`: something of the record is due and not in its view.
pub(crate) fn set_due(
    c: &Connection,
    record: RecordId,
    at: Option<i64>,
    hides: bool,
) -> Result<(), ClientError> {
    if at.is_none() && !hides {
        c.prepare_cached("DELETE FROM due WHERE record = ?1")?.execute([record.0])?;
        return Ok(());
    }
    let sql = "INSERT INTO due VALUES (?1, ?2, ?3) ON CONFLICT (record) DO UPDATE SET at = ?2, hides = ?3";
    c.prepare_cached(sql)?.execute((record.0, at.unwrap_or(i64::MAX), hides))?;
    Ok(())
}

/// A record was saved, its view made afresh: what was hidden of it is to be hidden again.
pub(crate) fn saved(
    c: &Connection,
    schema: &SchemaSet,
    row: &Row,
    facets: &Facets,
) -> Result<(), ClientError> {
    c.prepare_cached("UPDATE due SET at = 0 WHERE record = ?1 AND hides = 1")?.execute([row.record.0])?;
    if row.created.is_none() && row.held == 0 {
        note_due(c, schema, row, facets)?;
    }
    Ok(())
}
