//! Retention: erases due fields, record by record. Runs daily beside the service, in small batches.

use gridledger_schema::limits;

use super::change::{Change, Done, make};
use super::{Reason, Wanted};
use crate::service::Service;
use crate::store::StoreError;

/// Records looked at in one batch: what a writer waits for at most is one of them.
const BATCH: usize = 200;

/// The result of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Retained {
    /// Records looked at.
    pub looked_at: u64,
    /// Records among them that lost (or would lose) something.
    pub erased: u64,
    /// Refused and displaced entries whose content went (or would go).
    pub evidence: u64,
    /// Records that could not be changed; they are looked at again by the next run.
    pub failed: u64,
}

/// Entries of one batch.
const ENTRIES: usize = 500;

/// Erases what is due now. A `dry_run` only counts.
pub fn retain(service: &Service, dry_run: bool) -> Result<Retained, StoreError> {
    let mut told = Retained::default();
    if dry_run {
        return count(service);
    }
    loop {
        let now = service.trusted_now()?;
        let records = service.store.records_due(now, BATCH)?;
        let before = (told.looked_at, told.failed);
        for record in records {
            told.looked_at += 1;
            let wanted = Wanted {
                record,
                fields: Vec::new(),
                reason: Reason::Retention,
                by: String::new(),
                asked_at: now,
            };
            match settle(service, &wanted) {
                Ok(erased) => told.erased += u64::from(erased),
                Err(error @ (StoreError::Busy | StoreError::ClockUnsure)) => return Err(error),
                Err(error) => {
                    tracing::error!(%record, %error, "retention");
                    told.failed += 1;
                }
            }
        }
        // A failed record stays due: a batch of failed records alone would go round for ever.
        if told.looked_at - before.0 == told.failed - before.1 {
            told.evidence = end_evidence(service)?;
            service.store.scrub()?;
            return Ok(told);
        }
    }
}

/// Erases the content of refused and displaced entries, once its time is up.
fn end_evidence(service: &Service) -> Result<u64, StoreError> {
    let (mut ended, now) = (0, service.trusted_now()?);
    loop {
        let batch = service.store.end_evidence(evidence_upto(now), ENTRIES, now)?;
        if batch == 0 {
            return Ok(ended);
        }
        ended += batch as u64;
    }
}

fn evidence_upto(now: i64) -> i64 {
    now.saturating_sub(limits::EVIDENCE_MS)
}

/// Erases the due fields of one record, and notes when the next field is due.
fn settle(service: &Service, wanted: &Wanted) -> Result<bool, StoreError> {
    let done = make(service, wanted, Change::Due)?;
    if let Done::Begun(_) = done {
        // The base keeps the times of what stays: the exact next time is known only now.
        make(service, wanted, Change::Due)?;
    }
    Ok(matches!(done, Done::Begun(_)))
}

fn count(service: &Service) -> Result<Retained, StoreError> {
    let (mut told, now) = (Retained::default(), service.now());
    for record in service.store.records_due(now, usize::MAX >> 1)? {
        told.looked_at += 1;
        let Some((row, documents)) = service.store.record(record)? else {
            continue;
        };
        let Some(record_type) = service.schema.record_type(&row.record_type) else {
            continue;
        };
        let working = crate::record::working::Working::load(row, documents)?;
        let (due, _) = gridledger_core::retention::due(record_type, working.documents(), now);
        told.erased += u64::from(!due.is_empty());
    }
    told.evidence = service.store.evidence_due(evidence_upto(now))?;
    Ok(told)
}
