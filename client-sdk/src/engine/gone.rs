//! Records that are here no longer: moved to another area, erased, or begun anew. What the server has not decided stays.

use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::wire::{News, RecordNews};
use rusqlite::Connection;

use super::overlay::{self, Row};
use super::{epochs, shadows};
use crate::error::ClientError;
use crate::model::SentState;

/// A record left `area`, or was erased.
pub(super) fn apply(c: &Connection, area: AreaNo, news: &RecordNews) -> Result<(), ClientError> {
    let row = overlay::row(c, news.record)?;
    match (&news.news, row) {
        (News::Erased, Some(row)) => epochs::forget_record(c, &row),
        // Its area may have been withdrawn since; what the phone's holder wrote about it is here all the same.
        (News::Erased, None) => {
            shadows::forget(c, news.record)?;
            epochs::forget_own(c, news.record)
        }
        // A record out of reach is not lost, and not to be read any more.
        (News::Left(None), None) => shadows::forget(c, news.record),
        // It may be known in its new area already, when that area's news came first.
        (News::Left(_), Some(row)) if row.area == area => left(c, &row, news.last),
        _ => Ok(()),
    }
}

/// A record left its area at a position. With undecided work on it, it stays as its author knows it until that is
/// decided; in the area's digest it counts no more.
fn left(c: &Connection, row: &Row, at: u64) -> Result<(), ClientError> {
    overlay::uncount(c, row)?;
    let sql = "UPDATE records SET leaving = ?2 WHERE record = ?1";
    c.prepare_cached(sql)?.execute((row.record.0, at as i64))?;
    forget_left(c)
}

/// Forgets records that left, but for those with edits that the server has not decided.
pub(super) fn forget_left(c: &Connection) -> Result<(), ClientError> {
    // `state < 2` as well, so that the index over open entries serves.
    let sql = "SELECT record FROM records r WHERE leaving IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.record = r.record AND e.state < 2 AND e.state = 0)";
    let mut select = c.prepare_cached(sql)?;
    let gone = select.query_map([], |row| Ok(RecordId(row.get(0)?)))?;
    for record in gone.collect::<Result<Vec<_>, _>>()? {
        keep_name(c, record)?;
        for table in ["shadows", "documents", "records"] {
            c.prepare_cached(&format!("DELETE FROM {table} WHERE record = ?1"))?.execute([record.0])?;
        }
        settle_decided(c, record)?;
    }
    Ok(())
}

/// Keeps the short name of a record that goes: an answer that is on its way may still use it.
pub(super) fn keep_name(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    let sql = "INSERT OR IGNORE INTO gone SELECT area, created, record FROM records
               WHERE record = ?1 AND created IS NOT NULL";
    c.prepare_cached(sql)?.execute([record.0])?;
    Ok(())
}

/// A record begins a new generation: what was confirmed of the one before goes. How many of the own entries are part
/// of what the new one begins with, that says itself.
pub(super) fn begin_again(c: &Connection, row: &Row, epoch: u32) -> Result<(), ClientError> {
    debug_assert!(epoch > row.epoch);
    overlay::forget_confirmed(c, row)
}

/// Own entries that the server stored are not shown on top of anything any more.
fn settle_decided(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    let sql = "UPDATE entries SET state = ?2 WHERE record = ?1 AND state = ?3";
    c.prepare_cached(sql)?.execute((record.0, SentState::InLedger.number(), SentState::Sent.number()))?;
    Ok(())
}
