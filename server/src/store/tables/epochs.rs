//! Ended histories: erasures, records that may be due, records of older rules.

use gridledger_core::canonical;
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};

use super::refusals;
use crate::cells;
use crate::store::StoreError;
use crate::store::rows::records::{ErasureRow, Writes};
use crate::store::sql::Connection;

/// Writes the erasures of a change.
pub(super) fn write(c: &Connection<'_>, writes: &Writes) -> Result<(), StoreError> {
    for row in &writes.erasures {
        let mut insert = c.prepare_cached(
            "INSERT INTO erasures (record, area, seq, fields, reason, asked_by, asked_at, done_at, feed, n)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        let (feed, n) = row.entry.unzip();
        insert.execute(cells![
            row.record.0,
            row.area.0,
            row.seq as i64,
            row.fields.join(" "),
            row.reason,
            row.by,
            row.asked_at,
            row.done_at,
            feed.map(|feed| feed.0),
            n.map(|n| n as i64),
        ])?;
        if let Some((feed, n)) = row.entry {
            empty_entry(c, feed, n as i64)?;
            continue;
        }
        empty_displaced(c, row)?;
        c.prepare_cached("DELETE FROM import_said WHERE record = ?1")?.execute([row.record.0])?;
    }
    Ok(())
}

/// Erases the content of one refused entry, and of entries displaced under its number.
fn empty_entry(c: &Connection<'_>, feed: FeedId, n: i64) -> Result<(), StoreError> {
    refusals::empty(c, feed, n)?;
    c.prepare_cached("UPDATE displaced SET body = ?3 WHERE feed = ?1 AND n = ?2")?.execute((
        feed.0,
        n,
        Vec::<u8>::new(),
    ))?;
    Ok(())
}

/// Erases the content of displaced entries that an erasure covers.
fn empty_displaced(c: &Connection<'_>, erased: &ErasureRow) -> Result<(), StoreError> {
    let mut select = c.prepare_cached(
        "SELECT feed, n, hash, record, body FROM displaced WHERE record = ?1 OR record IS NULL",
    )?;
    let rows = select.query_map([erased.record.0], |row| {
        let key: ([u8; 16], i64, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok((key, row.get::<_, Option<[u8; 16]>>(3)?, row.get::<_, Vec<u8>>(4)?))
    })?;
    let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    for (key, noted, body) in rows {
        let is_about = refusals::about(FeedId(key.0), noted, &body) == Some(erased.record);
        if is_about && holds_any(&body, &erased.fields) {
            c.prepare_cached("UPDATE displaced SET body = ?4 WHERE feed = ?1 AND n = ?2 AND hash = ?3")?
                .execute((key.0, key.1, key.2, Vec::<u8>::new()))?;
        }
    }
    Ok(())
}

/// Whether an entry's bytes hold one of these fields; without fields, whether they hold any.
fn holds_any(body: &[u8], fields: &[String]) -> bool {
    let writes = |entry: &Entry| {
        let mut intents = entry.intents.iter();
        intents.any(|intent| fields.contains(&intent.field))
    };
    fields.is_empty() || canonical::decode(body).map_or(true, |entry| writes(&entry))
}

/// Whether what an entry says was erased before it came, of a record that never came to be or of any: then its bytes are not
/// kept. What is refused about a record that is there may well be newer than an erasure.
pub(super) fn is_erased(
    c: &Connection<'_>,
    (record, entry): (RecordId, &Entry),
    never_made: bool,
) -> Result<bool, StoreError> {
    let mut select =
        c.prepare_cached("SELECT fields, seq FROM erasures WHERE record = ?1 AND feed IS NULL")?;
    let rows = select.query_map([record.0], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    for row in rows {
        let (fields, seq) = row?;
        if never_made && seq > 0 {
            continue;
        }
        let mut fields = fields.split_whitespace().peekable();
        let whole = fields.peek().is_none();
        if whole || fields.any(|field| entry.intents.iter().any(|intent| intent.field == field)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads the erasures of a record, or of all records, the earliest first.
pub(super) fn erasures(c: &Connection<'_>, record: Option<RecordId>) -> Result<Vec<ErasureRow>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT record, area, seq, fields, reason, asked_by, asked_at, done_at, feed, n FROM erasures
         WHERE CAST(?1 AS BIGINT) = 0 OR record = ?2 ORDER BY no",
    )?;
    let rows = select.query_map((record.is_some(), record.map(|r| r.0)), |row| {
        let fields: String = row.get(3)?;
        let feed = row.get::<_, Option<[u8; 16]>>(8)?;
        let n = row.get::<_, Option<i64>>(9)?.map(|n| n as u64);
        Ok(ErasureRow {
            record: RecordId(row.get(0)?),
            area: AreaNo(row.get(1)?),
            seq: row.get::<_, i64>(2)? as u64,
            fields: fields.split_whitespace().map(str::to_owned).collect(),
            reason: row.get(4)?,
            by: row.get(5)?,
            asked_at: row.get(6)?,
            done_at: row.get(7)?,
            entry: feed.map(FeedId).zip(n),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The canonical bytes of every entry about a record that still has them: stored in its log, or refused.
pub(super) fn bodies(
    c: &Connection<'_>,
    record: RecordId,
) -> Result<Vec<(FeedId, u64, Vec<u8>)>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT e.feed, e.n, e.body FROM (SELECT feed, n FROM log WHERE record = ?1
           UNION SELECT feed, n FROM entries WHERE record = ?1 AND refusal IS NOT NULL) k
         JOIN entries e ON e.feed = k.feed AND e.n = k.n WHERE length(e.body) > 0",
    )?;
    let rows = select
        .query_map([record.0], |row| Ok((FeedId(row.get(0)?), row.get::<_, i64>(1)? as u64, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn due(c: &Connection<'_>, now: i64, limit: usize) -> Result<Vec<RecordId>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT record FROM records WHERE due_at IS NOT NULL AND due_at <= ?1 ORDER BY due_at, record LIMIT ?2",
    )?;
    let rows = select.query_map((now, limit as i64), |row| Ok(RecordId(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn under_other_rules(
    c: &Connection<'_>,
    rules: u32,
    after: Option<RecordId>,
    limit: usize,
) -> Result<Vec<RecordId>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT record FROM records WHERE rules <> ?1 AND erased = 0 AND record > ?2 ORDER BY record LIMIT ?3",
    )?;
    let after = after.map_or(Vec::new(), |record| record.0.to_vec());
    let rows = select.query_map((rules, after, limit as i64), |row| Ok(RecordId(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
