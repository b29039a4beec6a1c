//! The clocks that an entry's author had seen, packed, and entries derived on them.

use gridledger_core::clock;
use gridledger_core::derive::{Authored, Seen};
use gridledger_core::document::Document;
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{FeedId, RecordId};
use rusqlite::Connection;

use crate::engine::records::documents::{Facets, pack_clock};
use crate::error::ClientError;

/// Packs what an edit was made on: for each facet it touches, how far the feeds had come that `includes` chooses. An edit's
/// own feed is left out usually; its part follows from the entries before it.
pub(crate) fn pack_seen(facets: &Facets, entry: &Entry, includes: impl Fn(FeedId) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (facet, document) in facets.iter().filter(|(f, _)| entry.facets() & (1 << **f) != 0) {
        pack_clock(&mut out, *facet, document, &includes);
    }
    out
}

/// Packs the same for documents that cannot be read now, from the clocks that stand open beside them.
pub(crate) fn pack_seen_unread(
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
        let packed: Vec<u8> = row.get::<_, Option<_>>(1)?.unwrap_or_default();
        if entry.facets() & (1 << facet) != 0 {
            for item in clock::list_items(&packed).filter(|(_, feed, _)| *feed != own) {
                clock::push_item(&mut out, item);
            }
        }
    }
    Ok(out)
}

/// Unpacks what an undecided entry is derived on now: the author's view of others, and those own entries that stand.
pub(crate) fn unpack_seen(packed: &[u8], facet: u8, document: &Document, own: FeedId) -> Seen {
    let there = document.clock();
    let mut clock: Vec<(FeedId, u64)> = clock::list_items(packed)
        .filter(|(of, ..)| *of == facet)
        .map(|(_, feed, n)| (feed, n))
        // A clock names genesis changes, too. One that is not here is made again when it is needed.
        .filter(|(feed, n)| there.iter().any(|(f, m)| f == feed && m >= n))
        .collect();
    clock.extend(there.iter().filter(|(feed, _)| *feed == own));
    clock.sort_unstable();
    if clock == there { Seen::All } else { Seen::Clock(clock) }
}

/// Derives one entry on every facet it touches.
pub(crate) fn derive(
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
