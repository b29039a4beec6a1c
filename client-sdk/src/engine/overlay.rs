//! The overlay: what a phone shows on top of what is confirmed. Its own entries that did not come back in an area's log
//! yet, derived on what they had been made on.

use std::collections::BTreeMap;

use gridledger_core::canonical;
use gridledger_core::derive::{Authored, Seen};
use gridledger_core::digest;
use gridledger_core::document::Document;
use gridledger_core::project::{View, project};
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{AreaNo, EntryHash, FeedId, RecordId};
use gridledger_schema::set::{RecordType, SchemaSet};
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::Value;

use super::time::Made;
use super::{epochs, seal, shadows, times};
use crate::error::ClientError;

/// A record's row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) record: RecordId,
    pub(super) area: AreaNo,
    pub(super) record_type: String,
    pub(super) created: Option<u64>,
    pub(super) epoch: u32,
    /// The log position up to which the confirmed documents are whole.
    pub(super) held: u64,
    pub(super) changed_at: i64,
    /// The log position at which it left its area, while it waits here for verdicts on own edits.
    pub(super) leaving: Option<u64>,
}

impl Row {
    /// A record that is new here.
    pub(super) fn new(record: RecordId, record_type: &str, area: AreaNo) -> Self {
        Self {
            record,
            area,
            record_type: record_type.to_owned(),
            created: None,
            epoch: 0,
            held: 0,
            changed_at: 0,
            leaving: None,
        }
    }
}

pub(super) fn row(c: &Connection, record: RecordId) -> Result<Option<Row>, ClientError> {
    let mut select = c.prepare_cached(
        "SELECT area, type, created, epoch, held, changed_at, leaving FROM records WHERE record = ?1",
    )?;
    let found = select.query_row([record.0], |row| {
        Ok(Row {
            record,
            area: AreaNo(row.get(0)?),
            record_type: row.get(1)?,
            created: row.get::<_, Option<i64>>(2)?.map(|n| n as u64),
            epoch: row.get(3)?,
            held: row.get::<_, i64>(4)? as u64,
            changed_at: row.get(5)?,
            leaving: row.get::<_, Option<i64>>(6)?.map(|n| n as u64),
        })
    });
    Ok(found.optional()?)
}

/// Documents of a record, by facet.
pub(super) type Facets = BTreeMap<u8, Document>;

/// The documents as confirmed, or with the overlay.
pub(super) fn documents(c: &Connection, record: RecordId, with_overlay: bool) -> Result<Facets, ClientError> {
    let column = if with_overlay { "coalesce(overlay, confirmed)" } else { "confirmed" };
    let mut select = c.prepare_cached(&format!(
        "SELECT facet, unseal({column}, record, facet) FROM documents WHERE record = ?1"
    ))?;
    let rows =
        select.query_map([record.0], |row| Ok((row.get::<_, u8>(0)?, row.get::<_, Option<Vec<u8>>>(1)?)))?;
    let mut facets = Facets::new();
    for found in rows {
        let (facet, Some(bytes)) = found? else { continue };
        let document = Document::load(&bytes)
            .map_err(|e| ClientError::NotAStore(format!("a document is damaged: {e}")))?;
        facets.insert(facet, document);
    }
    Ok(facets)
}

/// What an edit was made on: of each facet it touches, how far the feeds that `of` names had come (an edit's
/// own part follows from the entries before it).
pub(super) fn pack_seen(facets: &Facets, entry: &Entry, of: impl Fn(FeedId) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (facet, document) in facets.iter().filter(|(f, _)| entry.facets() & (1 << **f) != 0) {
        pack_clock(&mut out, *facet, document.clock(), &of);
    }
    out
}

fn pack_clock(out: &mut Vec<u8>, facet: u8, clock: Vec<(FeedId, u64)>, of: impl Fn(FeedId) -> bool) {
    for (feed, n) in clock.into_iter().filter(|(feed, _)| of(*feed)) {
        out.push(facet);
        out.extend(feed.0);
        out.extend(n.to_be_bytes());
    }
}

/// The same for an edit of documents that cannot be read now, from the clocks that stand open beside them.
pub(super) fn pack_unread(
    c: &Connection,
    entry: &Entry,
    record: RecordId,
    own: FeedId,
) -> Result<Vec<u8>, ClientError> {
    let sql = "SELECT facet, coalesce(overlay_clock, confirmed_clock) FROM documents WHERE record = ?1";
    let mut select = c.prepare_cached(sql)?;
    let mut rows = select.query([record.0])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let facet: u8 = row.get(0)?;
        let clock: Vec<u8> = row.get::<_, Option<_>>(1)?.unwrap_or_default();
        if entry.facets() & (1 << facet) != 0 {
            let of_others = clock.chunks_exact(SEEN_BYTES).filter(|seen| seen[1..17] != own.0);
            out.extend(of_others.flatten());
        }
    }
    Ok(out)
}

/// A facet, a feed, how many changes it had made there.
const SEEN_BYTES: usize = 25;

/// What an undecided entry is derived on, now: what its author had seen of others, and the author's own that stand.
fn seen_of(packed: &[u8], facet: u8, document: &Document, own: FeedId) -> Seen {
    let there = document.clock();
    let mut clock: Vec<(FeedId, u64)> = packed
        .chunks_exact(SEEN_BYTES)
        .filter(|c| c[0] == facet)
        .filter_map(|c| {
            Some((FeedId(c[1..17].try_into().ok()?), u64::from_be_bytes(c[17..].try_into().ok()?)))
        })
        // Genesis changes are named too; the one that is not here is made again when it is needed.
        .filter(|(feed, n)| there.iter().any(|(f, m)| f == feed && m >= n))
        .collect();
    clock.extend(there.iter().filter(|(feed, _)| *feed == own));
    clock.sort_unstable();
    if clock == there { Seen::All } else { Seen::Clock(clock) }
}

/// Keeps an own entry, as it stands until it is decided: open.
pub(super) fn put_entry(
    c: &Connection,
    feed: FeedId,
    entry: &Entry,
    record: RecordId,
    (body, hash, seen): (&[u8], EntryHash, &[u8]),
    made: Made,
) -> Result<(), ClientError> {
    if made.doubted {
        times::note_doubt(c)?;
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
pub(super) struct Open {
    pub(super) entry: Entry,
    pub(super) feed: FeedId,
    pub(super) seen: Vec<u8>,
}

pub(super) fn open_entries(c: &Connection, record: RecordId) -> Result<Vec<Open>, ClientError> {
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
pub(super) fn seal_decided(c: &Connection) -> Result<(), ClientError> {
    let sql = "UPDATE entries SET sealed = 1, body = seal(body, record, 65,
                 (SELECT type FROM records r WHERE r.record = entries.record))
               WHERE state >= 2 AND sealed = 0";
    c.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// Derives one entry on every facet it touches.
pub(super) fn derive(
    facets: &mut Facets,
    feed: FeedId,
    author: &str,
    entry: &Entry,
    seen: impl Fn(u8, &Document) -> Seen,
) -> Result<(), ClientError> {
    let touched = entry.facets();
    for facet in (0..64u8).filter(|f| touched & (1 << f) != 0) {
        let document = facets.entry(facet).or_default();
        let seen = seen(facet, document);
        let authored = Authored { feed, author, entry };
        document
            .derive(authored, facet, &seen)
            .map_err(|e| ClientError::NotAStore(format!("an entry does not derive: {e}")))?;
    }
    Ok(())
}

/// Rebuilds a record's overlay on `confirmed` and writes the record's view. Entries whose ground is gone (their record
/// was never created) leave nothing to show; the record then disappears from the lists.
pub(super) fn rebuild(
    c: &Connection,
    schema: &SchemaSet,
    row: &Row,
    confirmed: Facets,
    author: &str,
) -> Result<(), ClientError> {
    if seal::is_blind(c, &row.record_type)? {
        return mark_stale(c, row.record);
    }
    let mut open = open_entries(c, row.record)?;
    let pending = open.len();
    let mut facets = confirmed;
    // What an erasure beats is not shown: its verdict is on its way.
    let erased = epochs::erasures(&facets);
    let shadow = shadows::standing(c, schema, row, &facets)?;
    let from_shadow = shadow.is_some();
    if let Some(shadow) = shadow {
        shadows::without_held(c, row.record, &shadow, &mut open)?;
        facets = shadow;
    }
    for Open { entry, feed, seen } in &open {
        if erased.iter().any(|erasure| erasure.beats(*feed, entry)) {
            continue;
        }
        derive(&mut facets, *feed, author, entry, |facet, document| seen_of(seen, facet, document, *feed))?;
    }
    if facets.is_empty() {
        c.prepare_cached("DELETE FROM records WHERE record = ?1")?.execute([row.record.0])?;
        c.prepare_cached("DELETE FROM documents WHERE record = ?1")?.execute([row.record.0])?;
        return Ok(());
    }
    if open.is_empty() && !from_shadow {
        c.prepare_cached("UPDATE documents SET overlay = NULL, overlay_clock = NULL WHERE record = ?1")?
            .execute([row.record.0])?;
    } else {
        put_overlay(c, row, &facets)?;
    }
    put_view(c, schema, row, &facets, pending)?;
    epochs::note_due(c, schema, row, &facets)
}

/// Whether a record has confirmed documents.
pub(super) fn is_confirmed(c: &Connection, record: RecordId) -> Result<bool, ClientError> {
    let some = "SELECT EXISTS (SELECT 1 FROM documents WHERE record = ?1 AND confirmed IS NOT NULL)";
    Ok(c.prepare_cached(some)?.query_row([record.0], |row| row.get(0))?)
}

/// Rebuilds a record on what is confirmed of it in the store, or later, if that cannot be read now.
pub(super) fn rebuild_stored(
    c: &Connection,
    schema: &SchemaSet,
    row: &Row,
    author: &str,
) -> Result<(), ClientError> {
    if seal::is_blind(c, &row.record_type)? {
        return mark_stale(c, row.record);
    }
    rebuild(c, schema, row, documents(c, row.record, false)?, author)
}

/// What a record shows is to be made again when it can be read; its own entries are counted at once.
pub(super) fn mark_stale(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    let sql = "UPDATE records SET stale = 1, pending = (SELECT count(*) FROM entries e WHERE e.record = ?1 AND e.state < 2)
               WHERE record = ?1";
    c.prepare_cached(sql)?.execute([record.0])?;
    Ok(())
}

/// Keeps documents as a record's overlay.
pub(super) fn put_overlay(c: &Connection, row: &Row, facets: &Facets) -> Result<(), ClientError> {
    for (facet, document) in facets {
        let mut upsert = c.prepare_cached(
            "INSERT INTO documents (record, facet, term, overlay, overlay_clock)
             VALUES (?1, ?2, zeroblob(16), seal(?3, ?1, ?2, ?4), ?5)
             ON CONFLICT (record, facet) DO UPDATE SET overlay = excluded.overlay, overlay_clock = ?5",
        )?;
        let clock = clock_of(*facet, document);
        upsert.execute((row.record.0, facet, document.save_fast(), &row.record_type, clock))?;
    }
    Ok(())
}

/// What stands open of a sealed document: how far each feed has come in it.
fn clock_of(facet: u8, document: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    pack_clock(&mut out, facet, document.clock(), |_| true);
    out
}

/// Keeps documents as confirmed, and keeps the area's digests in step.
pub(super) fn put_confirmed(c: &Connection, row: &Row, facets: &Facets) -> Result<(), ClientError> {
    for (facet, document) in facets {
        let term = digest::term(row.record, *facet, row.epoch, &document.heads());
        let mut select = c.prepare_cached("SELECT term FROM documents WHERE record = ?1 AND facet = ?2")?;
        let before = select.query_row((row.record.0, facet), |r| r.get::<_, [u8; 16]>(0)).optional()?;
        let before = before.map_or(0, u128::from_be_bytes);
        if before == term {
            continue;
        }
        let mut upsert = c.prepare_cached(
            "INSERT INTO documents (record, facet, confirmed, confirmed_clock, term)
             VALUES (?1, ?2, seal(?3, ?1, ?2, ?5), ?6, ?4)
             ON CONFLICT (record, facet) DO UPDATE SET confirmed = excluded.confirmed, confirmed_clock = ?6, term = ?4",
        )?;
        let clock = clock_of(*facet, document);
        let bytes = document.save();
        upsert.execute((row.record.0, facet, bytes, term.to_be_bytes(), &row.record_type, clock))?;
        add_digest(c, row.area, *facet, term.wrapping_sub(before))?;
    }
    Ok(())
}

/// Takes a record's documents away, and what they add to the area's digests.
pub(super) fn forget_confirmed(c: &Connection, row: &Row) -> Result<(), ClientError> {
    uncount(c, row)?;
    c.prepare_cached("DELETE FROM documents WHERE record = ?1")?.execute([row.record.0])?;
    Ok(())
}

/// Takes what a record's confirmed documents add to its area's digests off again.
pub(super) fn uncount(c: &Connection, row: &Row) -> Result<(), ClientError> {
    let mut select = c.prepare_cached("SELECT facet, term FROM documents WHERE record = ?1")?;
    let terms = select
        .query_map([row.record.0], |r| Ok((r.get::<_, u8>(0)?, r.get::<_, [u8; 16]>(1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    for (facet, term) in terms {
        add_digest(c, row.area, facet, 0u128.wrapping_sub(u128::from_be_bytes(term)))?;
    }
    c.prepare_cached("UPDATE documents SET term = zeroblob(16) WHERE record = ?1")?
        .execute([row.record.0])?;
    Ok(())
}

fn add_digest(c: &Connection, area: AreaNo, facet: u8, change: u128) -> Result<(), ClientError> {
    let now = digest_of(c, area, facet)?.wrapping_add(change);
    let sql = "INSERT INTO digests VALUES (?1, ?2, ?3) ON CONFLICT (area, facet) DO UPDATE SET digest = ?3";
    c.prepare_cached(sql)?.execute((area.0, facet, now.to_be_bytes()))?;
    Ok(())
}

/// The digest of what this phone has confirmed of an area.
pub(super) fn digest_of(c: &Connection, area: AreaNo, facet: u8) -> Result<u128, ClientError> {
    let mut select = c.prepare_cached("SELECT digest FROM digests WHERE area = ?1 AND facet = ?2")?;
    let found = select.query_row((area.0, facet), |row| row.get::<_, [u8; 16]>(0)).optional()?;
    Ok(found.map_or(0, u128::from_be_bytes))
}

/// The record as this phone shows it.
pub(super) fn view(schema: &SchemaSet, record_type: &str, facets: &Facets) -> View {
    schema.record_type(record_type).map(|t: &RecordType| project(t, facets.values())).unwrap_or_default()
}

pub(super) fn put_view(
    c: &Connection,
    schema: &SchemaSet,
    row: &Row,
    facets: &Facets,
    pending: usize,
) -> Result<(), ClientError> {
    let view = view(schema, &row.record_type, facets);
    write_view(c, schema, row, &view, pending)
}

/// Writes what a record shows: what is nobody's in the open, residents' values sealed. In the dark those are left out,
/// and the record is shown anew when there is a lease.
pub(super) fn write_view(
    c: &Connection,
    schema: &SchemaSet,
    row: &Row,
    view: &View,
    pending: usize,
) -> Result<(), ClientError> {
    let conflicts = view.conflicts.len() as i64;
    let (open, sealed) = seal::split(schema.record_type(&row.record_type), view.to_json());
    let stale = seal::is_blind(c, &row.record_type)?;
    let sealed = sealed.filter(|_| !stale).map(|view| view.to_string());
    let mut text = String::new();
    gather_text(&open, &mut text);
    let mut upsert = c.prepare_cached(
        "INSERT INTO records (record, area, type, created, epoch, held, view, text, conflicts, pending, changed_at, leaving,
           sealed, stale)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, seal(?13, ?1, 64, ?3), ?14)
         ON CONFLICT (record) DO UPDATE SET area = ?2, type = ?3, created = ?4, epoch = ?5, held = ?6, view = ?7, text = ?8,
         conflicts = ?9, pending = ?10, changed_at = ?11, leaving = ?12, sealed = excluded.sealed, stale = ?14",
    )?;
    let created = row.created.map(|n| n as i64);
    upsert.execute(rusqlite::params![
        row.record.0,
        row.area.0,
        row.record_type,
        created,
        row.epoch,
        row.held as i64,
        open.to_string(),
        text,
        conflicts,
        pending as i64,
        row.changed_at,
        row.leaving.map(|n| n as i64),
        sealed,
        stale
    ])?;
    Ok(())
}

/// Every text in a view, for the search, newest form only; conflicts' other values are found too.
pub(super) fn gather_text(value: &Value, out: &mut String) {
    match value {
        Value::String(s) => {
            out.push_str(s);
            out.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|v| gather_text(v, out)),
        Value::Object(map) => map.values().for_each(|v| gather_text(v, out)),
        _ => {}
    }
}
