//! The overlay: what a phone shows on top of what is confirmed. Its own entries that did not come back in an area's log
//! yet, derived on what they had been made on.

use gridledger_schema::ids::RecordId;
use gridledger_schema::set::SchemaSet;
use rusqlite::Connection;

use crate::engine::file::seal;
use crate::engine::records::documents::{Facets, documents, put_overlay};
use crate::engine::records::due;
use crate::engine::records::entries::{Open, open_entries};
use crate::engine::records::erased;
use crate::engine::records::rows::Row;
use crate::engine::records::seen::{derive, seen_of};
use crate::engine::records::shadows;
use crate::engine::records::views::put_view;
use crate::error::ClientError;

/// Rebuilds a record's overlay on `confirmed` and writes the record's view. Entries whose ground is gone (their record
/// was never created) leave nothing to show; the record then disappears from the lists.
pub(crate) fn rebuild(
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
    let erased = erased::erasures(&facets);
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
    due::note_due(c, schema, row, &facets)
}

/// Rebuilds a record on what is confirmed of it in the store, or later, if that cannot be read now.
pub(crate) fn rebuild_stored(
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
pub(crate) fn mark_stale(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    let sql = "UPDATE records SET stale = 1, pending = (SELECT count(*) FROM entries e WHERE e.record = ?1 AND e.state < 2)
               WHERE record = ?1";
    c.prepare_cached(sql)?.execute([record.0])?;
    Ok(())
}
