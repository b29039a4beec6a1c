//! Counts of what devices brought in a day, kept in the rows of their feeds, so that all nodes count alike.

use gridledger_schema::ids::{EntryHash, FeedId};

use crate::cells;
use crate::store::StoreError;
use crate::store::rows::people::FeedRow;
use crate::store::rows::records::Spent;
use crate::store::sql::{Connection, Optional as _, Row, SqlError};

/// The sums of what was brought on a day, `?1`.
const SUMS: &str = "SELECT CAST(sum(day_entries) AS BIGINT), CAST(sum(day_bytes) AS BIGINT),
     CAST(sum(day_refused) AS BIGINT) FROM feeds WHERE day = ?1";

/// Reads what was brought on a day in all feeds of a feed's device, or in the feed alone if it has no device.
pub(super) fn spent(c: &Connection<'_>, feed: &FeedRow, day: i64) -> Result<Spent, StoreError> {
    let read = |row: &Row| -> Result<Spent, SqlError> {
        let number = |column| row.get::<_, Option<i64>>(column).map(|sum| sum.unwrap_or(0) as u64);
        Ok(Spent { entries: number(0)?, bytes: number(1)?, refused: number(2)? })
    };
    let found = match feed.device {
        Some(device) => {
            c.prepare_cached(&[SUMS, " AND device = ?2"].concat())?.query_row((day, device.0), read)
        }
        None => c.prepare_cached(&[SUMS, " AND feed = ?2"].concat())?.query_row((day, feed.feed.0), read),
    };
    Ok(found.optional()?.unwrap_or_default())
}

/// The columns that count, where `?2` is the day and `?3`, `?4`, `?5` are what was brought.
const COUNT: &str = "day = ?2,
   day_entries = CASE WHEN day = ?2 THEN day_entries ELSE 0 END + ?3,
   day_bytes = CASE WHEN day = ?2 THEN day_bytes ELSE 0 END + ?4,
   day_refused = CASE WHEN day = ?2 THEN day_refused ELSE 0 END + ?5";

/// Counts what was brought in a feed on a day.
pub(super) fn count(c: &Connection<'_>, feed: FeedId, day: i64, spent: Spent) -> Result<(), StoreError> {
    let Spent { entries, bytes, refused } = spent;
    c.prepare_cached(&format!("UPDATE feeds SET {COUNT} WHERE feed = ?1"))?.execute((
        feed.0,
        day,
        entries as i64,
        bytes as i64,
        refused as i64,
    ))?;
    Ok(())
}

/// Moves a feed on to an entry, and counts what was brought in it; `false` if there is no such feed.
pub(super) fn advance(
    c: &Connection<'_>,
    feed: FeedId,
    (n, hash): (u64, EntryHash),
    spent: Option<(i64, Spent)>,
) -> Result<bool, StoreError> {
    let Some((day, Spent { entries, bytes, refused })) = spent else {
        let mut update = c.prepare_cached("UPDATE feeds SET n = ?2, hash = ?3 WHERE feed = ?1")?;
        return Ok(update.execute((feed.0, n as i64, hash.0))? == 1);
    };
    let sql = format!("UPDATE feeds SET n = ?6, hash = ?7, {COUNT} WHERE feed = ?1");
    let mut update = c.prepare_cached(&sql)?;
    let cells = cells![feed.0, day, entries as i64, bytes as i64, refused as i64, n as i64, hash.0];
    Ok(update.execute(cells)? == 1)
}
