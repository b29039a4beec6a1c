//! Questions to supervisors and their rulings, and the reads that the server has taken.

use gridledger_schema::ids::FeedId;
use gridledger_schema::limits;
use gridledger_schema::wire::{Ask, Ruling};
use rusqlite::Connection;
use serde_json::json;

use crate::engine::phone::engine::Engine;
use crate::engine::phone::write_lock::UNNAMED;
use crate::error::ClientError;

impl Engine {
    /// The questions that have no ruling yet. A note travels until an answer has come whole after it.
    pub(crate) fn asks(&self) -> Result<Vec<Ask>, ClientError> {
        let mut select = self.db.prepare_cached(
            "SELECT feed, n, CASE asked_told WHEN 0 THEN asked ELSE '' END FROM entries
             WHERE asked IS NOT NULL AND ruling IS NULL AND state = 3 ORDER BY feed, n LIMIT ?1",
        )?;
        let asks = select.query_map([limits::REQUEST_NOTES as i64], |row| {
            Ok(Ask { feed: FeedId(row.get(0)?), n: row.get::<_, i64>(1)? as u64, note: row.get(2)? })
        })?;
        Ok(asks.collect::<Result<Vec<_>, _>>()?)
    }

    /// A supervisor's ruling; the item stays until its author has seen it and takes it off.
    pub(crate) fn ruled(&mut self, ruling: &Ruling) -> Result<(), ClientError> {
        let kept =
            json!({ "admitted": ruling.admitted, "by": ruling.by, "at": ruling.at, "note": ruling.note });
        let sql = "UPDATE entries SET ruling = ?3 WHERE feed = ?1 AND n = ?2 AND state IN (3, 4)";
        self.of_answer(UNNAMED, |_, c| {
            c.prepare_cached(sql)?.execute((ruling.feed.0, ruling.n as i64, kept.to_string()))?;
            Ok(())
        })?;
        Ok(())
    }

    /// The server has them up to `n`: here they have done their work.
    pub(crate) fn reads_kept(&mut self, n: u64) -> Result<(), ClientError> {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        self.of_answer(UNNAMED, |_, c| {
            c.execute("DELETE FROM reads WHERE n <= ?1", [n])?;
            Ok(())
        })?;
        Ok(())
    }
}

/// The answer has come whole: the notes in its request need not travel again.
pub(crate) fn notes_told(c: &Connection, asked: &[Ask]) -> Result<(), ClientError> {
    let sql = "UPDATE entries SET asked_told = 1 WHERE feed = ?1 AND n = ?2 AND asked = ?3";
    for ask in asked.iter().filter(|ask| !ask.note.is_empty()) {
        c.prepare_cached(sql)?.execute((ask.feed.0, ask.n as i64, &ask.note))?;
    }
    Ok(())
}
