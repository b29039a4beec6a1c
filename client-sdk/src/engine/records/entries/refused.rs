//! Refused entries: what was meant, why not, what a supervisor was asked and ruled, and how their authors dealt with them.

use std::collections::HashMap;

use gridledger_core::canonical;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::wire::{Ask, Ruling};
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde_json::{Value, json};

use super::key;
use crate::error::ClientError;
use crate::model::EntryId;

/// SQL: the entry waits for its author.
macro_rules! waits {
    () => {
        concat!("state = ", state!(Refused))
    };
}

/// A refused entry. In the dark `entry` has no intents, and its target is an edit of the record.
pub(crate) struct RefusedEntry {
    pub(crate) id: EntryId,
    pub(crate) record: RecordId,
    pub(crate) entry: Entry,
    pub(crate) refusal: Refusal,
    /// The question to a supervisor, if the author asked.
    pub(crate) asked: Option<String>,
    pub(crate) ruling: Option<Ruling>,
    /// The content was erased.
    pub(crate) emptied: bool,
    /// The content cannot be read now.
    pub(crate) withheld: bool,
}

/// A row of a refused entry.
struct Found {
    id: EntryId,
    record: RecordId,
    /// Null if the body is sealed and there is no lease.
    body: Option<Vec<u8>>,
    refusal: String,
    asked: Option<String>,
    ruling: Option<String>,
    emptied: bool,
    at: Option<i64>,
}

const COLUMNS: &str =
    "SELECT feed, n, record, entry_if_held(body, record), refusal, asked, ruling, facets IS NOT NULL, at
                       FROM entries";

fn read(row: &Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found {
        id: EntryId { feed: FeedId(row.get(0)?), n: row.get::<_, i64>(1)? as u64 },
        record: RecordId(row.get(2)?),
        body: row.get(3)?,
        refusal: row.get(4)?,
        asked: row.get(5)?,
        ruling: row.get(6)?,
        emptied: row.get(7)?,
        at: row.get(8)?,
    })
}

fn decode(found: Found) -> Result<RefusedEntry, ClientError> {
    let Found { id, record, body, refusal, asked, ruling, emptied, at } = found;
    let damaged = || ClientError::NotAStore("a refused entry is damaged".into());
    let withheld = body.is_none();
    let entry = match body {
        Some(body) => canonical::decode(&body).map_err(|_| damaged())?,
        None => Entry {
            n: id.n,
            at: at.unwrap_or_default(),
            cursor: 0,
            role: String::new(),
            target: Target::Edit { record },
            intents: Vec::new(),
        },
    };
    Ok(RefusedEntry {
        id,
        record,
        entry,
        refusal: read_refusal(&refusal).ok_or_else(damaged)?,
        asked,
        ruling: ruling.map(|text| read_ruling(id, &text)),
        emptied,
        withheld,
    })
}

/// Reads a refusal as it is kept.
pub(crate) fn read_refusal(text: &str) -> Option<Refusal> {
    let value: Value = serde_json::from_str(text).ok()?;
    let code = Code::parse(value["code"].as_str()?)?;
    let field = value["field"].as_str().map(str::to_owned);
    Some(Refusal { code, rule: value["rule"].as_str()?.to_owned(), field })
}

fn read_ruling(id: EntryId, text: &str) -> Ruling {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    Ruling {
        feed: id.feed,
        n: id.n,
        admitted: value["admitted"].as_bool().unwrap_or_default(),
        by: text("by"),
        at: value["at"].as_i64().unwrap_or_default(),
        note: text("note"),
    }
}

/// Lists the entries that wait for their author, those of the feed `first` first.
pub(crate) fn list(c: &Connection, first: FeedId) -> Result<Vec<RefusedEntry>, ClientError> {
    let sql = [COLUMNS, concat!(" WHERE ", waits!(), " ORDER BY feed <> ?1, n")].concat();
    let mut select = c.prepare_cached(&sql)?;
    let rows = select.query_map([first.0], read)?;
    rows.map(|row| decode(row?)).collect()
}

/// Finds an entry that waits for its author.
pub(crate) fn find(c: &Connection, id: EntryId) -> Result<Option<RefusedEntry>, ClientError> {
    let sql = [COLUMNS, concat!(" WHERE feed = ?1 AND n = ?2 AND ", waits!())].concat();
    let found = c.prepare_cached(&sql)?.query_row(key(id), read).optional()?;
    found.map(decode).transpose()
}

/// Takes an entry off the list; whether it was on the list. `again` is the record that a second save of it created.
pub(crate) fn dismiss(c: &Connection, id: EntryId, again: Option<RecordId>) -> Result<bool, ClientError> {
    let sql = concat!(
        "UPDATE entries SET state = ",
        state!(Dismissed),
        ", again = ?3 WHERE feed = ?1 AND n = ?2 AND ",
        waits!()
    );
    let (feed, n) = key(id);
    let done = c.prepare_cached(sql)?.execute((feed, n, again.map(|record| record.0)));
    Ok(done.map_err(ClientError::of_store)? > 0)
}

/// Keeps a question about an entry; whether it can still be asked.
pub(crate) fn ask(c: &Connection, id: EntryId, note: &str) -> Result<bool, ClientError> {
    let sql = concat!(
        "UPDATE entries SET asked = ?3, asked_told = 0 WHERE feed = ?1 AND n = ?2 AND ",
        waits!(),
        " AND ruling IS NULL"
    );
    let (feed, n) = key(id);
    Ok(c.execute(sql, (feed, n, note)).map_err(ClientError::of_store)? > 0)
}

/// Lists the questions without a ruling, at most `limit`. A note travels until an answer has come whole after it.
pub(crate) fn list_asks(c: &Connection, limit: usize) -> Result<Vec<Ask>, ClientError> {
    let sql = concat!(
        "SELECT feed, n, CASE asked_told WHEN 0 THEN asked ELSE '' END FROM entries
         WHERE asked IS NOT NULL AND ruling IS NULL AND ",
        waits!(),
        " ORDER BY feed, n LIMIT ?1"
    );
    let mut select = c.prepare_cached(sql)?;
    let asks = select.query_map([limit as i64], |row| {
        Ok(Ask { feed: FeedId(row.get(0)?), n: row.get::<_, i64>(1)? as u64, note: row.get(2)? })
    })?;
    Ok(asks.collect::<Result<Vec<_>, _>>()?)
}

/// Marks notes as told: the server has them.
pub(crate) fn mark_notes_told(c: &Connection, asks: &[Ask]) -> Result<(), ClientError> {
    let sql = "UPDATE entries SET asked_told = 1 WHERE feed = ?1 AND n = ?2 AND asked = ?3";
    for ask in asks.iter().filter(|ask| !ask.note.is_empty()) {
        c.prepare_cached(sql)?.execute((ask.feed.0, ask.n as i64, &ask.note))?;
    }
    Ok(())
}

/// Marks the notes of open questions as not told: another generation of the server does not have them.
pub(crate) fn mark_notes_untold(c: &Connection) -> Result<(), ClientError> {
    c.execute("UPDATE entries SET asked_told = 0 WHERE asked IS NOT NULL AND ruling IS NULL", [])?;
    Ok(())
}

/// Keeps a supervisor's ruling.
pub(crate) fn keep_ruling(c: &Connection, ruling: &Ruling) -> Result<(), ClientError> {
    let kept = json!({ "admitted": ruling.admitted, "by": ruling.by, "at": ruling.at, "note": ruling.note });
    let sql = concat!("UPDATE entries SET ruling = ?3 WHERE feed = ?1 AND n = ?2 AND ", is_refused!());
    c.prepare_cached(sql)?.execute((ruling.feed.0, ruling.n as i64, kept.to_string()))?;
    Ok(())
}

/// Finds the last refused entry of a record before `id` that still seemed to stand when `id` was made.
pub(crate) fn find_ground(
    c: &Connection,
    id: EntryId,
    record: RecordId,
) -> Result<Option<EntryId>, ClientError> {
    let sql = concat!(
        "SELECT n FROM entries WHERE feed = ?1 AND record = ?3 AND n < ?2 AND stood_until >= ?2 AND ",
        is_refused!(),
        " ORDER BY n DESC LIMIT 1"
    );
    let (feed, n) = key(id);
    let found =
        c.prepare_cached(sql)?.query_row((feed, n, record.0), |row| row.get::<_, i64>(0)).optional()?;
    Ok(found.map(|n| EntryId { feed: id.feed, n: n as u64 }))
}

/// Reads the records that refused creations were saved as again: from the id that never came to be to the latest one.
pub(crate) fn read_saved_again(c: &Connection) -> Result<HashMap<RecordId, RecordId>, ClientError> {
    let mut select = c.prepare_cached("SELECT record, again FROM entries WHERE again IS NOT NULL")?;
    let rows = select.query_map([], |row| Ok((RecordId(row.get(0)?), RecordId(row.get(1)?))))?;
    let mut again: HashMap<RecordId, RecordId> = rows.collect::<Result<_, _>>()?;
    // A creation may have been refused and saved more than once.
    let ends: Vec<_> = again.keys().copied().collect();
    for from in ends {
        let mut to = again[&from];
        for _ in 0..again.len() {
            match again.get(&to) {
                Some(next) => to = *next,
                None => break,
            }
        }
        again.insert(from, to);
    }
    Ok(again)
}
