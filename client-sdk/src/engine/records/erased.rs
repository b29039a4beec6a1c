//! Erased content, which goes from the phone's own entries, too.
//!
//! The server decides when a generation of a record ends. The phone learns it with the record's next news, a snapshot that
//! says what was erased.

use gridledger_core::document::Document;
use gridledger_core::epoch::Erasure;
use gridledger_schema::ids::{FeedId, RecordId};
use rusqlite::Connection;

use crate::engine::file::settings::SCRUB;
use crate::engine::records::documents::Facets;
use crate::engine::records::entries;
use crate::error::ClientError;
use crate::model::EntryId;

/// Lists a record's erasures, as its confirmed documents say.
pub(crate) fn list_erasures(confirmed: &Facets) -> Vec<Erasure> {
    let bases = confirmed.values().filter_map(Document::base);
    bases.flat_map(|base| base.erased).collect()
}

/// Empties a record's own decided entries that hold what was erased.
pub(crate) fn empty_erased(c: &Connection, record: RecordId, confirmed: &Facets) -> Result<(), ClientError> {
    let erased = list_erasures(confirmed);
    if erased.is_empty() {
        return Ok(());
    }
    for (feed, entry) in entries::read_decided(c, record)? {
        if erased.iter().any(|erasure| erasure.beats(feed, &entry)) {
            entries::empty(c, feed, entry)?;
        }
    }
    SCRUB.set(c, &true)
}

/// Empties all own decided entries about a record that was erased.
pub(crate) fn empty_own_entries(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    entries::mark_sent_in_ledger(c, "record = ?1", record.0)?;
    for (feed, entry) in entries::read_decided(c, record)? {
        entries::empty(c, feed, entry)?;
    }
    Ok(())
}

/// Empties an entry whose verdict says that it is about erased content.
pub(crate) fn empty_refused(c: &Connection, feed: FeedId, n: u64) -> Result<(), ClientError> {
    match entries::find(c, EntryId { feed, n })? {
        Some(entry) => entries::empty(c, feed, entry),
        None => Ok(()),
    }
}
