//! Log events and their rows: events, records that left, their stays elsewhere, bases.

use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::wire::AreaCursor;

use super::read::{RECORD_COLUMNS, read_record};
use super::row_locks::Locked;
use crate::store::StoreError;
use crate::store::rows::records::{EventKind, EventRow, RecordNewsRow, Stay, Told, Writes};
use crate::store::sql::{Connection, Optional as _, Row, SqlError};

/// Writes the parts of a change beside records: events, departures, stays, and entries whose bytes go.
pub(super) fn write(c: &Connection<'_>, locked: &Locked, writes: &Writes) -> Result<(), StoreError> {
    for (area, event) in &writes.events {
        locked.expect(*area)?;
        let mut insert = c.prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let record = event.record.map(|r| r.0);
        insert.execute((area.0, event.seq as i64, event.kind.as_str(), record, event.at))?;
    }
    for (area, departure) in &writes.departures {
        locked.expect(*area)?;
        let sql = "INSERT INTO departures VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (record, area) DO UPDATE SET seq = ?2, to_area = ?4";
        c.prepare_cached(sql)?.execute((area.0, departure.seq as i64, departure.record.0, departure.to.0))?;
        // Refused entries about the record belong to the supervisors of its present area.
        c.prepare_cached(
            "UPDATE evidence SET area = ?2 WHERE (feed, n) IN (SELECT feed, n FROM entries WHERE record = ?1 AND refusal IS NOT NULL)",
        )?
        .execute((departure.record.0, departure.to.0))?;
        // The record is in the area now, so its earlier departure is no news any more.
        c.prepare_cached("DELETE FROM departures WHERE record = ?1 AND area = ?2")?
            .execute((departure.record.0, departure.to.0))?;
    }
    for (record, stay) in &writes.stays {
        let mut insert = c.prepare_cached("INSERT INTO stays VALUES (?1, ?2, ?3, ?4)")?;
        insert.execute((stay.area.0, stay.created as i64, record.0, stay.until as i64))?;
    }
    for (feed, n) in &writes.wiped {
        let mut wipe = c.prepare_cached("UPDATE entries SET body = ?3 WHERE feed = ?1 AND n = ?2")?;
        wipe.execute((feed.0, *n as i64, Vec::<u8>::new()))?;
        c.prepare_cached("UPDATE evidence SET note = NULL WHERE feed = ?1 AND n = ?2")?
            .execute((feed.0, *n as i64))?;
    }
    Ok(())
}

/// Removes the rows of a record's old generation, and keeps the base of the new one.
pub(super) fn begin_again(
    c: &Connection<'_>,
    record: RecordId,
    base: &[(u8, Vec<u8>)],
) -> Result<(), StoreError> {
    for table in ["documents", "ledger", "bases"] {
        c.prepare_cached(&format!("DELETE FROM {table} WHERE record = ?1"))?.execute([record.0])?;
    }
    for (facet, bytes) in base {
        c.prepare_cached("INSERT INTO bases VALUES (?1, ?2, ?3)")?.execute((record.0, facet, bytes))?;
    }
    Ok(())
}

/// The largest number of departures in one answer.
pub(super) const DEPARTURES_AT_ONCE: usize = 5_000;

/// Records that left the area after the cursor, up to a position: at most [`DEPARTURES_AT_ONCE`].
pub(super) fn left(
    c: &Connection<'_>,
    cursor: AreaCursor,
    upto: Option<u64>,
) -> Result<Vec<RecordNewsRow>, StoreError> {
    let sql = format!(
        "SELECT {RECORD_COLUMNS}, d.seq, d.to_area FROM departures d JOIN records r ON r.record = d.record
         WHERE d.area = ?1 AND d.seq > ?2 AND d.seq <= ?3 ORDER BY d.seq LIMIT {DEPARTURES_AT_ONCE}"
    );
    let mut select = c.prepare_cached(&sql)?;
    let upto = upto.map_or(i64::MAX, |seq| seq as i64);
    let rows = select.query_map((cursor.area.0, cursor.reached as i64, upto), |row| {
        Ok(RecordNewsRow {
            told: Told::Left(AreaNo(row.get("to_area")?)),
            at: row.get::<_, i64>("seq")? as u64,
            row: read_record(row)?,
            whole: None,
            entries: Vec::new(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Where a record was before, the earliest first.
pub(super) fn stays(c: &Connection<'_>, record: RecordId) -> Result<Vec<Stay>, StoreError> {
    let mut select =
        c.prepare_cached("SELECT area, created, until FROM stays WHERE record = ?1 ORDER BY until")?;
    let rows = select.query_map([record.0], |row| {
        Ok(Stay {
            area: AreaNo(row.get(0)?),
            created: row.get::<_, i64>(1)? as u64,
            until: row.get::<_, i64>(2)? as u64,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The latest event of a kind in an area at or below a position.
pub(super) fn last(
    c: &Connection<'_>,
    area: AreaNo,
    kind: EventKind,
    upto: u64,
) -> Result<Option<EventRow>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT seq, kind, record, at FROM events WHERE area = ?1 AND kind = ?2 AND seq <= ?3 ORDER BY seq DESC LIMIT 1",
    )?;
    let upto = i64::try_from(upto).unwrap_or(i64::MAX);
    let found = select.query_row((area.0, kind.as_str(), upto), read_event).optional()?;
    found.transpose()
}

/// When the entry or event at or next below a position of an area's log was written.
pub(super) fn written_at(c: &Connection<'_>, area: AreaNo, seq: u64) -> Result<Option<i64>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT at FROM (
           SELECT seq, at FROM (SELECT l.seq, e.received_at AS at FROM log l JOIN entries e USING (feed, n)
                          WHERE l.area = ?1 AND l.seq <= ?2 ORDER BY l.seq DESC LIMIT 1) entry
           UNION ALL SELECT seq, at FROM (SELECT seq, at FROM events WHERE area = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1) event) line
         ORDER BY seq DESC LIMIT 1",
    )?;
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    Ok(select.query_row((area.0, seq), |row| row.get(0)).optional()?)
}

/// An area's events after a position, up to another.
pub(super) fn between(
    c: &Connection<'_>,
    area: AreaNo,
    after: u64,
    upto: u64,
) -> Result<Vec<EventRow>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT seq, kind, record, at FROM events WHERE area = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq",
    )?;
    let upto = i64::try_from(upto).unwrap_or(i64::MAX);
    let rows = select.query_map((area.0, after as i64, upto), read_event)?;
    rows.map(|row| row?).collect()
}

fn read_event(row: &Row) -> Result<Result<EventRow, StoreError>, SqlError> {
    let kind: String = row.get(1)?;
    let (seq, at) = (row.get::<_, i64>(0)? as u64, row.get(3)?);
    let record = row.get::<_, Option<[u8; 16]>>(2)?.map(RecordId);
    let kind = EventKind::parse(&kind).ok_or(StoreError::Damaged("events"));
    Ok(kind.map(|kind| EventRow { seq, kind, record, at }))
}
