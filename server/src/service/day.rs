//! A count a day of what each of many has brought, as far as this process knows.

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
    /// How much of an amount somebody may bring now, where `most` is allowed in a day; that much is counted.
    pub fn take(&self, who: K, amount: u64, most: u64, now: i64) -> u64 {
        self.count(who, now, |before| most.saturating_sub(before).min(amount))
    }

    /// Counts an amount if all of it is allowed; whether it was.
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
