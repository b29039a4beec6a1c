//! Ended histories: what was erased, what may be due, whose rules are old.

use gridledger_schema::ids::{AreaNo, FeedId, RecordId};

use crate::store::StoreError;
use crate::store::records::{ErasureRow, Writes};
use crate::store::sql::Connection;

/// Writes what a change says of erasures.
pub(super) fn write(c: &Connection<'_>, writes: &Writes) -> Result<(), StoreError> {
    for row in &writes.erasures {
        let mut insert = c.prepare_cached(
            "INSERT INTO erasures (record, area, seq, fields, reason, asked_by, asked_at, done_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        insert.execute((
            row.record.0,
            row.area.0,
            row.seq as i64,
            row.fields.join(" "),
            &row.reason,
            &row.by,
            row.asked_at,
            row.done_at,
        ))?;
    }
    Ok(())
}

/// What was erased, the earliest first.
pub(super) fn erasures(c: &Connection<'_>, record: Option<RecordId>) -> Result<Vec<ErasureRow>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT record, area, seq, fields, reason, asked_by, asked_at, done_at FROM erasures
         WHERE CAST(?1 AS BIGINT) = 0 OR record = ?2 ORDER BY no",
    )?;
    let rows = select.query_map((record.is_some(), record.map(|r| r.0)), |row| {
        let fields: String = row.get(3)?;
        Ok(ErasureRow {
            record: RecordId(row.get(0)?),
            area: AreaNo(row.get(1)?),
            seq: row.get::<_, i64>(2)? as u64,
            fields: fields.split_whitespace().map(str::to_owned).collect(),
            reason: row.get(4)?,
            by: row.get(5)?,
            asked_at: row.get(6)?,
            done_at: row.get(7)?,
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
    let rows = select.query_map([record.0], |row| {
        Ok((FeedId(row.get(0)?), row.get::<_, i64>(1)? as u64, row.get(2)?))
    })?;
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
