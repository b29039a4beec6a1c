//! A feed's entries as a chain: those that the server has not decided, chains written anew, and chains to send again.

use gridledger_core::clock;
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};
use gridledger_schema::wire::{EntrySeen, Recovery};
use rusqlite::{Connection, Row};

use super::{COUNT_OPEN, Made, decode, key};
use crate::error::ClientError;
use crate::model::EntryId;

/// An entry that the server has not decided.
pub(crate) struct UnsentEntry {
    pub(crate) entry: Entry,
    pub(crate) record: RecordId,
    /// The clocks that its author had seen, packed.
    pub(crate) seen: Vec<u8>,
    pub(crate) made: Made,
}

/// An entry of a chain that is written anew.
pub(crate) struct Link {
    pub(crate) n: u64,
    pub(crate) at: i64,
    pub(crate) record: RecordId,
    pub(crate) body: Vec<u8>,
    pub(crate) hash: EntryHash,
}

/// The time an entry was saved at, from the columns `clock`, `told` and `doubted`, which begin at `first`.
fn read_made(row: &Row<'_>, first: usize, at: i64) -> rusqlite::Result<Made> {
    Ok(Made {
        at,
        clock: row.get(first)?,
        told: row.get::<_, Option<i64>>(first + 1)?.unwrap_or(0),
        doubted: row.get(first + 2)?,
    })
}

/// Removes a feed's unsent entries from it, and gives them in order.
pub(crate) fn take_unsent(c: &Connection, feed: FeedId) -> Result<Vec<UnsentEntry>, ClientError> {
    let sql = concat!(
        "SELECT body, record, seen, clock, told, doubted FROM entries WHERE feed = ?1 AND state = ",
        state!(Saved),
        " ORDER BY n"
    );
    let mut select = c.prepare(sql)?;
    let mut rows = select.query([feed.0])?;
    let mut unsent = Vec::new();
    while let Some(row) = rows.next()? {
        let entry = decode(&row.get::<_, Vec<u8>>(0)?)?;
        let made = read_made(row, 3, entry.at)?;
        unsent.push(UnsentEntry { entry, record: RecordId(row.get(1)?), seen: row.get(2)?, made });
    }
    c.execute(concat!("DELETE FROM entries WHERE feed = ?1 AND state = ", state!(Saved)), [feed.0])?;
    Ok(unsent)
}

/// Reads a feed's entries after a number. None if one of them must not change: it is decided, or its content is gone or
/// sealed.
pub(crate) fn read_changeable(c: &Connection, after: EntryId) -> Result<Vec<UnsentEntry>, ClientError> {
    let sql = concat!(
        "SELECT entry_if_held(body, record), record, seen, clock, told, doubted, state = ",
        state!(Saved),
        " AND facets IS NULL FROM entries WHERE feed = ?1 AND n > ?2 ORDER BY n"
    );
    let mut select = c.prepare_cached(sql)?;
    let mut rows = select.query(key(after))?;
    let mut kept = Vec::new();
    while let Some(row) = rows.next()? {
        let body: Option<Vec<u8>> = row.get(0)?;
        let Some(body) = body.filter(|_| row.get(6) == Ok(true)) else {
            return Ok(Vec::new());
        };
        let entry = decode(&body)?;
        let made = read_made(row, 3, entry.at)?;
        kept.push(UnsentEntry { entry, record: RecordId(row.get(1)?), seen: row.get(2)?, made });
    }
    Ok(kept)
}

/// Writes a chain in the place of the entries that have its numbers.
pub(crate) fn replace(c: &Connection, feed: FeedId, chain: &[Link]) -> Result<(), ClientError> {
    let sql = "UPDATE entries SET body = ?3, hash = ?4, at = ?5 WHERE feed = ?1 AND n = ?2";
    let mut update = c.prepare_cached(sql)?;
    for link in chain {
        update.execute((feed.0, link.n as i64, &link.body, link.hash.0, link.at))?;
    }
    Ok(())
}

/// Marks the times of a feed's entries as no longer doubted.
pub(crate) fn end_doubt_of_times(c: &Connection, feed: FeedId) -> Result<(), ClientError> {
    let sql = "UPDATE entries SET doubted = 0 WHERE feed = ?1 AND doubted = 1";
    c.prepare_cached(sql)?.execute([feed.0])?;
    Ok(())
}

/// Whether a feed goes on after an entry.
pub(crate) fn goes_on_after(c: &Connection, id: EntryId) -> Result<bool, ClientError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM entries WHERE feed = ?1 AND n > ?2)";
    Ok(c.prepare_cached(sql)?.query_row(key(id), |row| row.get(0))?)
}

/// Opens a feed's entries after `known`, the last that a restored server has, to be sent again; the last entry that stays
/// decided. Entries without content and refused ones keep their state: they go along for the chain's sake.
pub(crate) fn send_again(c: &Connection, known: EntryId) -> Result<u64, ClientError> {
    // A verdict that this phone never received comes back if its entry goes again.
    let unheard =
        concat!("SELECT min(n) FROM entries WHERE feed = ?1 AND n <= ?2 AND state = ", state!(Saved));
    let unheard = c.query_row(unheard, key(known), |row| row.get::<_, Option<i64>>(0))?;
    let stays = EntryId { n: unheard.map_or(known.n, |n| n as u64 - 1), ..known };
    c.execute("UPDATE entries SET former = 1 WHERE feed = ?1 AND n > ?2", key(stays))?;
    let again = concat!(
        "UPDATE entries SET state = ",
        state!(Saved),
        " WHERE feed = ?1 AND n > ?2 AND state IN (",
        state!(Sent),
        ", ",
        state!(InLedger),
        ") AND facets IS NULL"
    );
    c.execute(again, key(stays))?;
    let pending = format!(
        "UPDATE records SET pending = {COUNT_OPEN}
         WHERE record IN (SELECT record FROM entries WHERE feed = ?1 AND n > ?2)"
    );
    c.execute(&pending, key(stays))?;
    Ok(stays.n)
}

/// Counts undecided entries of a former generation: made then, or on what was confirmed then.
pub(crate) fn count_former(c: &Connection) -> Result<u64, ClientError> {
    let sql = concat!("SELECT count(*) FROM entries WHERE former = 1 AND state = ", state!(Saved));
    Ok(c.query_row(sql, [], |row| row.get::<_, i64>(0))? as u64)
}

/// Adds to a recovery, for a feed's entries from `first` to `last` that are of a former generation: what the author had
/// seen, or that the content is gone.
pub(crate) fn add_former(
    c: &Connection,
    first: EntryId,
    last: u64,
    recovery: &mut Recovery,
) -> Result<(), ClientError> {
    let sql = "SELECT n, seen, hash, facets IS NOT NULL FROM entries
               WHERE feed = ?1 AND n BETWEEN ?2 AND ?3 AND former = 1";
    let feed = first.feed;
    let mut select = c.prepare_cached(sql)?;
    let mut rows = select.query((feed.0, first.n as i64, last as i64))?;
    while let Some(row) = rows.next()? {
        let n = row.get::<_, i64>(0)? as u64;
        if row.get(3)? {
            recovery.emptied.push((feed, n, EntryHash(row.get(2)?)));
        } else {
            let clock = clock::unpack(&row.get::<_, Vec<u8>>(1)?)?;
            recovery.seen.push(EntrySeen { feed, n, clock });
        }
    }
    Ok(())
}
