//! Own earlier feeds of which something is to be sent again to a restored server.

use gridledger_schema::code::Code;
use gridledger_schema::ids::FeedId;
use gridledger_schema::wire::Receipt;
use rusqlite::Connection;

use crate::engine::phone::engine::Engine;
use crate::engine::records::entries::{self, chain};
use crate::error::ClientError;
use crate::model::EntryId;

impl Engine {
    /// Lists the earlier feeds of which something is to be sent again, each with the last entry that the server has.
    pub(crate) fn list_former_feeds(&self) -> Result<Vec<EntryId>, ClientError> {
        let mut select =
            self.db.prepare_cached("SELECT ordinal, decided FROM former_feeds ORDER BY ordinal LIMIT 63")?;
        let key = self.public_key();
        let rows = select.query_map([], |row| {
            Ok(EntryId { feed: FeedId::of_key(&key, row.get(0)?), n: row.get::<_, i64>(1)? as u64 })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Lists the ordinals of those feeds, at most `limit`.
    pub(crate) fn list_former_ordinals(&self, limit: usize) -> Result<Vec<u32>, ClientError> {
        let sql = "SELECT ordinal FROM former_feeds ORDER BY ordinal LIMIT ?1";
        let mut select = self.db.prepare_cached(sql)?;
        let rows = select.query_map([limit as i64], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Lists every feed of which something may have to be sent, the one written now at the end, each with the last entry that
    /// the server has decided.
    pub(crate) fn list_feeds_to_send(&self) -> Result<Vec<EntryId>, ClientError> {
        let mut feeds = self.list_former_feeds()?;
        feeds.push(EntryId { feed: self.me.feed, n: self.me.decided });
        Ok(feeds)
    }

    /// Advances an earlier feed by its receipt. A feed that has nothing left to send is removed from the list.
    pub(crate) fn advance_former_feed(&self, c: &Connection, receipt: &Receipt) -> Result<(), ClientError> {
        let key = self.public_key();
        let Some(ordinal) = (0..self.me.ordinal).find(|o| FeedId::of_key(&key, *o) == receipt.feed) else {
            return Ok(());
        };
        let forked = receipt.stopped.as_ref().filter(|stopped| stopped.code == Code::FeedForked);
        if let Some(refusal) = forked {
            // The feed went on elsewhere, and this phone does not write it any more. The author decides about the rest.
            entries::refuse_after(c, EntryId { feed: receipt.feed, n: receipt.n }, refusal)?;
        }
        c.execute(
            "UPDATE former_feeds SET decided = max(decided, ?2) WHERE ordinal = ?1",
            (ordinal, receipt.n as i64),
        )?;
        let last = entries::last_number(c, receipt.feed)?;
        c.execute(
            "DELETE FROM former_feeds WHERE ordinal = ?1 AND (?2 OR decided >= ?3)",
            (ordinal, forked.is_some(), last as i64),
        )?;
        Ok(())
    }
}

/// Notes that an earlier feed goes again after the entry `known`, if there is something after it.
pub(crate) fn add(c: &Connection, ordinal: u32, known: EntryId) -> Result<(), ClientError> {
    if chain::goes_on_after(c, known)? {
        c.execute("INSERT INTO former_feeds VALUES (?1, ?2)", (ordinal, known.n as i64))?;
    }
    Ok(())
}

/// Forgets all of them.
pub(crate) fn remove_all(c: &Connection) -> Result<(), ClientError> {
    c.execute("DELETE FROM former_feeds", [])?;
    Ok(())
}
