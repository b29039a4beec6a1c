//! Own entries that documents hold already.

use std::collections::{BTreeMap, BTreeSet};

use gridledger_schema::ids::{FeedId, RecordId};
use rusqlite::Connection;

use crate::engine::records::documents::Facets;
use crate::engine::records::entries::{self, OpenEntry};
use crate::error::ClientError;
use crate::model::EntryId;

/// An own entry's change in one facet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HeldChange {
    pub(crate) id: EntryId,
    pub(crate) facet: u8,
}

/// Finds the changes of a record's own entries that documents hold. A document holds the first entries of a feed, as many
/// as it has changes of that feed.
pub(crate) fn find(
    c: &Connection,
    record: RecordId,
    documents: &Facets,
) -> Result<BTreeSet<HeldChange>, ClientError> {
    let mut left: BTreeMap<(u8, FeedId), u64> = BTreeMap::new();
    for (facet, document) in documents {
        let clock = document.clock().into_iter();
        left.extend(clock.map(|(feed, changes)| ((*facet, feed), changes)));
    }
    let mut held = BTreeSet::new();
    for entry in entries::read_standing(c, record)? {
        for facet in (0..64u8).filter(|facet| entry.facets & (1 << facet) != 0) {
            if let Some(changes @ 1..) = left.get_mut(&(facet, entry.id.feed)) {
                *changes -= 1;
                held.insert(HeldChange { id: entry.id, facet });
            }
        }
    }
    Ok(held)
}

/// Removes from open entries the intents that `shown` holds already.
pub(crate) fn remove_held(
    c: &Connection,
    record: RecordId,
    shown: &Facets,
    open: &mut [OpenEntry],
) -> Result<(), ClientError> {
    let held = find(c, record, shown)?;
    for OpenEntry { entry, feed, .. } in open {
        let id = EntryId { feed: *feed, n: entry.n };
        entry.intents.retain(|intent| !held.contains(&HeldChange { id, facet: intent.facet }));
    }
    Ok(())
}

/// Marks the own entries that a snapshot brought back as in the ledger.
pub(crate) fn mark_in_ledger(
    c: &Connection,
    record: RecordId,
    confirmed: &Facets,
) -> Result<(), ClientError> {
    let held: BTreeSet<EntryId> = find(c, record, confirmed)?.into_iter().map(|change| change.id).collect();
    held.into_iter().try_for_each(|id| entries::mark_in_ledger(c, id))
}
