//! What the nodes that serve one store tell each other through it.

use std::sync::Arc;

use gridledger_schema::ids::{AreaNo, DeviceNo, RecordId};
use gridledger_schema::wire::AreaInfo;

use super::StoreError;
use super::notices::Notices;
use crate::service::given::{Bounds, Sent};

/// The calls. What [`advance_counter`](Self::advance_counter), [`meet`](Self::meet) and [`give`](Self::give) keep may be lost as a
/// whole, with a crash of the database, and never in part.
pub trait NodeStore {
    /// Whether other processes may serve this store at the same time.
    fn is_shared(&self) -> bool;
    /// Bytes left for the store's file; `None` where there is none, or it cannot be known.
    fn free_bytes(&self) -> Option<u64>;
    /// What is told to who waits for news.
    fn notices(&self) -> &Arc<Notices>;
    /// A number that is another one whenever the territory is.
    fn territory_version(&self) -> Result<u64, StoreError>;
    /// The territory with its number, of one look.
    fn territory(&self) -> Result<(u64, Vec<AreaInfo>), StoreError>;
    /// Takes a request counter of a device at `now` (ms) if it is higher than any taken; the highest taken before it.
    fn advance_counter(&self, device: DeviceNo, counter: u64, now: i64) -> Result<u64, StoreError>;
    /// The most a device can hold of each area's log that it was given of, and of the logs of these areas: of an area met for
    /// the first time, as much as there is.
    fn meet(&self, device: DeviceNo, areas: &[AreaNo]) -> Result<Bounds, StoreError>;
    /// The positions at which a device was sent these records by themselves, of those that are known.
    fn sent(&self, device: DeviceNo, records: &[RecordId]) -> Result<Sent, StoreError>;
    /// Notes that a device is being sent records by themselves.
    fn send(&self, device: DeviceNo, records: &Sent) -> Result<(), StoreError>;
    /// Notes that a device is being given an area's log up to `seq`.
    fn give(&self, device: DeviceNo, area: AreaNo, seq: u64) -> Result<(), StoreError>;
}
