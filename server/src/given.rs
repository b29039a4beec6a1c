//! What each device was given of each area's log, so that an entry cannot claim to have seen what its device never got.
//!
//! Kept in memory for as long as this process runs; where several nodes serve a store, in a table that they share, and that a
//! crash of the database empties. Of what a device got before, only the bound is known that the log had no more when the
//! device was met; so a restart makes the check coarser, never wrong.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Mutex;

use gridledger_schema::ids::{AreaNo, DeviceNo};
use gridledger_schema::wire::AreaCursor;

use crate::store::{Store, StoreError};

/// Devices remembered; past that all are forgotten and met anew.
const DEVICES: usize = 100_000;

/// The highest position of each area's log a device can hold.
pub type Bounds = HashMap<AreaNo, u64>;

/// What devices were given since the start.
#[derive(Default)]
pub struct Given {
    devices: Mutex<HashMap<DeviceNo, Bounds>>,
}

impl Given {
    /// What a device can hold, as its request arrives that says where it stands.
    pub fn meet(
        &self,
        store: &dyn Store,
        device: DeviceNo,
        cursors: &[AreaCursor],
    ) -> Result<Bounds, StoreError> {
        if store.is_shared() {
            return store.meet(device, cursors);
        }
        let known = self.devices.lock().ok().and_then(|d| d.get(&device).cloned());
        let mut bounds = known.unwrap_or_default();
        let before = bounds.len();
        for cursor in cursors {
            if let Entry::Vacant(slot) = bounds.entry(cursor.area) {
                slot.insert(store.head(cursor.area)?.seq);
            }
        }
        if bounds.len() > before {
            self.keep(device, &bounds);
        }
        Ok(bounds)
    }

    fn keep(&self, device: DeviceNo, bounds: &Bounds) {
        let Ok(mut devices) = self.devices.lock() else {
            return;
        };
        if devices.len() >= DEVICES && !devices.contains_key(&device) {
            devices.clear();
        }
        let kept = devices.entry(device).or_default();
        for (area, seq) in bounds {
            let held = kept.entry(*area).or_default();
            *held = (*held).max(*seq);
        }
    }

    /// Notes that a device is being given an area's log up to `seq`.
    pub fn give(
        &self,
        store: &dyn Store,
        device: DeviceNo,
        area: AreaNo,
        seq: u64,
    ) -> Result<(), StoreError> {
        if store.is_shared() {
            return self.give_shared(store, device, area, seq);
        }
        let is_known =
            |given: &HashMap<DeviceNo, Bounds>| given.get(&device).is_some_and(|b| b.contains_key(&area));
        let known = self.devices.lock().is_ok_and(|devices| is_known(&devices));
        // Before this process it may have been given more than this piece: as much as there was.
        let seq = if known {
            seq
        } else {
            store.head(area)?.seq.max(seq)
        };
        self.keep(device, &Bounds::from([(area, seq)]));
        Ok(())
    }

    /// What this node gave before, the table has: only more is written.
    fn give_shared(
        &self,
        store: &dyn Store,
        device: DeviceNo,
        area: AreaNo,
        seq: u64,
    ) -> Result<(), StoreError> {
        let has = |bounds: &Bounds| bounds.get(&area).is_some_and(|given| *given >= seq);
        if self
            .devices
            .lock()
            .is_ok_and(|devices| devices.get(&device).is_some_and(has))
        {
            return Ok(());
        }
        store.give(device, area, seq)?;
        self.keep(device, &Bounds::from([(area, seq)]));
        Ok(())
    }
}
