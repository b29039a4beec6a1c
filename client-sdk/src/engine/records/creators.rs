//! The creators of records, for types with a field that only the creator may write.

use gridledger_schema::ids::RecordId;
use gridledger_schema::set::RecordType;
use rusqlite::{Connection, OptionalExtension as _};

use crate::engine::records::entries;
use crate::error::ClientError;

/// Keeps a record's creator if its type asks for it.
pub(crate) fn keep(
    c: &Connection,
    record_type: Option<&RecordType>,
    record: RecordId,
    author: &str,
) -> Result<(), ClientError> {
    if record_type.is_some_and(|of| of.fields.values().any(|field| field.own)) {
        c.prepare_cached("INSERT OR IGNORE INTO creators VALUES (?1, ?2)")?.execute((record.0, author))?;
    }
    Ok(())
}

/// Finds a record's creator, if this phone knows: one of its own entries created the record, or the creating entry came down.
pub(crate) fn find(c: &Connection, record: RecordId, user: &str) -> Result<Option<String>, ClientError> {
    if entries::has_created(c, record)? {
        return Ok(Some(user.to_owned()));
    }
    let mut select = c.prepare_cached("SELECT author FROM creators WHERE record = ?1")?;
    Ok(select.query_row([record.0], |row| row.get(0)).optional()?)
}
