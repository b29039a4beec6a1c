//! Generations that begin while a push is decided: consent was withdrawn, a history grew long, rules grew old. An
//! earlier erasure beats an author who did not know of it.

use gridledger_core::document::RULES_VERSION;
use gridledger_core::epoch::Erasure;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Op};
use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::set::{CONSENTS, RecordType};

use super::{Plan, Stop, refuse};
use crate::record::wiping::{Reason, wiped};
use crate::record::working::Working;
use crate::store::StoreError;
use crate::store::rows::records::{ErasureRow, EventKind, EventRow};

/// The factor on the limit of operations for a record whose author was interrupted.
const HALTED_TIMES: u64 = 4;

impl Plan<'_> {
    /// Refuses what an erasure beats, and forgets its bytes: they hold what had to go.
    pub(super) fn refuse_erased(
        &mut self,
        working: &Working,
        feed: FeedId,
        entry: &Entry,
    ) -> Result<(), Stop> {
        if working.row.erased {
            self.forget = true;
            return Err(refuse(Code::Erased, "the record was erased"));
        }
        let erasures = working.erasures();
        let Some(erasure) = erasures.iter().find(|erasure| erasure.beats(feed, entry)) else {
            return Ok(());
        };
        self.forget = true;
        let rule = "the field was erased, and its author did not know";
        Err(Refusal::of_field(Code::Erased, &erasure.field, rule).into())
    }

    /// A record whose generation was derived under other rules begins the next: no entry is derived under rules that
    /// are not its generation's.
    pub(super) fn renew_old_rules(&mut self, working: &mut Working) -> Result<(), Stop> {
        if working.row.entries == 0 || working.row.rules == RULES_VERSION {
            return Ok(());
        }
        let begun = self.begin(working, &[])?;
        begun.ok_or_else(|| refuse(Code::DeriveFailed, "the record cannot go on under these rules"))?;
        Ok(())
    }

    /// An entry that withdraws consent has what depended on it erased, at once and with it.
    pub(super) fn erase_withdrawn(
        &mut self,
        working: &mut Working,
        record_type: &RecordType,
        feed: FeedId,
        entry: &Entry,
    ) -> Result<(), Stop> {
        let removes = |intent: &gridledger_schema::entry::Intent| match &intent.op {
            Op::Remove { item } if intent.field == CONSENTS => Some(item.clone()),
            _ => None,
        };
        let mut purposes: Vec<String> = entry.intents.iter().filter_map(removes).collect();
        if !purposes.is_empty() {
            let withdrawn = &working.view(record_type)?.withdrawn;
            purposes.retain(|purpose| withdrawn.contains(purpose));
        }
        let needs = record_type.fields.values().filter(|field| {
            let consent = field.privacy.consent.as_ref();
            consent.is_some_and(|purpose| purposes.contains(purpose))
        });
        let erased: Vec<Erasure> = needs
            .map(|field| Erasure {
                field: field.name.clone(),
                told: working.row.last + 1,
                until: i64::MAX,
                by: Some((feed, entry.n)),
            })
            .collect();
        if erased.is_empty() {
            return Ok(());
        }
        let Some(seq) = self.begin(working, &erased)? else {
            return Ok(());
        };
        self.forget = erased.iter().any(|erasure| erasure.covers(entry));
        self.wipe(working.row.record, &erased)?;
        self.writes.erasures.push(ErasureRow {
            record: working.row.record,
            area: working.row.area,
            seq,
            fields: erased.into_iter().map(|erasure| erasure.field).collect(),
            reason: Reason::Consent.as_str().to_owned(),
            by: working.row.changed_by.clone(),
            asked_at: entry.at,
            done_at: self.now,
            entry: None,
        });
        Ok(())
    }

    /// A record whose generation has grown long begins the next; one a push, so that no push is held up by many.
    pub(super) fn compact(&mut self) -> Result<(), StoreError> {
        for working in self.records.values_mut() {
            working.settle()?;
        }
        // An interrupted author goes on writing on this generation in the next request.
        let operations = limits::EPOCH_OPERATIONS * if self.halted { HALTED_TIMES } else { 1 };
        let mut records = self.records.iter();
        let long = records.find(|(_, working)| is_long(working, operations));
        let Some(record) = long.map(|(record, _)| *record) else {
            return Ok(());
        };
        if let Some(mut working) = self.records.remove(&record) {
            // A record that cannot begin a new generation goes on in the old one, which has room left.
            let _ = self.begin(&mut working, &[]);
            self.records.insert(record, working);
        }
        Ok(())
    }

    /// Begins a record's next generation at the next position of its area's log; `None` if that cannot be made.
    fn begin(&mut self, working: &mut Working, erased: &[Erasure]) -> Result<Option<u64>, Stop> {
        working.settle()?;
        let area = working.row.area;
        let seq = self.area(area)? + 1;
        let record_type = self.schema.record_type(&working.row.record_type);
        if let Err(error) = working.begin(record_type, seq, erased) {
            tracing::error!(record = %working.row.record, %error, "no new generation");
            return Ok(None);
        }
        let event = EventRow { seq, kind: EventKind::Epoch, record: Some(working.row.record), at: self.now };
        self.writes.events.push((area, event));
        if let Some(Some(head)) = self.areas.get_mut(&area) {
            head.seq = seq;
        }
        Ok(Some(seq))
    }

    /// The bytes of entries that hold what was erased go: those stored, and those of this push.
    fn wipe(&mut self, record: RecordId, erased: &[Erasure]) -> Result<(), StoreError> {
        let stored = self.source.bodies(record)?;
        self.writes.wiped.extend(wiped(&stored, erased));
        for (feed, signed, _) in &mut self.writes.entries {
            let about = signed.entry.record(*feed) == record;
            if about && erased.iter().any(|erasure| erasure.covers(&signed.entry)) {
                signed.body.clear();
            }
        }
        Ok(())
    }
}

/// Whether a record's generation has grown so long that the next is to begin.
fn is_long(working: &Working, operations: u64) -> bool {
    let (entries, bytes) = working.since();
    // A new generation wins nothing if the base itself is large.
    let large = working.bytes() >= limits::EPOCH_BYTES && bytes >= limits::EPOCH_BYTES / 4;
    let (all, since) = working.operations_since();
    let slow = all >= operations && since >= operations / 4;
    entries >= limits::EPOCH_ENTRIES || large || slow
}
