//! Records that are here no longer: moved to another area, erased, or begun anew. What the server has not decided stays.

use gridledger_schema::ids::AreaNo;
use gridledger_schema::wire::{News, RecordNews};
use rusqlite::Connection;

use crate::engine::records::documents;
use crate::engine::records::erased;
use crate::engine::records::remove::{self, forget_left};
use crate::engine::records::rows::{self, Row};
use crate::engine::records::shadows;
use crate::error::ClientError;

/// A record left `area`, or was erased.
pub(crate) fn apply(c: &Connection, area: AreaNo, news: &RecordNews) -> Result<(), ClientError> {
    let row = rows::row(c, news.record)?;
    match (&news.news, row) {
        (News::Erased, Some(row)) => remove::forget_record(c, &row),
        // Its area may have been withdrawn since; what the phone's holder wrote about it is here all the same.
        (News::Erased, None) => {
            shadows::forget(c, news.record)?;
            erased::forget_own(c, news.record)
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
    documents::uncount(c, row)?;
    let sql = "UPDATE records SET leaving = ?2 WHERE record = ?1";
    c.prepare_cached(sql)?.execute((row.record.0, at as i64))?;
    forget_left(c)
}

/// A record begins a new generation: what was confirmed of the one before goes. How many of the own entries are part
/// of what the new one begins with, that says itself.
pub(crate) fn begin_again(c: &Connection, row: &Row, epoch: u32) -> Result<(), ClientError> {
    debug_assert!(epoch > row.epoch);
    documents::forget_confirmed(c, row)
}
