//! Histories that end outside of a push: something is erased because somebody asked, because its time is up, or because
//! rules changed. Each is one transaction: the new generation, the bytes that go, and the row that says so.

mod change;
mod retention;
mod rules;

use std::sync::Arc;

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::set::Merge;

use crate::rights::reader::ReadError;
use crate::service::Service;
use crate::store::rows::records::{ErasureRow, Writes};
use change::{Change, Done};

pub use crate::record::wiping::Reason;

pub use retention::{Retained, retain};
pub use rules::renew;

/// An erasure that was asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The record.
    pub record: RecordId,
    /// These fields; none for the whole record.
    pub fields: Vec<String>,
    /// The reason.
    pub reason: Reason,
    /// The login of the person who asks.
    pub by: String,
    /// When it was asked for, ms since 1970.
    pub asked_at: i64,
}

/// A refused entry whose content is to be erased.
#[derive(Clone, Debug)]
pub struct WantedEntry {
    /// The feed and the number.
    pub entry: (FeedId, u64),
    /// The reason.
    pub reason: Reason,
    /// The login of the person who asks.
    pub by: String,
    /// When it was asked for, ms since 1970.
    pub asked_at: i64,
}

/// Erases fields of a record, or the whole record. If the record never came to be, it erases the content of the refused
/// entries about it. Returns the position that tells of it, in the log of the record's area. An earlier erasure is not
/// repeated: the position is then that of the first time.
pub fn erase(service: &Service, wanted: &Wanted) -> Result<u64, ReadError> {
    check(service, wanted)?;
    let change = if wanted.fields.is_empty() {
        Change::Everything
    } else {
        let fields = wanted.fields.iter().map(|field| (field.clone(), i64::MAX));
        Change::Fields(fields.collect())
    };
    let done = change::make(service, wanted, change)?;
    service.store.scrub()?;
    match done {
        Done::Begun(seq) | Done::Nothing(seq) => Ok(seq),
        Done::NoRecord => Err(ReadError::refused(Code::RecordUnknown, "no such record")),
    }
}

/// Has a record begin a new generation, without anything being erased. Returns the position that tells of it.
pub fn begin(service: &Service, record: RecordId) -> Result<u64, ReadError> {
    let wanted = Wanted {
        record,
        fields: Vec::new(),
        reason: Reason::Request,
        by: String::new(),
        asked_at: service.now(),
    };
    match change::make(service, &wanted, Change::Again)? {
        Done::Begun(seq) | Done::Nothing(seq) => Ok(seq),
        Done::NoRecord => Err(ReadError::refused(Code::RecordUnknown, "no such record")),
    }
}

/// Erases the content of one refused entry. Its number, its hash and the verdict stay.
pub fn erase_refused(service: &Service, wanted: &WantedEntry) -> Result<(), ReadError> {
    let (feed, n) = wanted.entry;
    let unknown = || ReadError::refused(Code::NotFound, "no such refused entry");
    let (record, area) = service.store.refused_place(feed, n)?.ok_or_else(unknown)?;
    let row = ErasureRow {
        record,
        area: area.unwrap_or(AreaNo(0)),
        seq: 0,
        fields: Vec::new(),
        reason: wanted.reason.as_str().to_owned(),
        by: wanted.by.clone(),
        asked_at: wanted.asked_at,
        done_at: service.now(),
        entry: Some(wanted.entry),
    };
    service.store.act(Arc::new(move |_| Ok(Writes { erasures: vec![row.clone()], ..Writes::default() })))?;
    service.store.scrub()?;
    Ok(())
}

fn check(service: &Service, wanted: &Wanted) -> Result<(), ReadError> {
    let Some((row, _)) = service.store.record(wanted.record)? else {
        // Refused entries may be about a record that never came to be.
        return match service.store.refused_in(wanted.record)? {
            Some(_) => Ok(()),
            None => Err(ReadError::refused(Code::RecordUnknown, "no such record")),
        };
    };
    let record_type = service.schema.record_type(&row.record_type);
    for name in &wanted.fields {
        let field = record_type.and_then(|record_type| record_type.field(name));
        let Some(field) = field else {
            let rule = format!("not a field of {}", row.record_type);
            return Err(Refusal::of_field(Code::FieldUnknown, name, rule).into());
        };
        if field.merge == Merge::Events {
            let rule = "what was done to a ticket goes with the record alone";
            return Err(Refusal::of_field(Code::OperationMismatch, name, rule).into());
        }
    }
    Ok(())
}
