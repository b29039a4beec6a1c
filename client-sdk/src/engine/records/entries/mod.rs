//! Own entries, and the states they go through. Every query on the `entries` table stands in this folder: `chain` has those
//! on a feed as a chain, `refused` those on refused entries.

use gridledger_core::canonical;
use gridledger_schema::code::Refusal;
use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde_json::json;

use crate::engine::file::settings::{SCRUB, TIMES_DOUBTED};
use crate::engine::records::shadows::SHOWN;
use crate::error::ClientError;
use crate::model::{EntryId, OwnEdit, SentState};

/// The number of a state, for SQL.
macro_rules! state {
    (Saved) => {
        0
    };
    (Sent) => {
        1
    };
    (InLedger) => {
        2
    };
    (Refused) => {
        3
    };
    (Dismissed) => {
        4
    };
}

const _: () = {
    assert!(state!(Saved) == SentState::Saved.number());
    assert!(state!(Sent) == SentState::Sent.number());
    assert!(state!(InLedger) == SentState::InLedger.number());
    assert!(state!(Refused) == SentState::Refused.number());
    assert!(state!(Dismissed) == SentState::Dismissed.number());
};

/// SQL: the entry is open, that is saved or sent. It reads as in the index over open entries.
macro_rules! is_open {
    () => {
        concat!("state < ", state!(InLedger))
    };
}
/// SQL: the server has not decided the entry. The first half lets the index over open entries serve.
macro_rules! is_unsent {
    () => {
        concat!(is_open!(), " AND state = ", state!(Saved))
    };
}
/// SQL: the server refused the entry.
macro_rules! is_refused {
    () => {
        concat!("state IN (", state!(Refused), ", ", state!(Dismissed), ")")
    };
}

/// SQL: record `r` has entries that the server has not decided.
pub(crate) const HAS_UNSENT: &str =
    concat!("EXISTS (SELECT 1 FROM entries WHERE entries.record = r.record AND ", is_unsent!(), ")");
/// SQL: how many open entries a row of `records` has.
pub(crate) const COUNT_OPEN: &str =
    concat!("(SELECT count(*) FROM entries WHERE entries.record = records.record AND ", is_open!(), ")");
/// SQL: some entries of doubted times are undecided.
pub(crate) const ANY_DOUBTED: &str =
    concat!("EXISTS (SELECT 1 FROM entries WHERE doubted = 1 AND state = ", state!(Saved), ")");
/// SQL: some decided entries are not sealed yet.
pub(crate) const ANY_UNSEALED: &str =
    concat!("EXISTS (SELECT 1 FROM entries WHERE state >= ", state!(InLedger), " AND sealed = 0)");
/// SQL: every value that entries hold.
pub(crate) const EVERY_VALUE: &str =
    "SELECT unseal_entry(body, record) FROM entries UNION ALL SELECT CAST(refusal AS BLOB) FROM entries";

pub(crate) mod chain;
pub(crate) mod refused;

/// The time an entry was saved at, and the clock behind it. All times are ms since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    /// The time that the entry carries.
    pub(crate) at: i64,
    /// The phone's own clock; `None` in files of an early version.
    pub(crate) clock: Option<i64>,
    /// The server's time that the phone had been told last, 0 for none.
    pub(crate) told: i64,
    /// Whether the phone knew that its clock was wrong, and not by how much.
    pub(crate) doubted: bool,
}

/// An entry to be kept.
pub(crate) struct NewEntry<'a> {
    pub(crate) feed: FeedId,
    pub(crate) entry: &'a Entry,
    pub(crate) record: RecordId,
    /// The canonical form of `entry`.
    pub(crate) body: &'a [u8],
    pub(crate) hash: EntryHash,
    /// The clocks that its author had seen, packed.
    pub(crate) seen: &'a [u8],
    pub(crate) made: Made,
}

/// The last entry of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) n: u64,
    pub(crate) hash: EntryHash,
}

/// An entry that no confirmed document holds yet.
pub(crate) struct OpenEntry {
    pub(crate) feed: FeedId,
    pub(crate) entry: Entry,
    /// The clocks that its author had seen, packed.
    pub(crate) seen: Vec<u8>,
}

/// An entry that was not refused, and the facets it touches or touched.
pub(crate) struct StandingEntry {
    pub(crate) id: EntryId,
    pub(crate) facets: u64,
}

fn decode(body: &[u8]) -> Result<Entry, ClientError> {
    canonical::decode(body).map_err(|e| ClientError::NotAStore(e.to_string()))
}

/// Keeps a new entry: open, and not sealed, so that it can be sent without a lease.
pub(crate) fn insert(c: &Connection, new: &NewEntry<'_>) -> Result<(), ClientError> {
    if new.made.doubted && !TIMES_DOUBTED.get(c)? {
        TIMES_DOUBTED.set(c, &true)?;
    }
    let sql = "INSERT INTO entries (feed, n, record, body, hash, seen, at, clock, told, doubted, former)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,
                 EXISTS (SELECT 1 FROM shadows WHERE record = ?3 AND lost = ?11))";
    let NewEntry { feed, entry, record, body, hash, seen, made } = new;
    c.prepare_cached(sql)?
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
            made.doubted,
            SHOWN
        ])
        .map_err(ClientError::of_store)?;
    Ok(())
}

/// Finds the last entry of a feed.
pub(crate) fn find_head(c: &Connection, feed: FeedId) -> Result<Option<Head>, ClientError> {
    let mut select = c.prepare("SELECT n, hash FROM entries WHERE feed = ?1 ORDER BY n DESC LIMIT 1")?;
    let head = |row: &Row<'_>| Ok(Head { n: row.get::<_, i64>(0)? as u64, hash: EntryHash(row.get(1)?) });
    Ok(select.query_row([feed.0], head).optional()?)
}

/// The number of a feed's last entry; 0 for none.
pub(crate) fn last_number(c: &Connection, feed: FeedId) -> Result<u64, ClientError> {
    let mut select = c.prepare_cached("SELECT coalesce(max(n), 0) FROM entries WHERE feed = ?1")?;
    Ok(select.query_row([feed.0], |row| row.get::<_, i64>(0))? as u64)
}

/// Finds an entry's hash.
pub(crate) fn find_hash(c: &Connection, id: EntryId) -> Result<Option<EntryHash>, ClientError> {
    let mut select = c.prepare_cached("SELECT hash FROM entries WHERE feed = ?1 AND n = ?2")?;
    Ok(select.query_row(key(id), |row| row.get(0).map(EntryHash)).optional()?)
}

/// Finds the record that an entry is about.
pub(crate) fn find_record(c: &Connection, id: EntryId) -> rusqlite::Result<Option<RecordId>> {
    let mut select = c.prepare_cached("SELECT record FROM entries WHERE feed = ?1 AND n = ?2")?;
    select.query_row(key(id), |row| row.get(0).map(RecordId)).optional()
}

fn key(id: EntryId) -> ([u8; 16], i64) {
    (id.feed.0, id.n as i64)
}

/// Reads a feed's entries after a number, at most `most` of them and about `bytes` bytes, and takes these bytes off. In the
/// dark they end before the first that is sealed.
pub(crate) fn read_after(
    c: &Connection,
    after: EntryId,
    most: usize,
    bytes: &mut usize,
) -> Result<Vec<Entry>, ClientError> {
    let sql =
        "SELECT entry_if_held(body, record) FROM entries WHERE feed = ?1 AND n > ?2 ORDER BY n LIMIT ?3";
    let mut select = c.prepare_cached(sql)?;
    let (feed, n) = key(after);
    let mut rows = select.query((feed, n, most as i64))?;
    let mut entries = Vec::new();
    while *bytes > 0
        && let Some(row) = rows.next()?
        && let Some(body) = row.get::<_, Option<Vec<u8>>>(0)?
    {
        *bytes = bytes.saturating_sub(body.len());
        entries.push(decode(&body)?);
    }
    Ok(entries)
}

/// The first entry without content after one with content, in a feed after `after` and up to `upto`.
pub(crate) fn find_next_emptied(
    c: &Connection,
    after: EntryId,
    upto: u64,
) -> Result<Option<u64>, ClientError> {
    let sql = "SELECT min(e.n) FROM entries e JOIN entries b ON b.feed = e.feed AND b.n = e.n - 1
               WHERE e.feed = ?1 AND e.n > ?2 + 1 AND e.n <= ?3 AND e.facets IS NOT NULL AND b.facets IS NULL";
    let (feed, n) = key(after);
    let mut select = c.prepare_cached(sql)?;
    let found = select.query_row((feed, n, upto as i64), |row| row.get::<_, Option<i64>>(0))?;
    Ok(found.map(|n| n as u64))
}

/// The entry of a feed before the first one without content.
pub(crate) fn whole_until(c: &Connection, feed: FeedId) -> Result<Option<u64>, ClientError> {
    let mut select = c.prepare_cached("SELECT min(n) FROM entries WHERE feed = ?1 AND facets IS NOT NULL")?;
    let first = select.query_row([feed.0], |row| row.get::<_, Option<i64>>(0))?;
    Ok(first.map(|n| n as u64 - 1))
}

/// Reads a record's open entries, in the order they were made.
pub(crate) fn read_open(c: &Connection, record: RecordId) -> Result<Vec<OpenEntry>, ClientError> {
    // Sent entries were made before unsent ones, also in an earlier feed, where a number may be higher.
    let sql = concat!(
        "SELECT feed, unseal_entry(body, record), seen FROM entries WHERE record = ?1 AND ",
        is_open!(),
        " ORDER BY state DESC, n"
    );
    let mut select = c.prepare_cached(sql)?;
    let mut rows = select.query([record.0])?;
    let mut open = Vec::new();
    while let Some(row) = rows.next()? {
        let entry = decode(&row.get::<_, Vec<u8>>(1)?)?;
        open.push(OpenEntry { feed: FeedId(row.get(0)?), entry, seen: row.get(2)? });
    }
    Ok(open)
}

/// Counts a record's open entries.
pub(crate) fn count_open(c: &Connection, record: RecordId) -> Result<usize, ClientError> {
    let sql = concat!("SELECT count(*) FROM entries WHERE record = ?1 AND ", is_open!());
    Ok(c.prepare_cached(sql)?.query_row([record.0], |row| row.get::<_, i64>(0))? as usize)
}

/// The time of a record's last open entry, ms since 1970; 0 for none.
pub(crate) fn last_open_time(c: &Connection, record: RecordId) -> Result<i64, ClientError> {
    let sql = concat!("SELECT coalesce(max(at), 0) FROM entries WHERE record = ?1 AND ", is_open!());
    Ok(c.prepare_cached(sql)?.query_row([record.0], |row| row.get(0))?)
}

/// Counts the entries in a state.
pub(crate) fn count(c: &Connection, state: SentState) -> Result<u64, ClientError> {
    // The number stands in the SQL, so that an index over one state can serve.
    let sql = format!("SELECT count(*) FROM entries WHERE state = {}", state.number());
    Ok(c.query_row(&sql, [], |row| row.get::<_, i64>(0))? as u64)
}

/// Lists a feed's entries, the last first.
pub(crate) fn list(c: &Connection, feed: FeedId, limit: usize) -> Result<Vec<OwnEdit>, ClientError> {
    let sql = "SELECT n, record, at, state FROM entries WHERE feed = ?1 ORDER BY n DESC LIMIT ?2";
    let mut select = c.prepare_cached(sql)?;
    let rows = select.query_map((feed.0, limit as i64), |row| {
        Ok(OwnEdit {
            n: row.get::<_, i64>(0)? as u64,
            record: RecordId(row.get(1)?),
            at: row.get::<_, Option<i64>>(2)?.unwrap_or(0),
            state: SentState::from_number(row.get(3)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether one of this phone's entries created a record.
pub(crate) fn has_created(c: &Connection, record: RecordId) -> Result<bool, ClientError> {
    let mut select = c.prepare_cached("SELECT feed, n FROM entries WHERE record = ?1")?;
    let mut rows = select.query([record.0])?;
    while let Some(row) = rows.next()? {
        if RecordId::created_by(FeedId(row.get(0)?), row.get::<_, i64>(1)? as u64) == record {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Finds the type that one of this phone's entries created a record with.
pub(crate) fn find_created_type(c: &Connection, record: RecordId) -> Result<Option<String>, ClientError> {
    // The creating entry need not have the lowest number: entries of several feeds may be about the record.
    let mut select =
        c.prepare_cached("SELECT unseal_entry(body, record) FROM entries WHERE record = ?1 ORDER BY n")?;
    let mut rows = select.query([record.0])?;
    while let Some(row) = rows.next()? {
        if let Ok(entry) = canonical::decode(&row.get::<_, Vec<u8>>(0)?)
            && let Target::Create { record_type, .. } = entry.target
        {
            return Ok(Some(record_type));
        }
    }
    Ok(None)
}

/// Reads a record's entries that were not refused, by number.
pub(crate) fn read_standing(c: &Connection, record: RecordId) -> Result<Vec<StandingEntry>, ClientError> {
    let sql = concat!(
        "SELECT feed, unseal_entry(body, record), facets FROM entries WHERE record = ?1 AND NOT ",
        is_refused!(),
        " ORDER BY n"
    );
    let mut select = c.prepare_cached(sql)?;
    let mut rows = select.query([record.0])?;
    let mut standing = Vec::new();
    while let Some(row) = rows.next()? {
        let entry = decode(&row.get::<_, Vec<u8>>(1)?)?;
        let id = EntryId { feed: FeedId(row.get(0)?), n: entry.n };
        let emptied: Option<i64> = row.get(2)?;
        standing.push(StandingEntry {
            id,
            facets: emptied.map_or_else(|| entry.facets(), |facets| facets as u64),
        });
    }
    Ok(standing)
}

/// Marks an entry of the log as in the ledger, and reads it.
pub(crate) fn take_into_ledger(c: &Connection, id: EntryId) -> Result<Entry, ClientError> {
    let sql = concat!(
        "UPDATE entries SET state = ",
        state!(InLedger),
        " WHERE feed = ?1 AND n = ?2 RETURNING unseal_entry(body, record)"
    );
    let body: Vec<u8> = c.prepare_cached(sql)?.query_row(key(id), |row| row.get(0))?;
    decode(&body)
}

/// Marks an entry as in the ledger.
pub(crate) fn mark_in_ledger(c: &Connection, id: EntryId) -> Result<(), ClientError> {
    let sql = concat!("UPDATE entries SET state = ", state!(InLedger), " WHERE feed = ?1 AND n = ?2");
    c.prepare_cached(sql)?.execute(key(id))?;
    Ok(())
}

/// Marks an entry as in the ledger if it is here and open.
pub(crate) fn mark_open_in_ledger(c: &Connection, id: EntryId) -> Result<(), ClientError> {
    let sql = concat!(
        "UPDATE entries SET state = ",
        state!(InLedger),
        " WHERE feed = ?1 AND n = ?2 AND ",
        is_open!()
    );
    c.prepare_cached(sql)?.execute(key(id))?;
    Ok(())
}

/// Marks sent entries as in the ledger: they are shown on top of nothing any more. `records` is SQL, `record = ?1` or the like.
pub(crate) fn mark_sent_in_ledger(
    c: &Connection,
    records: &str,
    value: impl rusqlite::ToSql,
) -> Result<(), ClientError> {
    let update = concat!(
        "UPDATE entries SET state = ",
        state!(InLedger),
        " WHERE ",
        is_open!(),
        " AND state = ",
        state!(Sent),
        " AND "
    );
    c.prepare_cached(&[update, records].concat())?.execute([value])?;
    Ok(())
}

/// Marks a feed's saved entries up to a number as sent.
pub(crate) fn mark_sent(c: &Connection, upto: EntryId) -> Result<(), ClientError> {
    let sql = concat!(
        "UPDATE entries SET state = ",
        state!(Sent),
        " WHERE feed = ?1 AND n <= ?2 AND state = ",
        state!(Saved)
    );
    c.prepare_cached(sql)?.execute(key(upto))?;
    Ok(())
}

/// Marks an open entry as refused; the record it is about, if the entry was open. `stood_until` is the last own entry made
/// before the refusal came.
pub(crate) fn refuse(
    c: &Connection,
    id: EntryId,
    refusal: &Refusal,
    stood_until: u64,
) -> Result<Option<RecordId>, ClientError> {
    let sql = concat!(
        "UPDATE entries SET state = ",
        state!(Refused),
        ", refusal = ?3, stood_until = ?4 WHERE feed = ?1 AND n = ?2 AND ",
        is_open!(),
        " RETURNING record"
    );
    let (feed, n) = key(id);
    let values = (feed, n, json!(refusal).to_string(), stood_until as i64);
    Ok(c.prepare_cached(sql)?.query_row(values, |row| row.get(0).map(RecordId)).optional()?)
}

/// Marks a feed's saved entries after a number as refused.
pub(crate) fn refuse_after(c: &Connection, after: EntryId, refusal: &Refusal) -> Result<(), ClientError> {
    let sql = concat!(
        "UPDATE entries SET state = ",
        state!(Refused),
        ", refusal = ?3 WHERE feed = ?1 AND n > ?2 AND state = ",
        state!(Saved)
    );
    let (feed, n) = key(after);
    c.execute(sql, (feed, n, json!(refusal).to_string()))?;
    Ok(())
}

/// Seals decided entries. Until then they stand open, so that they can be sent without a lease.
pub(crate) fn seal_decided(c: &Connection) -> Result<(), ClientError> {
    let sql = concat!(
        "UPDATE entries SET sealed = 1, body = seal_entry(body, record,
           (SELECT type FROM records r WHERE r.record = entries.record))
         WHERE state >= ",
        state!(InLedger),
        " AND sealed = 0"
    );
    c.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// Reads a record's decided entries that have content.
pub(crate) fn read_decided(c: &Connection, record: RecordId) -> Result<Vec<(FeedId, Entry)>, ClientError> {
    let sql = concat!(
        "SELECT feed, unseal_entry(body, record) FROM entries WHERE record = ?1 AND state > ",
        state!(Saved),
        " AND facets IS NULL"
    );
    let mut select = c.prepare_cached(sql)?;
    let mut rows = select.query([record.0])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push((FeedId(row.get(0)?), decode(&row.get::<_, Vec<u8>>(1)?)?));
    }
    Ok(entries)
}

/// Reads an entry, if it is here and reads.
pub(crate) fn find(c: &Connection, id: EntryId) -> Result<Option<Entry>, ClientError> {
    let sql = "SELECT unseal_entry(body, record) FROM entries WHERE feed = ?1 AND n = ?2";
    let body: Option<Vec<u8>> = c.prepare_cached(sql)?.query_row(key(id), |row| row.get(0)).optional()?;
    Ok(body.and_then(|body| canonical::decode(&body).ok()))
}

/// Takes an entry's content away. Its number, time, role and record stay, and the facets it had touched.
pub(crate) fn empty(c: &Connection, feed: FeedId, mut entry: Entry) -> Result<(), ClientError> {
    let facets = entry.facets() as i64;
    entry.intents.clear();
    let sql = "UPDATE entries SET body = ?3, facets = ?4 WHERE feed = ?1 AND n = ?2";
    c.prepare_cached(sql)?.execute((feed.0, entry.n as i64, canonical::encode(&entry), facets))?;
    SCRUB.set(c, &true)
}

/// Lists sent entries without intents. An early version saved such entries.
pub(crate) fn list_sent_and_empty(c: &Connection) -> Result<Vec<(EntryId, RecordId)>, ClientError> {
    let sql = concat!(
        "SELECT feed, record, body FROM entries WHERE state = ",
        state!(Sent),
        " AND sealed = 0 AND ",
        is_open!()
    );
    let mut select = c.prepare_cached(sql)?;
    let mut rows = select.query([])?;
    let mut empty = Vec::new();
    while let Some(row) = rows.next()? {
        if let Ok(entry) = canonical::decode(&row.get::<_, Vec<u8>>(2)?)
            && entry.intents.is_empty()
        {
            let id = EntryId { feed: FeedId(row.get(0)?), n: entry.n };
            empty.push((id, RecordId(row.get(1)?)));
        }
    }
    Ok(empty)
}
