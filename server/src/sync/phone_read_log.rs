//! Writes the rows of the read log that a phone made without a connection, before anything else of its request and once.

use std::collections::HashMap;

use gridledger_core::mask;
use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::limits;
use gridledger_schema::wire::Read;

use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::people::{Device, User};
use crate::store::rows::read_log::{NewRead, ReadKind};

/// Writes a device's rows into the read log, up to the number of rows that a device may bring in a day. Returns the
/// number of the last kept row, `None` if no row was kept. The rest stays on the phone.
pub fn write_reads(
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
                None => known.entry(read.record).or_insert(read_type_and_area(service, read.record)?),
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
                fields: read
                    .fields
                    .into_iter()
                    .map(|name| truncate(&name, limits::FIELD_NAME_CHARS))
                    .collect(),
                reason: mask::scrub(&truncate(&read.reason, limits::REASON_CHARS)),
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

/// Reads a record's type and area; a record that the server does not have yet has neither.
fn read_type_and_area(service: &Service, record: RecordId) -> Result<(String, Option<AreaNo>), StoreError> {
    let record_type = service.store.type_of(record)?.unwrap_or_default();
    Ok((record_type, service.store.record_area(record)?))
}

fn truncate(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
