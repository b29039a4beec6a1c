//! Documents of records, confirmed and with the overlay, and the digests of what is confirmed.

use std::collections::BTreeMap;

use gridledger_core::document::Document;
use gridledger_core::{clock, digest};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use rusqlite::{Connection, OptionalExtension as _};

use crate::engine::records::rows::Row;
use crate::error::ClientError;

/// Documents of a record, by facet.
pub(crate) type Facets = BTreeMap<u8, Document>;

/// The documents as confirmed, or with the overlay.
pub(crate) fn documents(c: &Connection, record: RecordId, with_overlay: bool) -> Result<Facets, ClientError> {
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

pub(crate) fn pack_clock(
    out: &mut Vec<u8>,
    facet: u8,
    clock: Vec<(FeedId, u64)>,
    of: impl Fn(FeedId) -> bool,
) {
    for (feed, n) in clock.into_iter().filter(|(feed, _)| of(*feed)) {
        clock::push_item(out, (facet, feed, n));
    }
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
             VALUES (?1, ?2, seal(?3, ?1, ?2, ?5), ?6, ?4)
             ON CONFLICT (record, facet) DO UPDATE SET confirmed = excluded.confirmed, confirmed_clock = ?6, term = ?4",
        )?;
        let clock = clock_of(*facet, document);
        let bytes = document.save();
        upsert.execute((row.record.0, facet, bytes, term.to_be_bytes(), &row.record_type, clock))?;
        add_digest(c, row.area, *facet, digest::change(before, term))?;
    }
    Ok(())
}

/// Takes a record's documents away, and what they add to the area's digests.
pub(crate) fn forget_confirmed(c: &Connection, row: &Row) -> Result<(), ClientError> {
    uncount(c, row)?;
    c.prepare_cached("DELETE FROM documents WHERE record = ?1")?.execute([row.record.0])?;
    Ok(())
}

/// Takes what a record's confirmed documents add to its area's digests off again.
pub(crate) fn uncount(c: &Connection, row: &Row) -> Result<(), ClientError> {
    let mut select = c.prepare_cached("SELECT facet, term FROM documents WHERE record = ?1")?;
    let terms = select
        .query_map([row.record.0], |r| Ok((r.get::<_, u8>(0)?, r.get::<_, [u8; 16]>(1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    for (facet, term) in terms {
        add_digest(c, row.area, facet, digest::change(u128::from_be_bytes(term), 0))?;
    }
    c.prepare_cached("UPDATE documents SET term = zeroblob(16) WHERE record = ?1")?
        .execute([row.record.0])?;
    Ok(())
}

fn add_digest(c: &Connection, area: AreaNo, facet: u8, change: u128) -> Result<(), ClientError> {
    let now = digest::sum(digest_of(c, area, facet)?, change);
    let sql = "INSERT INTO digests VALUES (?1, ?2, ?3) ON CONFLICT (area, facet) DO UPDATE SET digest = ?3";
    c.prepare_cached(sql)?.execute((area.0, facet, now.to_be_bytes()))?;
    Ok(())
}

/// The digest of what this phone has confirmed of an area.
pub(crate) fn digest_of(c: &Connection, area: AreaNo, facet: u8) -> Result<u128, ClientError> {
    let mut select = c.prepare_cached("SELECT digest FROM digests WHERE area = ?1 AND facet = ?2")?;
    let found = select.query_row((area.0, facet), |row| row.get::<_, [u8; 16]>(0)).optional()?;
    Ok(found.map_or(0, u128::from_be_bytes))
}
