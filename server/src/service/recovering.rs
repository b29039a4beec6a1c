//! This node's knowledge of the recovery after a restore.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use gridledger_schema::wire::RecoveryPhase;

use crate::store::rows::restores::RestoreRow;

/// The last restore of the store when the service began. It cannot change: no node serves a store during a restore.
pub struct Recovering {
    pub(super) restore: Option<RestoreRow>,
    pub(super) over: AtomicBool,
    /// When the phase was asked for last, and the phase then.
    pub(super) known: Mutex<Option<(i64, RecoveryPhase)>>,
    /// The steady clock when this node began, ms.
    pub(super) began: i64,
    /// How long the store has been served for the recovery, ms, as written down last.
    pub(super) noted: AtomicI64,
}

impl Recovering {
    /// Takes the restore from the store; the node began when its steady clock said `steady`.
    pub fn new(restore: Option<RestoreRow>, steady: i64) -> Self {
        let over = restore.is_none_or(|restore| restore.ended_at.is_some());
        Self {
            restore,
            over: AtomicBool::new(over),
            known: Mutex::default(),
            began: steady,
            noted: AtomicI64::new(restore.map_or(0, |restore| restore.served)),
        }
    }

    /// The restore whose recovery is not over.
    pub(super) fn unfinished(&self) -> Option<RestoreRow> {
        self.restore.filter(|_| !self.over.load(Ordering::Acquire))
    }

    /// How long the store was served since it was restored, ms.
    pub(super) fn served(&self, restore: &RestoreRow, steady: i64) -> i64 {
        restore.served + (steady - self.began)
    }

    pub(super) fn know(&self, phase: Option<(i64, RecoveryPhase)>) {
        if let Ok(mut known) = self.known.lock() {
            *known = phase;
        }
    }
}
