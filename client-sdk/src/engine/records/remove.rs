//! Records that are here no longer: moved to another area, erased, or out of reach. What the server has not decided stays.

use gridledger_schema::ids::{AreaNo, RecordId};
use rusqlite::Connection;

use crate::engine::file::database::SCRUB;
use crate::engine::file::settings;
use crate::engine::records::documents;
use crate::engine::records::erased::forget_own;
use crate::engine::records::rows::Row;
use crate::engine::records::shadows;
use crate::error::ClientError;
use crate::model::SentState;

/// Forgets an area's records, but for those with edits that the server has not decided.
/// Those leave when it has: what was seen of them was seen up to where they were held.
pub(crate) fn forget_area(c: &Connection, area: AreaNo) -> Result<(), ClientError> {
    let sql = "UPDATE records SET leaving = coalesce(leaving, 1 + max(held, (
                 SELECT CASE WHEN scope = 2 THEN floor ELSE 0 END FROM areas a WHERE a.area = ?1)))
               WHERE area = ?1 AND held > 0";
    c.prepare_cached(sql)?.execute([area.0])?;
    forget_confirmed(c, area)?;
    let gone = "SELECT record FROM records r WHERE r.area = ?1
                AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.record = r.record AND e.state < 2 AND e.state = 0)";
    for table in ["shadows", "documents", "records"] {
        c.prepare_cached(&format!("DELETE FROM {table} WHERE record IN ({gone})"))?.execute([area.0])?;
    }
    shadows::forget_of(c, area)
}

/// Forgets what is confirmed of an area, so that the next sync fetches it afresh. Own undecided work stays.
pub(crate) fn forget_confirmed(c: &Connection, area: AreaNo) -> Result<(), ClientError> {
    c.execute("DELETE FROM digests WHERE area = ?1", [area.0])?;
    c.execute(
        "UPDATE documents SET overlay = coalesce(overlay, confirmed), confirmed = NULL, term = zeroblob(16),
           overlay_clock = coalesce(overlay_clock, confirmed_clock), confirmed_clock = NULL
         WHERE record IN (SELECT record FROM records WHERE area = ?1)",
        [area.0],
    )?;
    c.execute("UPDATE records SET held = 0 WHERE area = ?1", [area.0])?;
    c.execute("UPDATE areas SET floor = 0, reached = 0, mark = 0 WHERE area = ?1", [area.0])?;
    Ok(())
}

/// Forgets the records of withdrawn areas, but for those with edits that the server has not decided.
pub(crate) fn forget_withdrawn(c: &Connection) -> Result<(), ClientError> {
    let some = "SELECT EXISTS (SELECT 1 FROM areas WHERE held = -1)";
    if !c.prepare_cached(some)?.query_row([], |row| row.get::<_, bool>(0))? {
        return Ok(());
    }
    // `state < 2` as well, so that the index over open entries serves.
    let gone = "SELECT r.record FROM records r JOIN areas a ON a.area = r.area AND a.held = -1
                WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.record = r.record AND e.state < 2 AND e.state = 0)";
    for table in ["shadows", "documents", "records"] {
        c.prepare_cached(&format!("DELETE FROM {table} WHERE record IN ({gone})"))?.execute([])?;
    }
    Ok(())
}

pub(crate) fn forget(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    for table in ["documents", "records"] {
        c.prepare_cached(&format!("DELETE FROM {table} WHERE record = ?1"))?.execute([record.0])?;
    }
    Ok(())
}

/// Forgets records that left, but for those with edits that the server has not decided.
pub(crate) fn forget_left(c: &Connection) -> Result<(), ClientError> {
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
fn keep_name(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    let sql = "INSERT OR IGNORE INTO gone SELECT area, created, record FROM records
               WHERE record = ?1 AND created IS NOT NULL";
    c.prepare_cached(sql)?.execute([record.0])?;
    Ok(())
}

/// Own entries that the server stored are not shown on top of anything any more.
fn settle_decided(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    let sql = "UPDATE entries SET state = ?2 WHERE record = ?1 AND state = ?3";
    c.prepare_cached(sql)?.execute((record.0, SentState::InLedger.number(), SentState::Sent.number()))?;
    Ok(())
}

/// A record was erased: nothing of it is shown, and own entries about it that are decided lose what they say. The
/// others still go to the server, whose verdict empties them.
pub(crate) fn forget_record(c: &Connection, row: &Row) -> Result<(), ClientError> {
    documents::forget_confirmed(c, row)?;
    keep_name(c, row.record)?;
    shadows::forget(c, row.record)?;
    for sql in ["DELETE FROM records WHERE record = ?1", "DELETE FROM due WHERE record = ?1"] {
        c.prepare_cached(sql)?.execute([row.record.0])?;
    }
    forget_own(c, row.record)?;
    settings::set_number(c, SCRUB, 1)
}
