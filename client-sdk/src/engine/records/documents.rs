//! Documents of records, confirmed and with the overlay, and the digests of the confirmed ones.
//!
//! The overlay is what a phone shows on top of the confirmed documents: its own entries that have not come back in an
//! area's log, derived on what they were made on.

use std::collections::BTreeMap;

use gridledger_core::document::Document;
use gridledger_core::{clock, digest};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use rusqlite::{Connection, OptionalExtension as _};

use crate::engine::records::rows::Row;
use crate::error::ClientError;

/// Documents of a record, by facet.
pub(crate) type Facets = BTreeMap<u8, Document>;

/// Reads a document; an error says that the store is damaged.
pub(crate) fn load(bytes: &[u8]) -> Result<Document, ClientError> {
    Document::load(bytes).map_err(|e| ClientError::NotAStore(format!("a document is damaged: {e}")))
}

/// Reads a record's confirmed documents.
pub(crate) fn read_confirmed(c: &Connection, record: RecordId) -> Result<Facets, ClientError> {
    let sql = "SELECT facet, unseal_document(confirmed, record, facet) FROM documents WHERE record = ?1";
    read(c, record, sql)
}

/// Reads a record's documents with the overlay.
pub(crate) fn read_shown(c: &Connection, record: RecordId) -> Result<Facets, ClientError> {
    let sql = "SELECT facet, unseal_document(coalesce(overlay, confirmed), record, facet) FROM documents
               WHERE record = ?1";
    read(c, record, sql)
}

fn read(c: &Connection, record: RecordId, sql: &str) -> Result<Facets, ClientError> {
    let mut select = c.prepare_cached(sql)?;
    let rows =
        select.query_map([record.0], |row| Ok((row.get::<_, u8>(0)?, row.get::<_, Option<Vec<u8>>>(1)?)))?;
    let mut facets = Facets::new();
    for found in rows {
        let (facet, Some(bytes)) = found? else { continue };
        facets.insert(facet, load(&bytes)?);
    }
    Ok(facets)
}

/// Whether a record has confirmed documents.
pub(crate) fn is_confirmed(c: &Connection, record: RecordId) -> Result<bool, ClientError> {
    let some = "SELECT EXISTS (SELECT 1 FROM documents WHERE record = ?1 AND confirmed IS NOT NULL)";
    Ok(c.prepare_cached(some)?.query_row([record.0], |row| row.get(0))?)
}

/// Keeps documents as a record's overlay.
pub(crate) fn put_overlay(c: &Connection, row: &Row, facets: &Facets) -> Result<(), ClientError> {
    for (facet, document) in facets {
        let mut upsert = c.prepare_cached(
            "INSERT INTO documents (record, facet, term, overlay, overlay_clock)
             VALUES (?1, ?2, zeroblob(16), seal_document(?3, ?1, ?2, ?4), ?5)
             ON CONFLICT (record, facet) DO UPDATE SET overlay = excluded.overlay, overlay_clock = ?5",
        )?;
        let clock = pack_whole_clock(*facet, document);
        upsert.execute((row.record.0, facet, document.save_fast(), &row.record_type, clock))?;
    }
    Ok(())
}

/// Removes a record's overlay.
pub(crate) fn clear_overlay(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    let sql = "UPDATE documents SET overlay = NULL, overlay_clock = NULL WHERE record = ?1";
    c.prepare_cached(sql)?.execute([record.0])?;
    Ok(())
}

/// Keeps documents as confirmed, and the area's digests in step.
pub(crate) fn put_confirmed(c: &Connection, row: &Row, facets: &Facets) -> Result<(), ClientError> {
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
             VALUES (?1, ?2, seal_document(?3, ?1, ?2, ?5), ?6, ?4)
             ON CONFLICT (record, facet) DO UPDATE SET confirmed = excluded.confirmed, confirmed_clock = ?6, term = ?4",
        )?;
        let clock = pack_whole_clock(*facet, document);
        let bytes = document.save();
        upsert.execute((row.record.0, facet, bytes, term.to_be_bytes(), &row.record_type, clock))?;
        add_to_digest(c, row.area, *facet, digest::change(before, term))?;
    }
    Ok(())
}

/// Seals a record's confirmed documents again, by what the schema says today.
pub(crate) fn seal_again(c: &Connection, row: &Row) -> Result<(), ClientError> {
    let sql = "UPDATE documents SET confirmed = seal_document(unseal_document(confirmed, record, facet), record, facet, ?2)
               WHERE record = ?1 AND confirmed IS NOT NULL";
    c.prepare_cached(sql)?.execute((row.record.0, &row.record_type))?;
    Ok(())
}

/// Removes a record's documents, and their terms from the area's digests.
pub(crate) fn remove(c: &Connection, row: &Row) -> Result<(), ClientError> {
    take_off_digests(c, row)?;
    c.prepare_cached("DELETE FROM documents WHERE record = ?1")?.execute([row.record.0])?;
    Ok(())
}

/// Removes the documents of a facet in an area; the records that had one.
pub(crate) fn remove_facet(c: &Connection, area: AreaNo, facet: u8) -> Result<Vec<RecordId>, ClientError> {
    c.execute("DELETE FROM digests WHERE area = ?1 AND facet = ?2", (area.0, facet))?;
    let sql =
        "DELETE FROM documents WHERE facet = ?2 AND record IN (SELECT record FROM records WHERE area = ?1)
               RETURNING record";
    let mut delete = c.prepare(sql)?;
    let records = delete.query_map((area.0, facet), |row| row.get(0).map(RecordId))?;
    Ok(records.collect::<Result<_, _>>()?)
}

/// Makes the confirmed documents of an area, or of all areas, overlays: the server sends them again. The digests begin anew.
pub(crate) fn unconfirm(c: &Connection, area: Option<AreaNo>) -> Result<(), ClientError> {
    let area = area.map(|area| area.0);
    c.execute("DELETE FROM digests WHERE ?1 IS NULL OR area = ?1", [area])?;
    c.execute(
        "UPDATE documents SET overlay = coalesce(overlay, confirmed), confirmed = NULL, term = zeroblob(16),
           overlay_clock = coalesce(overlay_clock, confirmed_clock), confirmed_clock = NULL
         WHERE ?1 IS NULL OR record IN (SELECT record FROM records WHERE area = ?1)",
        [area],
    )?;
    c.execute("UPDATE records SET held = 0 WHERE ?1 IS NULL OR area = ?1", [area])?;
    Ok(())
}

/// Takes a record's terms off its area's digests.
pub(crate) fn take_off_digests(c: &Connection, row: &Row) -> Result<(), ClientError> {
    let mut select = c.prepare_cached("SELECT facet, term FROM documents WHERE record = ?1")?;
    let terms = select
        .query_map([row.record.0], |r| Ok((r.get::<_, u8>(0)?, r.get::<_, [u8; 16]>(1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    for (facet, term) in terms {
        let term = u128::from_be_bytes(term);
        if term != 0 {
            add_to_digest(c, row.area, facet, digest::change(term, 0))?;
        }
    }
    c.prepare_cached("UPDATE documents SET term = zeroblob(16) WHERE record = ?1")?
        .execute([row.record.0])?;
    Ok(())
}

fn add_to_digest(c: &Connection, area: AreaNo, facet: u8, change: u128) -> Result<(), ClientError> {
    let now = digest::sum(read_digest(c, area, facet)?, change);
    let sql = "INSERT INTO digests VALUES (?1, ?2, ?3) ON CONFLICT (area, facet) DO UPDATE SET digest = ?3";
    c.prepare_cached(sql)?.execute((area.0, facet, now.to_be_bytes()))?;
    Ok(())
}

/// Reads the digest of what this phone has confirmed of an area.
pub(crate) fn read_digest(c: &Connection, area: AreaNo, facet: u8) -> Result<u128, ClientError> {
    let mut select = c.prepare_cached("SELECT digest FROM digests WHERE area = ?1 AND facet = ?2")?;
    let found = select.query_row((area.0, facet), |row| row.get::<_, [u8; 16]>(0)).optional()?;
    Ok(found.map_or(0, u128::from_be_bytes))
}

/// Packs the part of a document's clock that `includes` chooses.
pub(crate) fn pack_clock(
    out: &mut Vec<u8>,
    facet: u8,
    document: &Document,
    includes: impl Fn(FeedId) -> bool,
) {
    for (feed, n) in document.clock().into_iter().filter(|(feed, _)| includes(*feed)) {
        clock::push_item(out, (facet, feed, n));
    }
}

/// Packs a document's clock. It stands open beside a sealed document: an edit in the dark is made on it.
fn pack_whole_clock(facet: u8, document: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    pack_clock(&mut out, facet, document, |_| true);
    out
}
