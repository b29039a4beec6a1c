//! A packed clock says how many changes each feed has made in each facet of a record. Phones and servers keep it,
//! and it travels after a restore.
//!
//! Each item has 25 bytes: one of facet, 16 of feed, 8 of count (big-endian).

use gridledger_schema::ids::FeedId;

use crate::wire::WireError;

/// The bytes of an item: facet, feed, count.
const ITEM_BYTES: usize = 25;
/// Facets are numbered below this.
const FACETS: u8 = 64;

/// An item of a clock: (facet, feed, number of the feed's changes in the facet).
pub type Item = (u8, FeedId, u64);

/// Appends an item to a packed clock.
pub fn push_item(packed: &mut Vec<u8>, (facet, feed, count): Item) {
    packed.push(facet);
    packed.extend(feed.0);
    packed.extend(count.to_be_bytes());
}

/// Packs a clock.
pub fn pack(clock: &[Item]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(clock.len() * ITEM_BYTES);
    for item in clock {
        push_item(&mut packed, *item);
    }
    packed
}

/// Lists the items of a packed clock from our own store. Bytes after the last whole item are skipped.
pub fn list_items(packed: &[u8]) -> impl Iterator<Item = Item> {
    packed.chunks_exact(ITEM_BYTES).map(read_item)
}

/// Unpacks a clock that came over the wire.
///
/// # Errors
///
/// [`WireError::Malformed`] for bytes that are no whole number of items, or for a facet that cannot be.
pub fn unpack(packed: &[u8]) -> Result<Vec<Item>, WireError> {
    let items: Vec<Item> = list_items(packed).collect();
    let is_whole = packed.len().is_multiple_of(ITEM_BYTES);
    if !is_whole || items.iter().any(|(facet, ..)| *facet >= FACETS) {
        return Err(WireError::Malformed("clock"));
    }
    Ok(items)
}

fn read_item(bytes: &[u8]) -> Item {
    let feed = bytes[1..17].try_into().expect("BUG: an item has 25 bytes");
    let count = bytes[17..].try_into().expect("BUG: an item has 25 bytes");
    (bytes[0], FeedId(feed), u64::from_be_bytes(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_reads_back_and_a_broken_one_is_refused() {
        let clock = [(0, FeedId([1; 16]), 7), (63, FeedId([2; 16]), u64::MAX)];
        let packed = pack(&clock);
        assert_eq!((packed.len(), packed[24]), (50, 7));
        assert_eq!(unpack(&packed), Ok(clock.to_vec()));
        assert_eq!(list_items(&packed[..49]).collect::<Vec<_>>(), clock[..1]);
        assert_eq!(unpack(&packed[..49]), Err(WireError::Malformed("clock")));
        assert_eq!(unpack(&pack(&[(64, FeedId([1; 16]), 1)])), Err(WireError::Malformed("clock")));
    }
}
