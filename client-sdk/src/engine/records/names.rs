//! Short names of records, read from the phone's file.

use gridledger_core::wire::{LookupFailed, RecordNames};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use rusqlite::{Connection, OptionalExtension as _, Params};

use crate::engine::records::entries;
use crate::error::ClientError;
use crate::model::EntryId;

/// The names that this file knows.
pub(crate) struct Names<'a>(pub(crate) &'a Connection);

impl RecordNames for Names<'_> {
    fn short(&self, record: RecordId) -> Option<(AreaNo, u64)> {
        let sql = "SELECT area, created FROM records WHERE record = ?1 AND created IS NOT NULL";
        let mut select = self.0.prepare_cached(sql).ok()?;
        let found =
            select.query_row([record.0], |row| Ok((AreaNo(row.get(0)?), row.get::<_, i64>(1)? as u64)));
        found.optional().ok()?
    }

    fn record(&self, area: AreaNo, created: u64) -> Result<Option<RecordId>, LookupFailed> {
        let sql = "SELECT record FROM records WHERE area = ?1 AND created = ?2
                   UNION ALL SELECT record FROM gone WHERE area = ?1 AND created = ?2 LIMIT 1";
        self.find(sql, (area.0, created as i64))
    }

    fn own(&self, feed: FeedId, n: u64) -> Result<Option<RecordId>, LookupFailed> {
        entries::find_record(self.0, EntryId { feed, n }).map_err(|_| LookupFailed)
    }
}

impl Names<'_> {
    fn find(&self, sql: &str, key: impl Params) -> Result<Option<RecordId>, LookupFailed> {
        let mut select = self.0.prepare_cached(sql).map_err(|_| LookupFailed)?;
        let found = select.query_row(key, |row| Ok(RecordId(row.get(0)?)));
        found.optional().map_err(|_| LookupFailed)
    }
}

/// Keeps the short names of records that are removed: an answer on its way may still use them. `condition` is SQL on a row
/// `r` of `records`.
pub(crate) fn keep_removed(
    c: &Connection,
    condition: &str,
    value: impl rusqlite::ToSql,
) -> Result<(), ClientError> {
    let sql = format!(
        "INSERT OR IGNORE INTO gone SELECT area, created, record FROM records r
         WHERE r.created IS NOT NULL AND {condition}"
    );
    c.prepare_cached(&sql)?.execute([value])?;
    Ok(())
}

/// Forgets the short names of an area's records, or of all: the positions of another log name other records.
pub(crate) fn forget(c: &Connection, area: Option<AreaNo>) -> Result<(), ClientError> {
    let area = area.map(|area| area.0);
    c.execute("UPDATE records SET created = NULL WHERE ?1 IS NULL OR area = ?1", [area])?;
    c.execute("DELETE FROM gone WHERE ?1 IS NULL OR area = ?1", [area])?;
    Ok(())
}
