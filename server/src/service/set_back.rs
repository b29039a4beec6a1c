//! This node's knowledge of whether the store was set back.

use std::collections::BTreeMap;
use std::sync::Mutex;

use gridledger_schema::ids::DeviceNo;

use crate::store::rows::restores::SET_BACK;
use crate::store::{Store, StoreError};

/// Milliseconds for which a node does not ask again whether another has found the store set back.
const KNOWN_MS: i64 = 1_000;

/// Why the store is held to be set back, and when that was read, ms since 1970.
type Known = (Option<String>, i64);

/// This node's knowledge of whether the store was set back.
pub struct SetBack {
    known: Mutex<Known>,
    /// Enrolled devices that claim more than the store holds, and have not been answered since, with the time of the claim.
    pub(super) claims: Mutex<BTreeMap<DeviceNo, i64>>,
}

/// A state that needs no new read of the store.
pub(super) struct Settled {
    /// The reason why the store is held to be set back; `None` if it is not.
    pub(super) why: Option<String>,
}

impl SetBack {
    /// Reads the state from the store.
    pub fn new(store: &Store) -> Result<Self, StoreError> {
        Ok(Self { known: Mutex::new((read_why(store)?, i64::MIN)), claims: Mutex::default() })
    }

    /// The known state, if it needs no new read of the store.
    pub(super) fn settled(&self, store: &Store, now: i64) -> Option<Settled> {
        let known = self.known.lock().ok()?;
        is_settled(&known, store, now).then(|| Settled { why: known.0.clone() })
    }

    /// Whether nothing speaks against the store, as far as is known.
    pub(super) fn is_known_sound(&self, store: &Store, now: i64) -> bool {
        let known = self.known.try_lock();
        known.is_ok_and(|known| known.0.is_none() && is_settled(&known, store, now))
    }

    /// Keeps why the store is held to be set back at a time.
    pub(super) fn know(&self, why: Option<String>, at: i64) {
        if let Ok(mut known) = self.known.lock() {
            *known = (why, at);
        }
    }
}

/// Reads why the store was set back.
pub(super) fn read_why(store: &Store) -> Result<Option<String>, StoreError> {
    let why = store.setting(SET_BACK)?;
    Ok(why.map(|why| String::from_utf8_lossy(&why).into_owned()))
}

/// Whether what is known needs no new look at the store: only another node may have found out since.
fn is_settled(known: &Known, store: &Store, now: i64) -> bool {
    let fresh = (known.1..known.1.saturating_add(KNOWN_MS)).contains(&now);
    known.0.is_some() || fresh || !store.is_shared()
}
