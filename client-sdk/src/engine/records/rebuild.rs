//! Records shown anew: the overlay is derived again on top of the confirmed documents, and the view is written.

use gridledger_schema::ids::RecordId;
use gridledger_schema::set::SchemaSet;
use rusqlite::Connection;

use crate::engine::file::seal;
use crate::engine::records::documents::{self, Facets};
use crate::engine::records::entries::{self, COUNT_OPEN, OpenEntry};
use crate::engine::records::remove::{Reach, remove_record};
use crate::engine::records::rows::{self, Row};
use crate::engine::records::seen::{derive, unpack_seen};
use crate::engine::records::{due, erased, held, shadows, views};
use crate::error::ClientError;

/// Rebuilds a record's overlay on `confirmed` and writes the record's view. `author` is this phone's user.
///
/// A record of which nothing is left to show is removed, as when its creation was refused.
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
    let mut open = entries::read_open(c, row.record)?;
    let pending = open.len();
    let mut facets = confirmed;
    // An entry about erased content is not shown: its refusal is on its way.
    let erased = erased::list_erasures(&facets);
    let shadow = shadows::settle(c, schema, row, &facets)?;
    let from_shadow = shadow.is_some();
    if let Some(shadow) = shadow {
        held::remove_held(c, row.record, &shadow, &mut open)?;
        facets = shadow;
    }
    for OpenEntry { entry, feed, seen } in &open {
        if erased.iter().any(|erasure| erasure.beats(*feed, entry)) {
            continue;
        }
        derive(&mut facets, *feed, author, entry, |facet, document| {
            unpack_seen(seen, facet, document, *feed)
        })?;
    }
    if facets.is_empty() {
        return remove_record(c, row.record, Reach::Within);
    }
    if open.is_empty() && !from_shadow {
        documents::clear_overlay(c, row.record)?;
    } else {
        documents::put_overlay(c, row, &facets)?;
    }
    let view = views::project(schema, &row.record_type, &facets);
    views::write(c, schema, row, &view, pending)?;
    due::note(c, schema, row, &facets)
}

/// Rebuilds a record on the confirmed documents in the file. A record that cannot be read now is rebuilt later.
pub(crate) fn rebuild_stored(
    c: &Connection,
    schema: &SchemaSet,
    row: &Row,
    author: &str,
) -> Result<(), ClientError> {
    if seal::is_blind(c, &row.record_type)? {
        return mark_stale(c, row.record);
    }
    rebuild(c, schema, row, documents::read_confirmed(c, row.record)?, author)
}

/// Rebuilds those of some records that are here.
pub(crate) fn rebuild_each(
    c: &Connection,
    schema: &SchemaSet,
    records: impl IntoIterator<Item = RecordId>,
    author: &str,
) -> Result<(), ClientError> {
    for record in records {
        if let Some(row) = rows::find(c, record)? {
            rebuild_stored(c, schema, &row, author)?;
        }
    }
    Ok(())
}

/// Marks a record to be rebuilt when it can be read. Its open entries are counted at once.
pub(crate) fn mark_stale(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    let sql = format!("UPDATE records SET stale = 1, pending = {COUNT_OPEN} WHERE record = ?1");
    c.prepare_cached(&sql)?.execute([record.0])?;
    Ok(())
}

/// Marks every record to be rebuilt.
pub(crate) fn mark_all_stale(c: &Connection) -> Result<(), ClientError> {
    c.execute("UPDATE records SET stale = 1", [])?;
    Ok(())
}

/// Lists the records to be rebuilt.
pub(crate) fn list_stale(c: &Connection) -> Result<Vec<Row>, ClientError> {
    let mut select = c.prepare_cached("SELECT record FROM records WHERE stale = 1")?;
    let records = select.query_map([], |row| row.get(0).map(RecordId))?.collect::<Result<Vec<_>, _>>()?;
    let found = records.into_iter().map(|record| rows::find(c, record));
    Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}
