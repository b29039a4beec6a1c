//! Request counters: a signed request is taken once. All nodes of a store remember a device's last counter at once. It
//! is written for many devices together, so that a sync with nothing new waits for no disk.

use std::collections::HashMap;
use std::sync::Mutex;

use gridledger_schema::ids::DeviceNo;

use crate::store::rows::people::Device;
use crate::store::{Store, StoreError};

/// Devices whose counters wait to be written before they are.
const GROUP: usize = 32;
/// Milliseconds after which they are written whatever their number.
const WAIT_MS: i64 = 30_000;

#[derive(Default)]
struct State {
    used: HashMap<DeviceNo, (u64, i64)>,
    unsaved: Vec<DeviceNo>,
    saved_at: i64,
}

/// The counters used since the start.
#[derive(Default)]
pub struct Counters {
    state: Mutex<State>,
}

impl Counters {
    /// Takes a counter if it is higher than any the device used; else the inner error says which that is.
    pub fn advance(
        &self,
        store: &Store,
        device: &Device,
        counter: u64,
        now: i64,
    ) -> Result<Result<(), u64>, StoreError> {
        if let Err(used) = self.advance_here(device, counter, now) {
            return Ok(Err(used));
        }
        if store.is_shared() {
            // The counter may have been used at another node.
            let used = store.advance_counter(device.no, counter, now)?;
            if counter <= used {
                return Ok(Err(used));
            }
        }
        Ok(Ok(()))
    }

    fn advance_here(&self, device: &Device, counter: u64, now: i64) -> Result<(), u64> {
        let mut state = self.state.lock().map_err(|_| counter)?;
        let used = state.used.get(&device.no).map_or(0, |(counter, _)| *counter).max(device.counter);
        if counter <= used {
            return Err(used);
        }
        if state.used.insert(device.no, (counter, now)).is_none() || !state.unsaved.contains(&device.no) {
            state.unsaved.push(device.no);
        }
        Ok(())
    }

    /// Writes the counters down if enough wait, or long enough.
    pub fn save_some(&self, store: &Store, now: i64) -> Result<(), StoreError> {
        let due = self.state.lock().is_ok_and(|s| s.unsaved.len() >= GROUP || now - s.saved_at > WAIT_MS);
        if due { self.save(store, now) } else { Ok(()) }
    }

    /// Writes all counters down.
    pub fn save(&self, store: &Store, now: i64) -> Result<(), StoreError> {
        let unsaved: Vec<_> = {
            let Ok(mut state) = self.state.lock() else {
                return Ok(());
            };
            state.saved_at = now;
            let devices = std::mem::take(&mut state.unsaved);
            devices.into_iter().filter_map(|no| state.used.get(&no).map(|(c, at)| (no, *c, *at))).collect()
        };
        if unsaved.is_empty() { Ok(()) } else { store.touch_devices(&unsaved) }
    }
}
