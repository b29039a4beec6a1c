//! What an entry was made on, and the entry derived on it.

use gridledger_core::clock;
use gridledger_core::derive::{Authored, Seen};
use gridledger_core::document::Document;
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{FeedId, RecordId};
use rusqlite::Connection;

use crate::engine::records::documents::{Facets, pack_clock};
use crate::error::ClientError;

/// What an edit was made on: of each facet it touches, how far the feeds that `of` names had come (an edit's
/// own part follows from the entries before it).
pub(crate) fn pack_seen(facets: &Facets, entry: &Entry, of: impl Fn(FeedId) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (facet, document) in facets.iter().filter(|(f, _)| entry.facets() & (1 << **f) != 0) {
        pack_clock(&mut out, *facet, document.clock(), &of);
    }
    out
}

/// The same for an edit of documents that cannot be read now, from the clocks that stand open beside them.
pub(crate) fn pack_unread(
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

/// What an undecided entry is derived on, now: what its author had seen of others, and the author's own that stand.
pub(crate) fn seen_of(packed: &[u8], facet: u8, document: &Document, own: FeedId) -> Seen {
    let there = document.clock();
    let mut clock: Vec<(FeedId, u64)> = clock::list_items(packed)
        .filter(|(of, ..)| *of == facet)
        .map(|(_, feed, n)| (feed, n))
        // Genesis changes are named too; the one that is not here is made again when it is needed.
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
