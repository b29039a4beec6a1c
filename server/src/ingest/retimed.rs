//! Entries that were decided under other times. A phone that comes back from its own backup corrects its clock once more: what it
//! sends then differs from what was decided in the times alone.

use gridledger_core::canonical;
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::FeedId;

use super::{Plan, comes_again};
use crate::faults;
use crate::store::StoreError;
use crate::store::rows::records::{CheckedSegment, SegmentVerdict};

impl Plan<'_> {
    /// Gives entries from number `first` on the verdicts of those decided up to `held`, as far as they differ in their times alone, and
    /// tells those times. Whether there were any.
    pub(super) fn repeat_retimed(
        &mut self,
        segment: &CheckedSegment,
        (first, held): (u64, u64),
        verdict: &mut SegmentVerdict,
    ) -> Result<bool, StoreError> {
        // If a receipt proves that this entry was stored under its own time, another one has its place here: that
        // is evidence.
        let is_evidence = segment.was_stored(first);
        if !segment.heard.corrects || is_evidence || faults::is_planted("retimed") {
            return Ok(false);
        }
        let feed = segment.feed.feed;
        let offered = segment.entries.iter().filter(|signed| signed.entry.n >= first);
        for signed in offered.take_while(|signed| signed.entry.n <= held) {
            let n = signed.entry.n;
            self.meter.entry(signed);
            let Some(at) = self.time_of_same(feed, &signed.entry)? else {
                break;
            };
            let Some((hash, refusal)) = self.source.decided(feed, n)? else {
                break;
            };
            verdict.times.push(at);
            verdict.refused.extend(refusal.map(|refusal| (n, refusal)));
            (verdict.n, verdict.hash) = (n, hash);
        }
        let is_all = segment.entries.last().is_some_and(|last| last.entry.n == verdict.n);
        if !verdict.times.is_empty() && !is_all {
            // The author's chain is another from here on: what follows comes again on the one that is here.
            verdict.stopped = Some(comes_again());
        }
        Ok(!verdict.times.is_empty())
    }

    /// The time of the decided entry with this number, if that says what this one says.
    fn time_of_same(&mut self, feed: FeedId, entry: &Entry) -> Result<Option<i64>, StoreError> {
        let Some(body) = self.source.body(feed, entry.n)? else {
            return Ok(None);
        };
        // An entry without its content cannot be compared.
        let Ok(known) = canonical::decode(&body) else {
            return Ok(None);
        };
        let at = known.at;
        let same = Entry { at: entry.at, ..known };
        Ok((same == *entry).then_some(at))
    }
}
