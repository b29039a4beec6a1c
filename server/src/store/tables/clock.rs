//! The time as a store keeps it, in SQL: one row.

use gridledger_schema::ids::AreaNo;

use super::events;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::rows::clock::ClockRow;
use crate::store::sql::{Connection, Optional as _};

/// The newest time that people or devices left in the store. The tables are small, or have an index on the time.
const NEWEST: &str = "
SELECT max(at) FROM (
  SELECT max(greatest(last_seen, enrolled_at)) AS at FROM devices
  UNION ALL SELECT max(received_at) AS at FROM read_log
  UNION ALL SELECT max(done_at) AS at FROM erasures) newest";

fn row(c: &Connection<'_>) -> Result<ClockRow, StoreError> {
    let mut select = c.prepare_cached("SELECT beat, confirmed, daily FROM clock")?;
    let found = select.query_row((), |row| {
        Ok(ClockRow { beat: row.get(0)?, confirmed: row.get::<_, i64>(1)? as u64, daily: row.get(2)? })
    });
    found.optional()?.ok_or(StoreError::Damaged("clock"))
}

fn newest(c: &Connection<'_>) -> Result<Option<i64>, StoreError> {
    let mut newest: Option<i64> = c.query_row(NEWEST, (), |row| row.get(0))?;
    let areas: Vec<AreaNo> = c
        .prepare_cached("SELECT area FROM areas WHERE head > 0")?
        .query_map((), |row| row.get(0).map(AreaNo))?
        .collect::<Result<_, _>>()?;
    for area in areas {
        newest = newest.max(events::written_at(c, area, u64::MAX)?);
    }
    Ok(newest)
}

/// Notes in a transaction that an operator confirms a time.
pub(super) fn confirm(c: &Connection<'_>, at: i64) -> Result<(), StoreError> {
    // A daily run under a clock that was ahead counts as of the confirmed time.
    let sql = "UPDATE clock SET beat = ?1, confirmed = confirmed + 1, daily = CASE WHEN daily > ?1 THEN ?1 ELSE daily END";
    c.execute(sql, [at])?;
    Ok(())
}

impl Store {
    /// Reads the row of the time.
    pub fn clock(&self) -> Result<ClockRow, StoreError> {
        self.engine.read(row)
    }

    /// The latest time in what was written before there was a beat, ms since 1970: of the last line of each log, of the last
    /// request of a device, of the read log, of erasures.
    pub fn newest(&self) -> Result<Option<i64>, StoreError> {
        self.engine.read(newest)
    }

    /// The clock of the database, ms since 1970; `None` where it is this machine's.
    pub fn database_time(&self) -> Result<Option<i64>, StoreError> {
        if !self.engine.is_shared() {
            return Ok(None);
        }
        let sql = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
        self.engine.read(|c| Ok(Some(c.prepare_cached(sql)?.query_row((), |row| row.get(0))?)))
    }

    /// Keeps the time of a trusted clock, if nobody has confirmed another one since `confirmed` was read. Never goes back.
    pub fn beat(&self, at: i64, confirmed: u64) -> Result<(), StoreError> {
        self.engine.write_apart(move |c| {
            let sql = "UPDATE clock SET beat = ?1 WHERE confirmed = ?2 AND (beat IS NULL OR beat < ?1)";
            c.prepare_cached(sql)?.execute((at, confirmed as i64))?;
            Ok(())
        })
    }

    /// Keeps a time that was confirmed, whatever was kept before.
    pub fn confirm_clock(&self, at: i64) -> Result<(), StoreError> {
        self.engine.write_apart(move |c| confirm(c, at))
    }

    /// Keeps when a daily run was over.
    pub fn note_daily_run(&self, at: i64) -> Result<(), StoreError> {
        self.engine.write_apart(move |c| {
            c.prepare_cached("UPDATE clock SET daily = ?1")?.execute([at])?;
            Ok(())
        })
    }
}
