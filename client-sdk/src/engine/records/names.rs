//! Short names of records, read from the phone's store.

use gridledger_core::wire::{LookupFailed, RecordNames};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use rusqlite::{Connection, OptionalExtension as _, Params};

/// The names this store knows.
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
        self.find("SELECT record FROM entries WHERE feed = ?1 AND n = ?2", (feed.0, n as i64))
    }
}

impl Names<'_> {
    fn find(&self, sql: &str, key: impl Params) -> Result<Option<RecordId>, LookupFailed> {
        let mut select = self.0.prepare_cached(sql).map_err(|_| LookupFailed)?;
        let found = select.query_row(key, |row| Ok(RecordId(row.get(0)?)));
        found.optional().map_err(|_| LookupFailed)
    }
}
