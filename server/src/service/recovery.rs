//! How far the recovery after a restore has come.

use std::sync::atomic::Ordering;

use gridledger_schema::wire::RecoveryPhase;

use crate::service::running::Service;
use crate::store::StoreError;
use crate::store::rows::restores::RestoreRow;

/// Milliseconds for which a phase is not asked for again: another node may have moved it on.
const KNOWN_MS: i64 = 1_000;
/// Milliseconds after which the time served is written down again.
const NOTE_MS: i64 = 60_000;

impl Service {
    /// The last restore of the store, if there was one.
    pub fn restore(&self) -> Option<&RestoreRow> {
        self.recovering.restore.as_ref()
    }

    /// How far the recovery has come.
    pub fn recovery_phase(&self) -> Result<RecoveryPhase, StoreError> {
        let Some(restore) = self.recovering.unfinished() else {
            return Ok(RecoveryPhase::Over);
        };
        let now = self.now();
        let known = self.recovering.known.lock().ok().and_then(|known| *known);
        let known = known.filter(|(at, _)| (*at..*at + KNOWN_MS).contains(&now));
        if let Some((_, phase)) = known {
            return Ok(phase);
        }
        let awaited = self.store.awaited()?;
        if !awaited.to_settle.is_empty() && !self.is_recovery_time_up(&restore) {
            let phase =
                if awaited.to_offer.is_empty() { RecoveryPhase::Settling } else { RecoveryPhase::Gathering };
            self.recovering.know(Some((now, phase)));
            return Ok(phase);
        }
        let Ok(now) = self.trusted_now() else {
            // The time at which the recovery ended could not be said.
            return Ok(RecoveryPhase::Settling);
        };
        self.store.end_recovery(now)?;
        self.recovering.over.store(true, Ordering::Release);
        tracing::info!(epoch = restore.epoch.0, "the recovery is over");
        Ok(RecoveryPhase::Over)
    }

    /// Looks the phase up again at the next question.
    pub fn forget_recovery_phase(&self) {
        self.recovering.know(None);
    }

    /// Whether the server takes nothing new now.
    pub fn is_gathering(&self) -> Result<bool, StoreError> {
        Ok(self.recovery_phase()? == RecoveryPhase::Gathering)
    }

    /// Writes down how long the store was served for the recovery, while there is one.
    pub fn note_time_served(&self) {
        let Some(restore) = self.recovering.unfinished() else {
            return;
        };
        let served = self.recovering.served(&restore, self.clock.steady());
        match self.store.note_served(served) {
            Ok(()) => _ = self.recovering.noted.fetch_max(served, Ordering::Relaxed),
            // The count goes on, and is written down the next time.
            Err(error) => tracing::warn!(%error, "the time served is not written down"),
        }
    }

    /// Whether the operator's window is over: the store was served for so long. A wall clock can jump, so none is asked.
    fn is_recovery_time_up(&self, restore: &RestoreRow) -> bool {
        let served = self.recovering.served(restore, self.clock.steady());
        if served >= self.recovering.noted.load(Ordering::Relaxed) + NOTE_MS {
            self.note_time_served();
        }
        served >= restore.until - restore.at
    }
}
