//! The clocks of a phone: the wall clock, and the time its lease is counted by.

use gridledger_core::calendar::DAY_MS;
use std::cell::Cell;
use std::sync::Arc;

/// The wall clock, ms since 1970; a parameter, so that a test or a replay can say what time it is.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What the clock has moved between two looks counts as time that has passed, up to this: more may be a clock set right.
const PASSING_MS: i64 = DAY_MS;

/// What time it is for the lease. It never goes back, whatever the phone's clock does; only a new lease sets it.
pub(crate) struct LeaseTime {
    pub(crate) clock: Clock,
    /// The time known, ms since 1970.
    pub(crate) time: Cell<i64>,
    /// What the phone's clock said then.
    pub(crate) seen: Cell<i64>,
    /// The time as written down.
    pub(crate) kept: Cell<i64>,
    pub(crate) until: Cell<i64>,
    /// From when the lease in force counts.
    pub(crate) from: Cell<i64>,
    /// The store's version, as of the last look at the lease.
    pub(crate) version: Cell<i64>,
    /// The server's time as this answer said it.
    pub(crate) server: Option<i64>,
    /// The answer's lease does not open this store.
    pub(crate) misfit: bool,
}

impl LeaseTime {
    pub(crate) fn new(clock: Clock) -> Self {
        let cell = || Cell::new(0);
        Self {
            clock,
            time: cell(),
            seen: cell(),
            kept: cell(),
            until: cell(),
            from: cell(),
            version: cell(),
            server: None,
            misfit: false,
        }
    }

    /// Goes on with the clock: to what it says, corrected by the server's where that is less, and at least by as much as
    /// it has moved.
    pub(crate) fn go_on(&self, offset_ms: i64) {
        let clock = (self.clock)();
        let says = clock.min(clock.saturating_add(offset_ms));
        let passed = clock.saturating_sub(self.seen.replace(clock)).clamp(0, PASSING_MS);
        self.time.set(says.max(self.time.get().saturating_add(passed)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
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
            time.go_on(offset);
            time.time.get()
        };
        let t = 1_000 * DAY_MS;
        assert_eq!(at(t, 0), t);
        assert_eq!(at(t - 30 * DAY_MS, 0), t);
        // Each hour after that counts, and no jump counts for more than a day.
        assert_eq!(at(t - 30 * DAY_MS + 3_600_000, 0), t + 3_600_000);
        assert_eq!(at(t - 20 * DAY_MS, 0), t + 3_600_000 + DAY_MS);
        // Set right again, it is what it is.
        assert_eq!(at(t + 3 * DAY_MS, 0), t + 3 * DAY_MS);
        // Set back each evening and left alone till the next: each day counts.
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
            time.go_on(offset);
            time.time.get()
        };
        let t = 20_000 * DAY_MS;
        time.time.set(t);
        time.seen.set(0);
        // An empty battery: 1970, and the server said by how much it is off.
        assert_eq!(at(1_000, t), t + 1_000);
        // The network set it right before the next sync did.
        assert_eq!(at(t + 5_000, t), t + 1_000 + DAY_MS);
        time.time.set(t);
        // Ahead of the server: the server's time counts.
        time.seen.set(t + DAY_MS);
        assert_eq!(at(t + DAY_MS + 6_000, -DAY_MS), t + 6_000);
    }
}
