//! A record's lines, by facet and feed: what an author had seen of them is found without going through all.

use std::collections::BTreeMap;

use gridledger_core::derive::Seen;
use gridledger_schema::ids::FeedId;

use super::Own;
use crate::store::rows::records::RecordLine;

/// The lines above a position. Of one feed, positions and numbers grow together.
#[derive(Default)]
pub(crate) struct Lines {
    pub(crate) above: u64,
    /// Of each facet and feed: position and number.
    of: BTreeMap<u8, BTreeMap<FeedId, Vec<(u64, u64)>>>,
}

impl Lines {
    pub(crate) fn new<'a>(above: u64, lines: impl Iterator<Item = &'a RecordLine>) -> Self {
        let mut all = Self { above, of: BTreeMap::new() };
        lines.filter(|line| line.seq > above).for_each(|line| all.add(line));
        all
    }

    pub(crate) fn add(&mut self, line: &RecordLine) {
        for facet in (0..64u8).filter(|facet| line.facets & (1 << facet) != 0) {
            let feed = self.of.entry(facet).or_default().entry(line.feed).or_default();
            feed.push((line.seq, line.n));
        }
    }

    /// What someone had seen of the lines above a position, of a generation whose base is made of `before`: lines up to the
    /// cursor, and the own ones.
    pub(crate) fn seen(
        &self,
        before: BTreeMap<FeedId, u64>,
        own: &Own<'_>,
        (above, cursor): (u64, u64),
        facet: u8,
    ) -> Seen {
        let (mut clock, mut all) = (before, true);
        for (feed, lines) in self.of.get(&facet).into_iter().flatten() {
            let skipped = lines.partition_point(|(seq, _)| *seq <= above);
            let by_cursor = lines.partition_point(|(seq, _)| *seq <= cursor);
            let seen = own.wrote(*feed, lines).max(by_cursor).max(skipped);
            if seen > skipped {
                *clock.entry(*feed).or_insert(0) += (seen - skipped) as u64;
            }
            all &= seen == lines.len();
        }
        if all { Seen::All } else { Seen::Clock(clock.into_iter().collect()) }
    }
}

impl Own<'_> {
    /// How many of a feed's lines the author wrote.
    fn wrote(&self, feed: FeedId, lines: &[(u64, u64)]) -> usize {
        if feed == self.feed {
            return lines.len();
        }
        let mut before = self.before.iter();
        let last = before.find(|(of, _)| *of == feed).map_or(0, |(_, last)| *last);
        lines.partition_point(|(_, n)| *n <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEEDS: [FeedId; 3] = [FeedId([1; 16]), FeedId([2; 16]), FeedId([3; 16])];

    /// Line by line.
    fn one_by_one(lines: &[RecordLine], own: &Own<'_>, (above, cursor): (u64, u64), facet: u8) -> Seen {
        let (mut clock, mut all) = (BTreeMap::new(), true);
        let touching = lines.iter().filter(|line| line.facets & (1 << facet) != 0);
        for line in touching.filter(|line| line.seq > above) {
            let before = own.before.iter().any(|(feed, last)| *feed == line.feed && line.n <= *last);
            if line.seq <= cursor || line.feed == own.feed || before {
                *clock.entry(line.feed).or_insert(0) += 1;
            } else {
                all = false;
            }
        }
        if all { Seen::All } else { Seen::Clock(clock.into_iter().collect()) }
    }

    #[test]
    fn counted_by_feed_it_is_as_counted_line_by_line() {
        let (mut lines, mut numbers) = (Vec::new(), [0_u64; 3]);
        for seq in 1..60_u64 {
            let feed = (seq * seq % 7 % 3) as usize;
            numbers[feed] += 1 + seq % 2;
            lines.push(RecordLine { seq, feed: FEEDS[feed], n: numbers[feed], facets: 1 + seq % 3 });
        }
        let all = Lines::new(0, lines.iter());
        for (above, cursor, last) in (0..60).flat_map(|at| [(0, at, 3), (at / 2, at, at), (at, 0, 9)]) {
            let before = [(FEEDS[1], last)];
            let own = Own { feed: FEEDS[0], before: &before };
            for facet in 0..3 {
                let counted = all.seen(BTreeMap::new(), &own, (above, cursor), facet);
                assert_eq!(counted, one_by_one(&lines, &own, (above, cursor), facet));
            }
        }
    }
}
