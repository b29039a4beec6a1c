//! The daily quota of a device. Nothing is lost: entries beyond the quota stay on the phone until tomorrow, and the
//! content of refused entries beyond their quota stays on the phone alone.

use std::collections::hash_map::Entry as Slot;

use gridledger_core::calendar::DAY_MS;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::limits;

use super::Plan;
use crate::store::StoreError;
use crate::store::rows::records::{CheckedSegment, SignedEntry, Spent};

impl Plan<'_> {
    /// Counts an entry that is to be decided. Returns a refusal for today if its device has used up its quota.
    pub(super) fn count_entry(
        &mut self,
        segment: &CheckedSegment,
        signed: &SignedEntry,
    ) -> Result<Option<Refusal>, StoreError> {
        // Entries that the server writes itself, or that it lost, do not count against the device.
        if segment.feed.device.is_none() || segment.was_stored(signed.entry.n) {
            return Ok(None);
        }
        let bytes = signed.body.len() as u64;
        let before = self.spent_before(segment)?;
        let here = self.spent.entry(segment.feed.feed).or_default();
        let (entries, all) = (before.entries + here.entries + 1, before.bytes + here.bytes + bytes);
        if entries > limits::DEVICE_DAY_ENTRIES || all > limits::DEVICE_DAY_BYTES {
            let rule = "this device has sent as much as it may in a day";
            return Ok(Some(Refusal::new(Code::RateLimited, rule)));
        }
        here.entries += 1;
        here.bytes += bytes;
        Ok(None)
    }

    /// Whether the content of an entry that is in no log is kept as well.
    pub(super) fn keeps_words(
        &mut self,
        segment: &CheckedSegment,
        signed: &SignedEntry,
    ) -> Result<bool, StoreError> {
        let bytes = signed.body.len() as u64;
        let before = self.spent_before(segment)?;
        let here = self.spent.entry(segment.feed.feed).or_default();
        let keeps = before.refused + here.refused + bytes <= limits::REFUSED_DAY_BYTES;
        if keeps {
            here.refused += bytes;
        }
        Ok(keeps)
    }

    /// The amounts that the device had brought on this day before this push.
    fn spent_before(&mut self, segment: &CheckedSegment) -> Result<Spent, StoreError> {
        let day = self.day();
        match self.spent_before.entry(segment.feed.device) {
            Slot::Occupied(slot) => Ok(*slot.get()),
            Slot::Vacant(slot) => Ok(*slot.insert(self.source.spent(&segment.feed, day)?)),
        }
    }

    /// The number of the day since 1970.
    fn day(&self) -> i64 {
        self.now.div_euclid(DAY_MS)
    }

    /// Hands the counts of this push to the writes.
    pub(super) fn count_spent(&mut self) {
        let day = self.day();
        let spent = std::mem::take(&mut self.spent).into_iter();
        let counted = spent.filter(|(_, spent)| *spent != Spent::default());
        self.writes.spent = counted.map(|(feed, spent)| (feed, day, spent)).collect();
    }
}
