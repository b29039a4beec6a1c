//! Entries without intents, which an earlier version saved. A server of that version stored them, and told nobody: they
//! touch no facet. Nothing about them is open any more.

use gridledger_core::canonical;
use gridledger_schema::ids::{FeedId, RecordId};
use rusqlite::Connection;

use crate::engine::phone::engine::Engine;
use crate::engine::records::rebuild;
use crate::error::ClientError;
use crate::model::SentState;

impl Engine {
    /// Takes the stored entries that say nothing for what they are: in the ledger.
    pub(crate) fn settle_empty(&self) -> Result<(), ClientError> {
        let empty = stored_and_empty(&self.db)?;
        if empty.is_empty() {
            return Ok(());
        }
        let tx = self.db.unchecked_transaction()?;
        for (feed, n, record) in empty {
            let sql = "UPDATE entries SET state = ?3 WHERE feed = ?1 AND n = ?2";
            tx.prepare_cached(sql)?.execute((feed.0, n, SentState::InLedger.number()))?;
            rebuild::mark_stale(&tx, record)?;
        }
        tx.commit().map_err(ClientError::of_store)
    }
}

fn stored_and_empty(c: &Connection) -> Result<Vec<(FeedId, i64, RecordId)>, ClientError> {
    let sql = "SELECT feed, n, record, body FROM entries WHERE state = ?1 AND sealed = 0 AND state < 2";
    let mut select = c.prepare_cached(sql)?;
    let mut rows = select.query([SentState::Sent.number()])?;
    let mut empty = Vec::new();
    while let Some(row) = rows.next()? {
        let body: Vec<u8> = row.get(3)?;
        if canonical::decode(&body).is_ok_and(|entry| entry.intents.is_empty()) {
            empty.push((FeedId(row.get(0)?), row.get(1)?, RecordId(row.get(2)?)));
        }
    }
    Ok(empty)
}
