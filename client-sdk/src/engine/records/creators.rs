//! The creators of records, where a rule asks for them.

use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::set::RecordType;
use rusqlite::{Connection, OptionalExtension as _};

use crate::error::ClientError;

/// Keeps who created a record, where a rule asks for it.
pub(crate) fn note_creator(
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

/// Who created a record, if this phone knows: its own entry did, or the creating entry came down.
pub(crate) fn creator_of(c: &Connection, record: RecordId, me: &str) -> Result<Option<String>, ClientError> {
    if is_created_here(c, record)? {
        return Ok(Some(me.to_owned()));
    }
    let mut select = c.prepare_cached("SELECT author FROM creators WHERE record = ?1")?;
    Ok(select.query_row([record.0], |row| row.get(0)).optional()?)
}

/// Whether an entry of this phone created a record.
pub(crate) fn is_created_here(c: &Connection, record: RecordId) -> Result<bool, ClientError> {
    let mut select = c.prepare_cached("SELECT feed, n FROM entries WHERE record = ?1")?;
    let mut own = select.query([record.0])?;
    while let Some(row) = own.next()? {
        let (feed, n) = (FeedId(row.get(0)?), row.get::<_, i64>(1)? as u64);
        if RecordId::created_by(feed, n) == record {
            return Ok(true);
        }
    }
    Ok(false)
}
