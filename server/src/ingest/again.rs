//! Entries from before a restore: what a receipt proves keeps its verdict, what is new may have to wait, and nothing that
//! was made on others' work is put before it while that may still come.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::wire::RecoveryPhase;

use super::{Plan, Stop, refuse};
use crate::store::StoreError;
use crate::store::rows::records::{CheckedSegment, SignedEntry};

/// The refusal that stops a segment whose entries wait for the recovery.
pub(super) fn waits() -> Refusal {
    Refusal::new(Code::Recovering, "its turn comes when others have offered what they hold")
}

impl Plan<'_> {
    /// Gives an entry the verdict that a receipt proves, or makes it wait until its turn comes.
    pub(super) fn repeat_proven_verdict(
        &mut self,
        segment: &CheckedSegment,
        entry: &Entry,
    ) -> Result<(), Stop> {
        let Some(again) = &segment.again else {
            return Ok(());
        };
        let emptied = again.emptied.contains(&entry.n);
        self.forget |= emptied;
        if let Some(refusal) = again.refused.get(&entry.n) {
            return Err(refusal.clone().into());
        }
        if emptied {
            return Err(refuse(Code::Erased, "what it said was erased"));
        }
        if again.phase == RecoveryPhase::Gathering && !segment.was_stored(entry.n) {
            return Err(Stop::Waits);
        }
        if again.phase != RecoveryPhase::Over && self.lacks_ground(segment, entry)? {
            return Err(Stop::Waits);
        }
        Ok(())
    }

    /// Whether an entry from before the restore builds on something that is not here.
    fn lacks_ground(&mut self, segment: &CheckedSegment, entry: &Entry) -> Result<bool, Stop> {
        let (feed, Target::Edit { record }) = (segment.feed.feed, &entry.target) else {
            return Ok(false);
        };
        let Some(clock) = segment.saw(entry.n) else {
            return Ok(false);
        };
        match self.take_record(feed, entry) {
            Ok(mut working) => {
                let record_type = self.schema.record_type(&working.row.record_type);
                let lacks = !working.row.erased && working.lacks(record_type, clock)?;
                self.records.insert(*record, working);
                Ok(lacks)
            }
            // A record that its own author's refused entry would have created does not come.
            Err(Stop::Refused(_)) => Ok(!is_own(*record, feed, entry.n)),
            Err(stop) => Err(stop),
        }
    }

    /// Keeps an entry that was stored once, where another took its place after the restore: its author appends it to
    /// another feed, and what was signed here stays as evidence.
    pub(super) fn keep_displaced(
        &mut self,
        segment: &CheckedSegment,
        signed: &SignedEntry,
    ) -> Result<(), StoreError> {
        if segment.was_stored(signed.entry.n) {
            let (feed, n) = (segment.feed.feed, signed.entry.n);
            tracing::warn!(%feed, n, "another entry has the place of one that was stored before the restore");
            if self.keeps_words(segment, signed)? {
                self.writes.displaced.push((feed, signed.clone()));
            }
        }
        Ok(())
    }
}

/// Whether one of a feed's entries before `n` would have created a record.
fn is_own(record: RecordId, feed: FeedId, n: u64) -> bool {
    (1..n).any(|n| RecordId::created_by(feed, n) == record)
}
