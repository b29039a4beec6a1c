//! What was erased goes from the phone's own entries too.
//!
//! The server decides when a generation ends. The phone learns of it with the record's next news, a whole one, which
//! says what was erased.

use gridledger_core::canonical;
use gridledger_core::document::Document;
use gridledger_core::epoch::Erasure;
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{FeedId, RecordId};
use rusqlite::{Connection, OptionalExtension as _};

use crate::engine::file::database::SCRUB;
use crate::engine::file::settings;
use crate::engine::records::documents::Facets;
use crate::error::ClientError;

/// What was erased of a record, as its confirmed documents say.
pub(crate) fn erasures(confirmed: &Facets) -> Vec<Erasure> {
    let bases = confirmed.values().filter_map(Document::base);
    bases.flat_map(|base| base.erased).collect()
}

/// Of a record's own entries that are decided, those that hold what was erased lose what they say.
pub(crate) fn forget_erased(c: &Connection, record: RecordId, confirmed: &Facets) -> Result<(), ClientError> {
    let erased = erasures(confirmed);
    if erased.is_empty() {
        return Ok(());
    }
    for (feed, entry) in decided(c, record)? {
        if erased.iter().any(|erasure| erasure.beats(feed, &entry)) {
            empty(c, feed, entry)?;
        }
    }
    settings::set_number(c, SCRUB, 1)
}

/// Own entries about a record that was erased lose what they say, as far as they are decided.
pub(crate) fn forget_own(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    c.prepare_cached("UPDATE entries SET state = 2 WHERE record = ?1 AND state = 1")?.execute([record.0])?;
    for (feed, entry) in decided(c, record)? {
        empty(c, feed, entry)?;
    }
    Ok(())
}

/// A verdict says that an entry is about what was erased: it loses what it says at once.
pub(crate) fn forget_refused(c: &Connection, feed: FeedId, n: u64) -> Result<(), ClientError> {
    let mut select =
        c.prepare_cached("SELECT unseal(body, record, 65) FROM entries WHERE feed = ?1 AND n = ?2")?;
    let body: Option<Vec<u8>> = select.query_row((feed.0, n as i64), |row| row.get(0)).optional()?;
    match body.and_then(|body| canonical::decode(&body).ok()) {
        Some(entry) => empty(c, feed, entry),
        None => Ok(()),
    }
}

/// Own entries about a record that the server has decided, and that still say something.
fn decided(c: &Connection, record: RecordId) -> Result<Vec<(FeedId, Entry)>, ClientError> {
    let sql = "SELECT feed, unseal(body, record, 65) FROM entries WHERE record = ?1 AND state > 0 AND facets IS NULL";
    let mut select = c.prepare_cached(sql)?;
    let rows = select.query_map([record.0], |row| Ok((FeedId(row.get(0)?), row.get::<_, Vec<u8>>(1)?)))?;
    let mut entries = Vec::new();
    for row in rows {
        let (feed, body) = row?;
        let entry = canonical::decode(&body).map_err(|e| ClientError::NotAStore(e.to_string()))?;
        entries.push((feed, entry));
    }
    Ok(entries)
}

/// Number, time, role and record of an entry stay, and which facets it had touched; what it said goes.
fn empty(c: &Connection, feed: FeedId, mut entry: Entry) -> Result<(), ClientError> {
    let facets = entry.facets() as i64;
    entry.intents.clear();
    let sql = "UPDATE entries SET body = ?3, facets = ?4 WHERE feed = ?1 AND n = ?2";
    let key = (feed.0, entry.n as i64, canonical::encode(&entry), facets);
    c.prepare_cached(sql)?.execute(key)?;
    settings::set_number(c, SCRUB, 1)
}

/// The facets an own entry touched: as it says, or as it said.
pub(crate) fn facets_of(entry: &Entry, emptied: Option<i64>) -> u64 {
    emptied.map_or_else(|| entry.facets(), |facets| facets as u64)
}
