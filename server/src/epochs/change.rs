//! One record's new generation, decided and written in one transaction.

use std::sync::{Arc, Mutex, PoisonError};

use gridledger_core::digest;
use gridledger_core::epoch::Erasure;
use gridledger_schema::ids::AreaNo;
use gridledger_schema::set::SchemaSet;

use super::Wanted;
use crate::record::wiping::wiped;
use crate::record::working::Working;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::records::{AreaHead, ErasureRow, EventKind, EventRow, Source, Writes};

/// The change to a record.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// These fields go, each as far as it was written up to a time.
    Fields(Vec<(String, i64)>),
    /// The fields that are due go.
    Due,
    /// The whole record goes.
    Everything,
    /// Nothing goes; it goes on, under these rules.
    Again,
}

/// The result of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// A new generation began at this position.
    Begun(u64),
    /// There was nothing to do; the position at which the generation began.
    Nothing(u64),
    /// There is no such record.
    NoRecord,
}

/// Makes a change.
pub(super) fn make(service: &Service, wanted: &Wanted, change: Change) -> Result<Done, StoreError> {
    let outcome = Arc::new(Mutex::new(Done::NoRecord));
    let refused_in = service.store.refused_in(wanted.record)?;
    let (schema, told, now) = (service.schema.clone(), outcome.clone(), service.trusted_now()?);
    let wanted = wanted.clone();
    service.store.act(Arc::new(move |source| {
        let plan = Plan { schema: &schema, wanted: &wanted, refused_in, now };
        let (done, writes) = plan.of(source, &change)?;
        *told.lock().unwrap_or_else(PoisonError::into_inner) = done;
        Ok(writes)
    }))?;
    let done = *outcome.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(done)
}

struct Plan<'a> {
    schema: &'a SchemaSet,
    wanted: &'a Wanted,
    /// The area that refused entries about the record name, should it never have come to be.
    refused_in: Option<AreaNo>,
    now: i64,
}

/// A field goes, as far as it was written up to a time; a position tells of it.
fn erasure((field, until): (String, i64), told: u64) -> Erasure {
    Erasure { field, told, until, by: None }
}

impl Plan<'_> {
    fn of(&self, source: &mut dyn Source, change: &Change) -> Result<(Done, Writes), StoreError> {
        let Some((row, documents)) = source.record(self.wanted.record)? else {
            return self.never_made(source, change);
        };
        if row.erased {
            return Ok((Done::Nothing(row.began), Writes::default()));
        }
        let began = row.began;
        let mut working = Working::load(row, documents)?;
        let record_type = self.schema.record_type(&working.row.record_type);
        let fields = match change {
            Change::Fields(fields) => fields.clone(),
            Change::Due => {
                let due = record_type.map(|record_type| {
                    gridledger_core::retention::due(record_type, working.documents(), self.now)
                });
                let (due, next) = due.unwrap_or_default();
                if due.is_empty() {
                    return Ok((Done::Nothing(began), later(working, next)));
                }
                due.into_iter().map(|due| (due.field, due.until)).collect()
            }
            Change::Everything | Change::Again => Vec::new(),
        };
        let area = working.row.area;
        let head = source.area_head(area)?.ok_or(StoreError::Damaged("areas"))?;
        let seq = head.seq + 1;
        let erased: Vec<Erasure> = fields.into_iter().map(|field| erasure(field, seq)).collect();
        let mut writes = Writes::default();
        if matches!(change, Change::Everything) {
            let bodies = source.bodies(self.wanted.record)?;
            writes.wiped = bodies.into_iter().map(|(feed, n, _)| (feed, n)).collect();
            working.erase(seq);
        } else {
            if !erased.is_empty() {
                writes.wiped = wiped(&source.bodies(self.wanted.record)?, &erased).collect();
            }
            working.begin(record_type, seq, &erased).map_err(|_| StoreError::Damaged("documents"))?;
        }
        self.tell(&mut writes, area, seq, change, erased);
        self.keep(&mut writes, working, head, seq)?;
        Ok((Done::Begun(seq), writes))
    }

    /// Erases the content about a record that never came to be: only refused entries are about it. No log tells of
    /// that, because only their author ever had them.
    fn never_made(&self, source: &mut dyn Source, change: &Change) -> Result<(Done, Writes), StoreError> {
        let fields = match change {
            Change::Everything => &[][..],
            Change::Fields(fields) => fields,
            Change::Due | Change::Again => return Ok((Done::NoRecord, Writes::default())),
        };
        let Some(area) = self.refused_in else {
            return Ok((Done::NoRecord, Writes::default()));
        };
        let erased: Vec<Erasure> = fields.iter().map(|field| erasure(field.clone(), 0)).collect();
        let bodies = source.bodies(self.wanted.record)?;
        let wiped = if erased.is_empty() {
            bodies.into_iter().map(|(feed, n, _)| (feed, n)).collect()
        } else {
            wiped(&bodies, &erased).collect()
        };
        let mut writes = Writes { wiped, ..Writes::default() };
        writes.erasures.push(self.row(area, 0, erased));
        Ok((Done::Begun(0), writes))
    }

    fn row(&self, area: AreaNo, seq: u64, erased: Vec<Erasure>) -> ErasureRow {
        ErasureRow {
            record: self.wanted.record,
            area,
            seq,
            fields: erased.into_iter().map(|erasure| erasure.field).collect(),
            reason: self.wanted.reason.as_str().to_owned(),
            by: self.wanted.by.clone(),
            asked_at: self.wanted.asked_at,
            done_at: self.now,
            entry: None,
        }
    }

    fn tell(&self, writes: &mut Writes, area: AreaNo, seq: u64, change: &Change, erased: Vec<Erasure>) {
        let record = self.wanted.record;
        let kind = match change {
            Change::Everything => EventKind::Erased,
            _ => EventKind::Epoch,
        };
        let event = EventRow { seq, kind, record: Some(record), at: self.now };
        writes.events.push((area, event));
        if matches!(change, Change::Again) {
            return;
        }
        writes.erasures.push(self.row(area, seq, erased));
    }

    /// Writes the record, and its area's new head with what that changes in the digests.
    fn keep(
        &self,
        writes: &mut Writes,
        working: Working,
        mut head: AreaHead,
        seq: u64,
    ) -> Result<(), StoreError> {
        let area = working.row.area;
        let record_type = self.schema.record_type(&working.row.record_type);
        let finished = working.finish(record_type)?.ok_or(StoreError::Damaged("documents"))?;
        head.seq = seq;
        for (facet, change) in finished.digest_changes {
            digest::add(&mut head.digests, facet, change);
        }
        writes.areas.push((area, head));
        writes.records.push(finished.record);
        Ok(())
    }
}

/// Nothing is due; remembers when something will be.
fn later(working: Working, next: Option<i64>) -> Writes {
    let mut row = working.row;
    row.due_at = next;
    let write = crate::store::rows::records::RecordWrite {
        row,
        documents: Vec::new(),
        ledger: Vec::new(),
        base: None,
    };
    Writes { records: vec![write], ..Writes::default() }
}
