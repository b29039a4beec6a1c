//! Own entries, as they are kept until they are decided and after.

use gridledger_core::canonical;
use gridledger_schema::code::Refusal;
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::Value;

use crate::engine::file::settings;
use crate::error::ClientError;

/// Keeps an own entry, as it stands until it is decided: open.
pub(crate) fn put_entry(
    c: &Connection,
    feed: FeedId,
    entry: &Entry,
    record: RecordId,
    (body, hash, seen): (&[u8], EntryHash, &[u8]),
    made: Made,
) -> Result<(), ClientError> {
    if made.doubted {
        note_doubt(c)?;
    }
    let mut insert = c.prepare_cached(
        "INSERT INTO entries (feed, n, record, body, hash, seen, at, clock, told, doubted, former)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, EXISTS (SELECT 1 FROM shadows WHERE record = ?3 AND lost = 0))",
    )?;
    insert
        .execute(rusqlite::params![
            feed.0,
            entry.n as i64,
            record.0,
            body,
            hash.0,
            seen,
            made.at,
            made.clock,
            made.told,
            made.doubted
        ])
        .map_err(ClientError::of_store)?;
    Ok(())
}

/// An own entry that is not in the confirmed documents.
pub(crate) struct Open {
    pub(crate) entry: Entry,
    pub(crate) feed: FeedId,
    pub(crate) seen: Vec<u8>,
}

pub(crate) fn open_entries(c: &Connection, record: RecordId) -> Result<Vec<Open>, ClientError> {
    // What is decided was made before what is not, also in an earlier feed, where its number may be higher.
    let sql = "SELECT feed, unseal(body, record, 65), seen FROM entries WHERE record = ?1 AND state < 2
               ORDER BY state DESC, n";
    let mut select = c.prepare_cached(sql)?;
    let rows = select
        .query_map([record.0], |row| Ok((FeedId(row.get(0)?), row.get::<_, Vec<u8>>(1)?, row.get(2)?)))?;
    rows.map(|found| {
        let (feed, body, seen) = found?;
        let entry = canonical::decode(&body).map_err(|e| ClientError::NotAStore(e.to_string()))?;
        Ok(Open { entry, feed, seen })
    })
    .collect()
}

/// Seals own entries that the server has decided: until then they stand open, so that they can be sent without a lease.
pub(crate) fn seal_decided(c: &Connection) -> Result<(), ClientError> {
    let sql = "UPDATE entries SET sealed = 1, body = seal(body, record, 65,
                 (SELECT type FROM records r WHERE r.record = entries.record))
               WHERE state >= 2 AND sealed = 0";
    c.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// When an entry was saved, and by what clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    /// The time it carries, ms since 1970.
    pub(crate) at: i64,
    /// The time that the phone's own clock said; `None` in files of the version before.
    pub(crate) clock: Option<i64>,
    /// The server's time that the phone had been told last, 0 for none.
    pub(crate) told: i64,
    /// The phone knew that its clock was wrong, and not by how much.
    pub(crate) doubted: bool,
}

/// The hash of an own entry, if it is there.
pub(crate) fn hash_of(c: &Connection, feed: FeedId, n: u64) -> Result<Option<EntryHash>, ClientError> {
    let mut select = c.prepare_cached("SELECT hash FROM entries WHERE feed = ?1 AND n = ?2")?;
    let hash = select.query_row((feed.0, n as i64), |row| row.get(0).map(EntryHash));
    Ok(hash.optional()?)
}

/// 1 while there may be own entries of doubted times. An index would cost a save a page.
pub(crate) const DOUBTS: &str = "clock_doubts";

/// Notes that an entry of a doubted time is being kept.
fn note_doubt(c: &Connection) -> Result<(), ClientError> {
    if settings::number(c, DOUBTS)? == 0 {
        settings::set_number(c, DOUBTS, 1)?;
    }
    Ok(())
}

/// Forgets that there may be entries of doubted times, unless there are.
pub(crate) fn settle_doubt(c: &Connection) -> Result<(), ClientError> {
    let sql = "DELETE FROM settings WHERE key = ?1
               AND NOT EXISTS (SELECT 1 FROM entries WHERE doubted = 1 AND state = 0)";
    c.prepare_cached(sql)?.execute([DOUBTS])?;
    Ok(())
}

/// Whether there may be entries of doubted times.
pub(crate) fn may_doubt(c: &Connection) -> Result<bool, ClientError> {
    Ok(settings::number(c, DOUBTS)? != 0)
}

/// A refusal as kept in the store.
pub(crate) fn read_refusal(text: &str) -> Option<Refusal> {
    let value: Value = serde_json::from_str(text).ok()?;
    let code = gridledger_schema::code::Code::parse(value["code"].as_str()?)?;
    let field = value["field"].as_str().map(str::to_owned);
    Some(Refusal { code, rule: value["rule"].as_str()?.to_owned(), field })
}
