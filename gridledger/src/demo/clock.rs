//! The demo's clock. While the day is played it moves only when something is done, so that a seed gives the same day; who
//! looks around afterwards has the time of the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The time a day begins at that ends with the check: 2026-06-01 08:00 in Shanghai, ms since 1970.
const MORNING: i64 = 1_780_272_000_000;

/// How long ago a day begins after which the server stays up: longer than any day says it takes.
const BEFORE_MS: i64 = 8 * 3_600_000;

/// A clock that everything in the demo reads.
#[derive(Clone, Debug)]
pub struct DayClock {
    /// The time of the day.
    time: Arc<AtomicI64>,
    /// Whether the day is over.
    over: Arc<AtomicBool>,
}

impl DayClock {
    /// The clock of a day that ends with the check.
    pub fn of_a_day() -> Self {
        Self::at(MORNING)
    }

    /// The clock of a day that is over by now.
    pub fn of_today() -> Self {
        Self::at(system() - BEFORE_MS)
    }

    fn at(ms: i64) -> Self {
        Self { time: Arc::new(AtomicI64::new(ms)), over: Arc::new(AtomicBool::new(false)) }
    }

    /// The time, ms since 1970.
    pub fn now(&self) -> i64 {
        let time = self.time.load(Ordering::Relaxed);
        if !self.over.load(Ordering::Relaxed) {
            return time;
        }
        // A day that was played faster than it says is caught up with.
        time.max(system())
    }

    /// Lets so many ms pass.
    pub fn pass(&self, ms: i64) {
        self.time.fetch_add(ms, Ordering::Relaxed);
    }

    /// The day is over: from here on it is as late as it is, and never earlier than the day was.
    pub fn go_live(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn system() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as i64)
}
