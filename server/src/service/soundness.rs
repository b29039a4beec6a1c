//! Whether the store was set back to an older state, as far as this node knows.

use std::collections::BTreeMap;

use gridledger_core::calendar::DAY_MS;
use gridledger_schema::ids::{DeviceNo, ServerEpoch};

use crate::faults;
use crate::service::running::Service;
use crate::service::set_back::read_why;
use crate::store::StoreError;

/// Why a node stops that served while the store was restored.
const RESTORED: &str = "the store became another generation while this node served it";

impl Service {
    /// Why the store is held to be set back; `None` if it is not.
    pub fn why_set_back(&self) -> Result<Option<String>, StoreError> {
        let now = self.now();
        if let Some(settled) = self.set_back.settled(&self.store, now) {
            return Ok(settled.why);
        }
        let restored = || -> Result<Option<String>, StoreError> {
            let other = self.store.identity()?.epoch != self.identity.epoch;
            Ok(other.then(|| RESTORED.to_owned()))
        };
        let why = match read_why(&self.store)? {
            None => restored()?,
            why => why,
        };
        self.set_back.know(why.clone(), now);
        Ok(why)
    }

    /// Why the store is held to be set back, and what to do.
    pub fn set_back_advice(&self) -> Result<Option<String>, StoreError> {
        let todo = |why: &str| match why {
            RESTORED => "start this node again",
            _ => "stop the server and run `gridledger admin restore --in-place`",
        };
        Ok(self.why_set_back()?.map(|why| format!("{why}: {}", todo(&why))))
    }

    /// Whether nothing speaks against the store, without a look at it.
    pub fn is_known_sound(&self) -> bool {
        self.set_back.is_known_sound(&self.store, self.now())
    }

    /// Fails while the store is held to be set back: it takes nothing then, and does nothing that cannot be undone.
    pub fn check_sound(&self) -> Result<(), StoreError> {
        match self.why_set_back()? {
            Some(_) => Err(StoreError::SetBack),
            None => Ok(()),
        }
    }

    /// How many phones claimed more than the store holds when they came last, within a day.
    pub fn phones_ahead(&self) -> usize {
        let since = self.now() - DAY_MS;
        let late = |claims: &BTreeMap<DeviceNo, i64>| claims.values().filter(|at| **at >= since).count();
        self.set_back.claims.lock().map_or(0, |claims| late(&claims))
    }

    /// Notes whether a device claims more than the store holds.
    pub fn note_claim(&self, device: DeviceNo, claims: bool) {
        if let Ok(mut known) = self.set_back.claims.lock() {
            if claims {
                known.insert(device, self.now());
            } else {
                known.remove(&device);
            }
        }
    }

    /// Notes that the store was set back, for this node and every other, also after a restart.
    pub fn note_set_back(&self, why: &str, lost: Option<ServerEpoch>) -> Result<(), StoreError> {
        if faults::is_planted("22") {
            return Ok(());
        }
        self.store.note_set_back(why, lost)?;
        self.hold_set_back(why)
    }

    /// Holds the store to be set back as long as this process runs. The file beside the store is looked at again at each
    /// start: it may be another store's, laid there by mistake.
    pub fn hold_set_back(&self, why: &str) -> Result<(), StoreError> {
        self.set_back.know(Some(why.to_owned()), self.now());
        self.log_set_back()
    }

    /// Says in the log that the store was set back, if it was, and what to do.
    pub fn log_set_back(&self) -> Result<(), StoreError> {
        if let Some(advice) = self.set_back_advice()? {
            tracing::error!(
                advice,
                "the store was set back to an older state and takes no edits; phones keep what they hold and bring back what was lost"
            );
        }
        Ok(())
    }
}
