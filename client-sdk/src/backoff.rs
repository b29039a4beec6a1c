//! Waits between failed syncs: longer each time, and random, so that phones that failed together do not come back together.

use std::time::Duration;

use crate::error::ClientError;

/// The window for the first attempt after a failure.
const FIRST: Duration = Duration::from_secs(2);
/// The longest window.
const LONGEST: Duration = Duration::from_mins(5);
/// The longest wait that a phone accepts from a server.
const BELIEVED: Duration = Duration::from_hours(1);

/// A phone's failures in a row, and its random numbers. The same seed and the same failures give the same waits.
#[derive(Clone, Debug)]
pub struct Backoff {
    failures: u32,
    state: u64,
}

impl Backoff {
    /// Begins without a failure. Two phones must not have the same `seed`.
    pub fn new(seed: u64) -> Self {
        Self { failures: 0, state: seed }
    }

    /// The wait after a failure; `None` if trying again does not help. It lies anywhere in a window that doubles with each
    /// failure in a row. If the server asks for a wait, the window begins after it.
    pub fn after(&mut self, error: &ClientError) -> Option<Duration> {
        if !error.is_retryable() {
            return None;
        }
        let asked = error.wait().unwrap_or_default().min(BELIEVED);
        let window = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let within = self.next_random() % (window.as_millis() as u64 + 1);
        Some(asked + Duration::from_millis(within))
    }

    /// Forgets the failures after a success.
    pub fn done(&mut self) {
        self.failures = 0;
    }

    /// The next number of a splitmix64 sequence: evenly spread, and no secret.
    fn next_random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use gridledger_schema::code::Code;

    use super::*;

    fn offline() -> ClientError {
        ClientError::Network("no signal".into())
    }

    fn refusal(code: Code, wait: Option<Duration>) -> ClientError {
        ClientError::Server { code, detail: String::new(), wait }
    }

    #[test]
    fn windows_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let mut longest = [Duration::ZERO; 12];
        let mut shortest = [LONGEST; 12];
        for seed in 0..400 {
            let mut backoff = Backoff::new(seed);
            for (longest, shortest) in longest.iter_mut().zip(&mut shortest) {
                let wait = backoff.after(&offline()).expect("later helps");
                (*longest, *shortest) = ((*longest).max(wait), (*shortest).min(wait));
            }
            backoff.done();
            assert!(backoff.after(&offline()).expect("later helps") <= FIRST);
        }
        for (at, (longest, shortest)) in longest.into_iter().zip(shortest).enumerate() {
            let window = FIRST.saturating_mul(1 << at).min(LONGEST);
            assert!(longest <= window && longest > window.mul_f64(0.95), "{at}: {longest:?}");
            assert!(shortest < window.mul_f64(0.05), "{at}: {shortest:?}");
        }
    }

    #[test]
    fn the_same_seed_waits_the_same() {
        let waits = |seed| {
            let mut backoff = Backoff::new(seed);
            [(); 8].map(|()| backoff.after(&offline()))
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
    }

    #[test]
    fn the_wait_a_server_asks_for_is_kept_and_a_lost_cause_is_not_tried() {
        let busy = refusal(Code::Busy, Some(Duration::from_secs(20)));
        for seed in 0..100 {
            let mut backoff = Backoff::new(seed);
            let wait = backoff.after(&busy).expect("later helps");
            assert!(wait >= Duration::from_secs(20) && wait <= Duration::from_secs(22), "{wait:?}");
        }
        let for_ever = refusal(Code::Busy, Some(Duration::MAX));
        assert!(Backoff::new(1).after(&for_ever).expect("later helps") <= BELIEVED + LONGEST);
        assert_eq!(Backoff::new(1).after(&refusal(Code::DeviceRevoked, None)), None);
        assert_eq!(Backoff::new(1).after(&ClientError::Full), None);
    }
}
