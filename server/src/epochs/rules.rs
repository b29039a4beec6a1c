//! Renewal: records whose generation was derived under other rules than these begin the next.

use gridledger_core::document::RULES_VERSION;

use super::begin;
use crate::rights::reader::ReadError;
use crate::service::Service;
use crate::store::StoreError;

/// Records of one batch.
const BATCH: usize = 200;

/// Begins a new generation of every record of other rules, and returns how many. A record that is written to begins it
/// by itself, so this may run beside the service, and be broken off and begun again.
pub fn renew(service: &Service) -> Result<u64, StoreError> {
    let (mut renewed, mut after) = (0, None);
    loop {
        let records = service.store.records_under_other_rules(RULES_VERSION, after, BATCH)?;
        let Some(last) = records.last().copied() else {
            return Ok(renewed);
        };
        for record in records {
            match begin(service, record) {
                Ok(_) => renewed += 1,
                Err(ReadError::Store(StoreError::Busy)) => return Err(StoreError::Busy),
                Err(error) => tracing::error!(%record, %error, "rules"),
            }
        }
        after = Some(last);
    }
}
