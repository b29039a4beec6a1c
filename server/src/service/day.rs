//! A daily count of what each device or user has brought, as far as this process knows.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use gridledger_core::calendar::DAY_MS;

/// The day since 1970, and what was brought on it.
type Known<K> = (i64, HashMap<K, u64>);

/// A count a day, begun anew with each day and each start of the process.
pub struct Day<K>(Mutex<Known<K>>);

impl<K> Default for Day<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Day<K> {
    /// Counts as much of an amount as `who` may still bring today, where `most` is allowed in a day, and returns that
    /// much.
    pub fn take(&self, who: K, amount: u64, most: u64, now: i64) -> u64 {
        self.count(who, now, |before| most.saturating_sub(before).min(amount))
    }

    /// Counts an amount if all of it is allowed, and returns whether it was.
    pub fn take_all(&self, who: K, amount: u64, most: u64, now: i64) -> bool {
        let room = |before: u64| if before + amount <= most { amount } else { 0 };
        self.count(who, now, room) == amount
    }

    fn count(&self, who: K, now: i64, room: impl FnOnce(u64) -> u64) -> u64 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let day = now.div_euclid(DAY_MS);
        if known.0 != day {
            *known = (day, HashMap::new());
        }
        let before = known.1.entry(who).or_default();
        let room = room(*before);
        *before += room;
        room
    }
}
