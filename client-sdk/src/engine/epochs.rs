//! Histories that ended: what was erased goes from the phone's own entries too, what is due is shown no more.
//!
//! The server decides when a generation ends. The phone learns of it with the record's next news, a whole one, which
//! says what was erased. By itself it only stops showing: what is due, and what lost its consent.

use gridledger_core::canonical;
use gridledger_core::document::Document;
use gridledger_core::epoch::{Erasure, Place, begin};
use gridledger_core::retention;
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::set::SchemaSet;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::overlay::{self, Facets, Row};
use super::{Engine, db, gone, shadows};
use crate::error::ClientError;

/// Records looked at in one go.
const BATCH: i64 = 200;

/// What was erased of a record, as its confirmed documents say.
pub(super) fn erasures(confirmed: &Facets) -> Vec<Erasure> {
    let bases = confirmed.values().filter_map(Document::base);
    bases.flat_map(|base| base.erased).collect()
}

/// Of a record's own entries that are decided, those that hold what was erased lose what they say.
pub(super) fn forget_erased(c: &Connection, record: RecordId, confirmed: &Facets) -> Result<(), ClientError> {
    let erased = erasures(confirmed);
    if erased.is_empty() {
        return Ok(());
    }
    for (feed, entry) in decided(c, record)? {
        if erased.iter().any(|erasure| erasure.beats(feed, &entry)) {
            empty(c, feed, entry)?;
        }
    }
    db::set_number(c, SCRUB, 1)
}

/// A record was erased: nothing of it is shown, and own entries about it that are decided lose what they say. The
/// others still go to the server, whose verdict empties them.
pub(super) fn forget_record(c: &Connection, row: &Row) -> Result<(), ClientError> {
    overlay::forget_confirmed(c, row)?;
    gone::keep_name(c, row.record)?;
    shadows::forget(c, row.record)?;
    for sql in ["DELETE FROM records WHERE record = ?1", "DELETE FROM due WHERE record = ?1"] {
        c.prepare_cached(sql)?.execute([row.record.0])?;
    }
    forget_own(c, row.record)?;
    db::set_number(c, SCRUB, 1)
}

/// Own entries about a record that was erased lose what they say, as far as they are decided.
pub(super) fn forget_own(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    c.prepare_cached("UPDATE entries SET state = 2 WHERE record = ?1 AND state = 1")?.execute([record.0])?;
    for (feed, entry) in decided(c, record)? {
        empty(c, feed, entry)?;
    }
    Ok(())
}

/// A verdict says that an entry is about what was erased: it loses what it says at once.
pub(super) fn forget_refused(c: &Connection, feed: FeedId, n: u64) -> Result<(), ClientError> {
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
    db::set_number(c, SCRUB, 1)
}

/// The facets an own entry touched: as it says, or as it said.
pub(super) fn facets_of(entry: &Entry, emptied: Option<i64>) -> u64 {
    emptied.map_or_else(|| entry.facets(), |facets| facets as u64)
}

/// Set while the log of writes holds what was overwritten.
const SCRUB: &str = "scrub";

/// Cuts the log of writes, if what was overwritten is still in it.
pub(super) fn scrub(c: &Connection) -> Result<(), ClientError> {
    if db::number(c, SCRUB)? == 0 {
        return Ok(());
    }
    db::set_number(c, SCRUB, 0)?;
    let blocked = c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))?;
    if blocked {
        // Another process reads; the next sync tries again.
        db::set_number(c, SCRUB, 1)?;
    }
    Ok(())
}

/// Notes before when nothing of a record is due.
pub(super) fn note_due(
    c: &Connection,
    schema: &SchemaSet,
    row: &Row,
    facets: &Facets,
) -> Result<(), ClientError> {
    let record_type = schema.record_type(&row.record_type);
    let documents = || facets.iter().map(|(facet, document)| (*facet, document));
    match record_type.and_then(|record_type| retention::not_before(record_type, documents())) {
        Some(at) => set_due(c, row.record, Some(at), false),
        None => Ok(()),
    }
}

/// `hides`: something of the record is due and not in its view.
fn set_due(c: &Connection, record: RecordId, at: Option<i64>, hides: bool) -> Result<(), ClientError> {
    if at.is_none() && !hides {
        c.prepare_cached("DELETE FROM due WHERE record = ?1")?.execute([record.0])?;
        return Ok(());
    }
    let sql = "INSERT INTO due VALUES (?1, ?2, ?3) ON CONFLICT (record) DO UPDATE SET at = ?2, hides = ?3";
    c.prepare_cached(sql)?.execute((record.0, at.unwrap_or(i64::MAX), hides))?;
    Ok(())
}

impl Engine {
    /// Takes from the views what is due by now; nothing is erased by it. Called before anything is read.
    pub(super) fn hide_due(&self) -> Result<(), ClientError> {
        if !self.db.is_autocommit() {
            return Ok(()); // Whoever writes looks at whole documents.
        }
        let now = self.now()?;
        loop {
            let mut select = self
                .db
                // In the dark a resident's values are not shown in any case.
                .prepare_cached(
                    "SELECT d.record FROM due d LEFT JOIN records r ON r.record = d.record
                     WHERE d.at <= ?1 AND NOT is_blind(r.type) ORDER BY d.at LIMIT ?2",
                )?;
            let rows = select.query_map((now, BATCH), |row| Ok(RecordId(row.get(0)?)))?;
            let due = rows.collect::<Result<Vec<_>, _>>()?;
            if due.is_empty() {
                return Ok(());
            }
            // If the clock turns out to have been ahead, it is shown again.
            self.note_latest()?;
            let tx = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
            for record in due {
                self.hide_due_of(record, now)?;
            }
            tx.commit().map_err(ClientError::of_store)?;
        }
    }

    fn hide_due_of(&self, record: RecordId, now: i64) -> Result<(), ClientError> {
        let row = overlay::row(&self.db, record)?;
        let record_type = row.as_ref().and_then(|row| self.schema.record_type(&row.record_type));
        let (Some(row), Some(record_type)) = (&row, record_type) else {
            return set_due(&self.db, record, None, false);
        };
        let mut facets = overlay::documents(&self.db, record, true)?;
        let (due, next) = retention::due(record_type, facets.iter().map(|(f, d)| (*f, d)), now);
        if due.is_empty() {
            return set_due(&self.db, record, next, false);
        }
        let erased: Vec<Erasure> = due
            .into_iter()
            .map(|due| Erasure { field: due.field, told: 0, until: due.until, by: None })
            .collect();
        for (facet, document) in &mut facets {
            let place = Place { record, facet: *facet, epoch: row.epoch + 1 };
            let of_facet: Vec<Erasure> = erased
                .iter()
                .filter(|e| record_type.field(&e.field).is_some_and(|f| f.facet == *facet))
                .cloned()
                .collect();
            *document = begin(document, place, &of_facet)
                .map_err(|e| ClientError::NotAStore(format!("a document is damaged: {e}")))?;
        }
        let pending = overlay::open_entries(&self.db, record)?.len();
        overlay::put_view(&self.db, &self.schema, row, &facets, pending)?;
        // The view is without it now; when it is made afresh this is asked again.
        set_due(&self.db, record, next, true)
    }
}

/// A record was saved, its view made afresh: what was hidden of it is to be hidden again.
pub(super) fn saved(
    c: &Connection,
    schema: &SchemaSet,
    row: &Row,
    facets: &Facets,
) -> Result<(), ClientError> {
    c.prepare_cached("UPDATE due SET at = 0 WHERE record = ?1 AND hides = 1")?.execute([row.record.0])?;
    if row.created.is_none() && row.held == 0 {
        note_due(c, schema, row, facets)?;
    }
    Ok(())
}
