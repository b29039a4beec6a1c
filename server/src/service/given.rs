//! The positions that each device was given of each area's log and of single records, so that an entry cannot claim to
//! have seen what its device never got.
//!
//! They are kept in memory for as long as this process runs. Where several nodes serve a store, they are in a shared
//! table, which a crash of the database empties. For the time before, the bound is the head of the log when the device
//! was met; so a restart makes the check coarser, never wrong.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gridledger_schema::ids::{AreaNo, DeviceNo, RecordId};
use gridledger_schema::limits;

use crate::store::rows::nodes::{Bounds, Sent};
use crate::store::{Store, StoreError};

/// The positions given to devices since the start.
#[derive(Default)]
pub struct Given {
    areas: Mutex<Positions<AreaNo>>,
    records: Mutex<Positions<RecordId>>,
}

/// Positions of devices, in bounded memory.
struct Positions<K> {
    devices: HashMap<DeviceNo, HashMap<K, u64>>,
    count: usize,
}

impl<K> Default for Positions<K> {
    fn default() -> Self {
        Self { devices: HashMap::new(), count: 0 }
    }
}

impl<K: Copy + Eq + std::hash::Hash> Positions<K> {
    /// Notes that a device was given more. Past the bound all is forgotten, and devices are met anew.
    fn raise(&mut self, device: DeviceNo, given: &HashMap<K, u64>) {
        if self.count + given.len() > limits::GIVEN_POSITIONS {
            *self = Self::default();
        }
        let known = self.devices.entry(device).or_default();
        for (key, seq) in given {
            match known.entry(*key) {
                Entry::Occupied(mut held) => *held.get_mut() = (*held.get()).max(*seq),
                Entry::Vacant(slot) => {
                    slot.insert(*seq);
                    self.count += 1;
                }
            }
        }
    }

    fn of(&self, device: DeviceNo, key: K) -> Option<u64> {
        self.devices.get(&device)?.get(&key).copied()
    }
}

fn locked<K>(positions: &Mutex<Positions<K>>) -> MutexGuard<'_, Positions<K>> {
    positions.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Given {
    /// How many positions are remembered, of areas and of records.
    pub fn positions(&self) -> (usize, usize) {
        (locked(&self.areas).count, locked(&self.records).count)
    }

    /// The most that a device can hold of the logs of areas that it may read, as its request arrives.
    pub fn meet(&self, store: &Store, device: DeviceNo, areas: &[AreaNo]) -> Result<Bounds, StoreError> {
        if store.is_shared() {
            return store.meet(device, areas);
        }
        let known = locked(&self.areas).devices.get(&device).cloned();
        let mut bounds = known.unwrap_or_default();
        let mut met = Bounds::new();
        for area in areas {
            if let Entry::Vacant(slot) = bounds.entry(*area) {
                let head = store.head(*area)?.seq;
                met.insert(*area, *slot.insert(head));
            }
        }
        if !met.is_empty() {
            locked(&self.areas).raise(device, &met);
        }
        Ok(bounds)
    }

    /// Notes that a device is being given an area's log up to `seq`.
    pub fn give(&self, store: &Store, device: DeviceNo, area: AreaNo, seq: u64) -> Result<(), StoreError> {
        let known = locked(&self.areas).of(device, area);
        if store.is_shared() {
            // The table has what this node gave before: write only more.
            if known.is_some_and(|given| given >= seq) {
                return Ok(());
            }
            store.give(device, area, seq)?;
            locked(&self.areas).raise(device, &Bounds::from([(area, seq)]));
            return Ok(());
        }
        // Before this process it may have been given more than this piece: as much as there was.
        let seq = match known {
            Some(_) => seq,
            None => store.head(area)?.seq.max(seq),
        };
        locked(&self.areas).raise(device, &Bounds::from([(area, seq)]));
        Ok(())
    }

    /// The positions at which a device was sent these records by themselves, of those that are known.
    pub fn sent(&self, store: &Store, device: DeviceNo, records: &[RecordId]) -> Result<Sent, StoreError> {
        if store.is_shared() {
            return store.sent(device, records);
        }
        let known = locked(&self.records);
        let sent = records.iter().filter_map(|record| Some((*record, known.of(device, *record)?)));
        Ok(sent.collect())
    }

    /// Notes that a device is being sent records by themselves.
    pub fn send(&self, store: &Store, device: DeviceNo, records: &Sent) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        if store.is_shared() {
            return store.send(device, records);
        }
        locked(&self.records).raise(device, records);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_a_device_that_was_forgotten_is_met_anew() {
        let mut positions = Positions::<AreaNo>::default();
        let many: Bounds = (0..1_000).map(|area| (AreaNo(area), 7)).collect();
        for device in 0..=(limits::GIVEN_POSITIONS / many.len()) as u32 {
            positions.raise(DeviceNo(device), &many);
            assert!(positions.count <= limits::GIVEN_POSITIONS);
        }
        assert_eq!(positions.of(DeviceNo(0), AreaNo(0)), None, "all were forgotten");
        positions.raise(DeviceNo(0), &many);
        positions.raise(DeviceNo(0), &Bounds::from([(AreaNo(0), 3)]));
        assert_eq!(positions.of(DeviceNo(0), AreaNo(0)), Some(7), "a position never falls");
    }
}
