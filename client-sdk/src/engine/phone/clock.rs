//! The clocks of a phone: the wall clock, and the time that its lease is counted by.

use std::cell::Cell;
use std::sync::Arc;

use gridledger_core::calendar::DAY_MS;

/// A wall clock: gives ms since 1970. It is a parameter, so that a test or a replay can set the time.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Between two checks the clock's movement counts as time that has passed, up to this. A larger one may be a clock set right.
const PASSING_MS: i64 = DAY_MS;

/// The time that the lease is counted by. It never goes back, whatever the phone's clock does; only a new lease sets it.
pub(crate) struct LeaseTime {
    pub(crate) clock: Clock,
    /// The time known, ms since 1970.
    pub(crate) time: Cell<i64>,
    /// The phone's clock at that time.
    pub(crate) seen: Cell<i64>,
    /// The time as written down last.
    pub(crate) kept: Cell<i64>,
    /// When the lease in force ends.
    pub(crate) until: Cell<i64>,
    /// When the lease in force began.
    pub(crate) from: Cell<i64>,
    /// The version of the file at the last check of the lease.
    pub(crate) version: Cell<i64>,
}

impl LeaseTime {
    /// Begins at 1970; the file says how late it is.
    pub(crate) fn new(clock: Clock) -> Self {
        let cell = || Cell::new(0);
        Self { clock, time: cell(), seen: cell(), kept: cell(), until: cell(), from: cell(), version: cell() }
    }

    /// Advances to the time of the clock, or to the corrected one if that is earlier, and at least by as much as the clock has
    /// moved.
    pub(crate) fn advance(&self, offset_ms: i64) {
        let clock = (self.clock)();
        let corrected = clock.min(clock.saturating_add(offset_ms));
        let passed = clock.saturating_sub(self.seen.replace(clock)).clamp(0, PASSING_MS);
        self.time.set(corrected.max(self.time.get().saturating_add(passed)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gridledger_core::calendar::DAY_MS;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn time() -> (Arc<AtomicI64>, LeaseTime) {
        let clock = Arc::new(AtomicI64::new(0));
        let reads = clock.clone();
        let time = LeaseTime::new(Arc::new(move || reads.load(Ordering::Relaxed)));
        (clock, time)
    }

    #[test]
    fn a_clock_set_back_does_not_stop_the_time() {
        let (clock, time) = time();
        let at = |ms: i64, offset| {
            clock.store(ms, Ordering::Relaxed);
            time.advance(offset);
            time.time.get()
        };
        let t = 1_000 * DAY_MS;
        assert_eq!(at(t, 0), t);
        assert_eq!(at(t - 30 * DAY_MS, 0), t);
        // Each hour after that counts; a jump counts for a day at most.
        assert_eq!(at(t - 30 * DAY_MS + 3_600_000, 0), t + 3_600_000);
        assert_eq!(at(t - 20 * DAY_MS, 0), t + 3_600_000 + DAY_MS);
        // A clock that is right again is believed.
        assert_eq!(at(t + 3 * DAY_MS, 0), t + 3 * DAY_MS);
        // A clock set back each evening still counts each day.
        for day in 4..10 {
            assert_eq!(at(t + 2 * DAY_MS, 0), t + (day - 1) * DAY_MS);
            assert_eq!(at(t + 3 * DAY_MS, 0), t + day * DAY_MS);
        }
    }

    #[test]
    fn a_clock_that_was_wrong_and_is_right_again_costs_a_day_at_most() {
        let (clock, time) = time();
        let at = |ms: i64, offset| {
            clock.store(ms, Ordering::Relaxed);
            time.advance(offset);
            time.time.get()
        };
        let t = 20_000 * DAY_MS;
        time.time.set(t);
        time.seen.set(0);
        // After an empty battery the clock says 1970, and the server has told by how much it is off.
        assert_eq!(at(1_000, t), t + 1_000);
        // The network sets the clock right before the next sync does.
        assert_eq!(at(t + 5_000, t), t + 1_000 + DAY_MS);
        time.time.set(t);
        // If the clock is ahead of the server, the server's time counts.
        time.seen.set(t + DAY_MS);
        assert_eq!(at(t + DAY_MS + 6_000, -DAY_MS), t + 6_000);
    }
}
