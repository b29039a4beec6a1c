//! Own earlier feeds of which something is to be sent again.

use gridledger_schema::code::Code;
use gridledger_schema::ids::FeedId;
use gridledger_schema::wire::Receipt;
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::json;

use crate::engine::phone::engine::Engine;
use crate::error::ClientError;
use crate::model::SentState;

impl Engine {
    /// Own earlier feeds of which something is to be sent again, each with the last entry the server has.
    pub(crate) fn former_feeds(&self) -> Result<Vec<(FeedId, u64)>, ClientError> {
        let mut select =
            self.db.prepare_cached("SELECT ordinal, decided FROM former_feeds ORDER BY ordinal LIMIT 63")?;
        let key = self.public_key();
        let rows = select
            .query_map([], |row| Ok((FeedId::of_key(&key, row.get(0)?), row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A receipt about an earlier feed.
    pub(crate) fn former_receipt(&self, c: &Connection, receipt: &Receipt) -> Result<(), ClientError> {
        let key = self.public_key();
        let Some(ordinal) = (0..self.me.ordinal).find(|o| FeedId::of_key(&key, *o) == receipt.feed) else {
            return Ok(());
        };
        let forked = receipt.stopped.as_ref().filter(|stopped| stopped.code == Code::FeedForked);
        if let Some(refusal) = forked {
            // It went on elsewhere, and is no longer written here: its author says what is to become of the rest.
            c.execute(
                "UPDATE entries SET state = ?3, refusal = ?4 WHERE feed = ?1 AND n > ?2 AND state = 0",
                (receipt.feed.0, receipt.n as i64, SentState::Refused.number(), json!(refusal).to_string()),
            )?;
        }
        c.execute(
            "UPDATE former_feeds SET decided = max(decided, ?2) WHERE ordinal = ?1",
            (ordinal, receipt.n as i64),
        )?;
        c.execute(
            "DELETE FROM former_feeds WHERE ordinal = ?1 AND (?3 OR decided >= (SELECT coalesce(max(n), 0) FROM entries WHERE feed = ?2))",
            (ordinal, receipt.feed.0, forked.is_some()),
        )?;
        Ok(())
    }
}

/// The entry of a feed before the first that lost what it said.
pub(crate) fn whole_until(c: &Connection, feed: FeedId) -> Result<Option<u64>, ClientError> {
    let sql = "SELECT min(n) FROM entries WHERE feed = ?1 AND facets IS NOT NULL";
    let first =
        c.prepare_cached(sql)?.query_row([feed.0], |row| row.get::<_, Option<i64>>(0)).optional()?.flatten();
    Ok(first.map(|n| n as u64 - 1))
}
