//! Records removed from this phone: erased, out of reach, or with nothing left to show.
//!
//! A record with an entry that the server has not decided is removed only when it is erased; its entries stay in any case.

use gridledger_schema::ids::{AreaNo, RecordId};
use rusqlite::{Connection, ToSql};

use crate::engine::file::settings::SCRUB;
use crate::engine::records::entries::{self, HAS_UNSENT};
use crate::engine::records::rows::{self, Row};
use crate::engine::records::{areas, documents, erased, names, shadows};
use crate::error::ClientError;

/// Whether a record may still be read by this phone's user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The record may be read, and nothing is there to show. Its shadows stay: the user may have to be told of a loss.
    Within,
    /// The record is erased or may not be read any more.
    Without,
}

/// Removes a record: its short name is kept for answers on their way; its row with view and search text goes, its documents
/// with their terms, and what is due of it. Out of reach its shadows go, too.
///
/// Its creator stays: a record that comes again as a snapshot does not say who created it. The read log stays, too.
pub(crate) fn remove_record(c: &Connection, record: RecordId, reach: Reach) -> Result<(), ClientError> {
    if let Some(row) = rows::find(c, record)? {
        documents::take_off_digests(c, &row)?;
    }
    remove_records(c, "r.record = ?1", record.0, reach)
}

/// Removes the rows `r` of `records` for which a condition in SQL with one parameter holds. Expects their terms to be off the
/// digests.
fn remove_records<V: ToSql + Copy>(
    c: &Connection,
    condition: &str,
    value: V,
    reach: Reach,
) -> Result<(), ClientError> {
    let found = format!("SELECT EXISTS (SELECT 1 FROM records r WHERE {condition})");
    if !c.prepare_cached(&found)?.query_row([value], |row| row.get::<_, bool>(0))? {
        return Ok(());
    }
    names::keep_removed(c, condition, value)?;
    let records = format!("record IN (SELECT record FROM records r WHERE {condition})");
    if reach == Reach::Without {
        c.prepare_cached(&format!("DELETE FROM shadows WHERE {records}"))?.execute([value])?;
    }
    // The condition asks `records`: it goes last.
    for table in ["due", "documents", "records"] {
        c.prepare_cached(&format!("DELETE FROM {table} WHERE {records}"))?.execute([value])?;
    }
    Ok(())
}

/// Removes an area's records whose entries are all decided; the area may not be read as before. The others leave when they
/// are decided. Until then their author had seen them up to where they were held.
pub(crate) fn remove_area(c: &Connection, area: AreaNo) -> Result<(), ClientError> {
    let sql = "UPDATE records SET leaving = coalesce(leaving, 1 + max(held, (
                 SELECT CASE WHEN scope = ?2 THEN floor ELSE 0 END FROM areas a WHERE a.area = ?1)))
               WHERE area = ?1 AND held > 0";
    c.prepare_cached(sql)?.execute((area.0, areas::WHOLE))?;
    unconfirm_area(c, area)?;
    remove_decided(c, area)?;
    shadows::remove_rest(c, area)
}

/// Makes the next sync fetch an area afresh. Own undecided work stays.
pub(crate) fn unconfirm_area(c: &Connection, area: AreaNo) -> Result<(), ClientError> {
    documents::unconfirm(c, Some(area))?;
    areas::reset_cursor(c, Some(area))
}

/// Withdraws an area: its records go as soon as their entries are decided.
pub(crate) fn withdraw_area(c: &Connection, area: AreaNo) -> Result<(), ClientError> {
    unconfirm_area(c, area)?;
    areas::withdraw(c, area)?;
    shadows::remove_rest(c, area)?;
    remove_withdrawn(c)
}

/// Removes the records of withdrawn areas whose entries are all decided.
pub(crate) fn remove_withdrawn(c: &Connection) -> Result<(), ClientError> {
    areas::list_withdrawn(c)?.into_iter().try_for_each(|area| remove_decided(c, area))
}

fn remove_decided(c: &Connection, area: AreaNo) -> Result<(), ClientError> {
    remove_records(c, &format!("r.area = ?1 AND NOT {HAS_UNSENT}"), area.0, Reach::Without)
}

/// Keeps that a record left its area at a log position. It goes when its entries are decided; until then its author sees it.
pub(crate) fn leave(c: &Connection, row: &Row, at: u64) -> Result<(), ClientError> {
    documents::take_off_digests(c, row)?;
    let sql = "UPDATE records SET leaving = ?2 WHERE record = ?1";
    c.prepare_cached(sql)?.execute((row.record.0, at as i64))?;
    remove_left(c)
}

/// Removes the records that left their area and whose entries are all decided. The server sends no more of them, so their
/// sent entries count as in the ledger. Those of an area that is removed stay sent: they come with the area if it comes back.
pub(crate) fn remove_left(c: &Connection) -> Result<(), ClientError> {
    let condition = format!("r.leaving IS NOT NULL AND r.leaving >= ?1 AND NOT {HAS_UNSENT}");
    let records = format!("record IN (SELECT record FROM records r WHERE {condition})");
    entries::mark_sent_in_ledger(c, &records, 0)?;
    remove_records(c, &condition, 0, Reach::Without)
}

/// Erases a record. Own entries about it lose their content as far as they are decided; the verdict empties the others.
pub(crate) fn erase_record(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    remove_record(c, record, Reach::Without)?;
    // The record's row may have gone before, with its area.
    shadows::remove_all(c, record)?;
    erased::empty_own_entries(c, record)?;
    SCRUB.set(c, &true)
}
