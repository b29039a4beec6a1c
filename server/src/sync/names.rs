//! Short names of records, looked up in the store.

use std::cell::RefCell;

use gridledger_core::wire::{LookupFailed, RecordNames, sheet};
use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::wire::Segment;

use crate::service::Service;
use crate::store::StoreError;
use crate::sync::error::SyncError;

/// Looks short names up, and keeps the error of a store that failed.
struct Names<'a> {
    service: &'a Service,
    failed: RefCell<Option<StoreError>>,
}

/// Reads the segments of a push. A store that fails is an error of the store, never of the names.
pub(super) fn read_segments(service: &Service, version: u8, sheet: &[u8]) -> Result<Vec<Segment>, SyncError> {
    let names = Names { service, failed: RefCell::default() };
    let read = sheet::read_segments(version, sheet, &names);
    match names.failed.into_inner() {
        Some(error) => Err(error.into()),
        None => Ok(read?),
    }
}

impl RecordNames for Names<'_> {
    fn short(&self, _: RecordId) -> Option<(AreaNo, u64)> {
        None
    }

    fn record(&self, area: AreaNo, created: u64) -> Result<Option<RecordId>, LookupFailed> {
        self.service.store.record_named(area, created).map_err(|error| {
            *self.failed.borrow_mut() = Some(error);
            LookupFailed
        })
    }
}
