//! What phones bring: values seen with no signal. Rows come before anything else of a request and are written once.

use std::collections::HashMap;

use gridledger_core::mask;
use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::limits;
use gridledger_schema::wire::Read;

use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::people::{Device, User};
use crate::store::rows::reads::{NewRead, ReadKind};

/// Writes what a device brought into the read log, as much as it may bring in a day; the number up to which it is kept, `None`
/// if nothing is. The rest stays on the phone.
pub fn keep(
    service: &Service,
    (device, user): (&Device, &User),
    reads: Vec<Read>,
    now: i64,
) -> Result<Option<u64>, StoreError> {
    if reads.is_empty() {
        return Ok(None);
    }
    let mut known = HashMap::new();
    let rows = reads
        .into_iter()
        .map(|read| {
            let (record_type, area) = match known.get(&read.record) {
                Some(found) => found,
                None => known.entry(read.record).or_insert(of_record(service, read.record)?),
            };
            Ok(NewRead {
                at: read.at,
                received_at: now,
                user: user.login.clone(),
                device: Some(device.no),
                device_n: Some(read.n),
                kind: ReadKind::Offline,
                subject: record_type.clone(),
                area: *area,
                fields: read.fields.into_iter().map(|name| cut(&name, limits::FIELD_NAME_CHARS)).collect(),
                reason: mask::scrub(&cut(&read.reason, limits::REASON_CHARS)),
                records: vec![read.record],
                share: None,
            })
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    let most = limits::DEVICE_DAY_READS;
    let room = service.reads_brought.take(device.no, rows.len() as u64, most, now);
    let mut kept = None;
    for some in rows[..room as usize].chunks(limits::READS_AT_ONCE) {
        service.store.log_reads(some.to_vec())?;
        kept = some.last().and_then(|read| read.device_n);
    }
    Ok(kept)
}

/// A record's type and area; a record that the server does not have yet has neither.
fn of_record(service: &Service, record: RecordId) -> Result<(String, Option<AreaNo>), StoreError> {
    let record_type = service.store.type_of(record)?.unwrap_or_default();
    Ok((record_type, service.store.record_area(record)?))
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
