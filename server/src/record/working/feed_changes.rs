//! A record's feed changes by facet and feed, to find what an author had seen without going through all of them.

use std::collections::BTreeMap;

use gridledger_core::derive::Seen;
use gridledger_schema::ids::FeedId;

use super::Own;
use crate::store::rows::records::RecordLine;

/// The changes above a position. Within a feed, positions and numbers grow together.
#[derive(Default)]
pub(crate) struct FeedChanges {
    pub(crate) above: u64,
    /// Position and number of each change, by facet and feed.
    by_facet: BTreeMap<u8, BTreeMap<FeedId, Vec<(u64, u64)>>>,
}

impl FeedChanges {
    pub(crate) fn new<'a>(above: u64, changes: impl Iterator<Item = &'a RecordLine>) -> Self {
        let mut all = Self { above, by_facet: BTreeMap::new() };
        changes.filter(|change| change.seq > above).for_each(|change| all.add(change));
        all
    }

    pub(crate) fn add(&mut self, change: &RecordLine) {
        for facet in (0..64u8).filter(|facet| change.facets & (1 << facet) != 0) {
            let feed = self.by_facet.entry(facet).or_default().entry(change.feed).or_default();
            feed.push((change.seq, change.n));
        }
    }

    /// Counts what an author had seen of the changes above a position: those up to the cursor, and the author's own.
    /// `before` is what the base of the record's generation holds.
    pub(crate) fn count_seen(
        &self,
        before: BTreeMap<FeedId, u64>,
        own: &Own<'_>,
        (above, cursor): (u64, u64),
        facet: u8,
    ) -> Seen {
        let (mut clock, mut all) = (before, true);
        for (feed, changes) in self.by_facet.get(&facet).into_iter().flatten() {
            let skipped = changes.partition_point(|(seq, _)| *seq <= above);
            let by_cursor = changes.partition_point(|(seq, _)| *seq <= cursor);
            let seen = own.count_written(*feed, changes).max(by_cursor).max(skipped);
            if seen > skipped {
                *clock.entry(*feed).or_insert(0) += (seen - skipped) as u64;
            }
            all &= seen == changes.len();
        }
        if all { Seen::All } else { Seen::Clock(clock.into_iter().collect()) }
    }
}

impl Own<'_> {
    /// Counts the author's own changes among those of a feed.
    fn count_written(&self, feed: FeedId, changes: &[(u64, u64)]) -> usize {
        if feed == self.feed {
            return changes.len();
        }
        let mut before = self.before.iter();
        let last = before.find(|(earlier, _)| *earlier == feed).map_or(0, |(_, last)| *last);
        changes.partition_point(|(_, n)| *n <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEEDS: [FeedId; 3] = [FeedId([1; 16]), FeedId([2; 16]), FeedId([3; 16])];

    /// Counts the same change by change.
    fn count_one_by_one(
        changes: &[RecordLine],
        own: &Own<'_>,
        (above, cursor): (u64, u64),
        facet: u8,
    ) -> Seen {
        let (mut clock, mut all) = (BTreeMap::new(), true);
        let touching = changes.iter().filter(|change| change.facets & (1 << facet) != 0);
        for change in touching.filter(|change| change.seq > above) {
            let before = own.before.iter().any(|(feed, last)| *feed == change.feed && change.n <= *last);
            if change.seq <= cursor || change.feed == own.feed || before {
                *clock.entry(change.feed).or_insert(0) += 1;
            } else {
                all = false;
            }
        }
        if all { Seen::All } else { Seen::Clock(clock.into_iter().collect()) }
    }

    #[test]
    fn counting_by_feed_equals_counting_change_by_change() {
        let (mut changes, mut numbers) = (Vec::new(), [0_u64; 3]);
        for seq in 1..60_u64 {
            let feed = (seq * seq % 7 % 3) as usize;
            numbers[feed] += 1 + seq % 2;
            changes.push(RecordLine { seq, feed: FEEDS[feed], n: numbers[feed], facets: 1 + seq % 3 });
        }
        let all = FeedChanges::new(0, changes.iter());
        for (above, cursor, last) in (0..60).flat_map(|at| [(0, at, 3), (at / 2, at, at), (at, 0, 9)]) {
            let before = [(FEEDS[1], last)];
            let own = Own { feed: FEEDS[0], before: &before };
            for facet in 0..3 {
                let counted = all.count_seen(BTreeMap::new(), &own, (above, cursor), facet);
                assert_eq!(counted, count_one_by_one(&changes, &own, (above, cursor), facet));
            }
        }
    }
}
