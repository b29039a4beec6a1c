//! Wake-ups for waiting requests: an area's log has a new head, or the territory changed. Nothing depends on a wake-up.
//! A woken request reads the store; the next poll finds what a lost wake-up would have said.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gridledger_schema::ids::AreaNo;
use tokio::sync::watch;

/// A change of the store. The engine sends it after the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WakeUp {
    /// The territory changed.
    Territory,
    /// An area's log has a new head.
    Area(AreaNo),
}

/// The longest payload, in characters; Postgres takes less than 8000 bytes.
const PAYLOAD: usize = 7_900;

impl WakeUp {
    /// Writes wake-ups as the text of a message: `t` and numbers of areas, separated by spaces. It writes as many as fit;
    /// a poll finds the rest.
    pub fn write(wake_ups: &[Self]) -> String {
        let mut text = String::new();
        for wake_up in wake_ups {
            match wake_up {
                Self::Territory => text.push_str("t "),
                Self::Area(area) => text.extend([&area.0.to_string(), " "]),
            }
            if text.len() > PAYLOAD {
                break;
            }
        }
        text.trim_end().to_owned()
    }

    /// Reads the wake-ups of a message and skips other words.
    pub fn read(text: &str) -> Vec<Self> {
        let read = |word: &str| match word {
            "t" => Some(Self::Territory),
            number => number.parse().ok().map(|no| Self::Area(AreaNo(no))),
        };
        text.split(' ').filter_map(read).collect()
    }
}

/// The latest wake-up of each area and of the territory, by its number.
#[derive(Default)]
struct Latest {
    /// The service stops.
    ended: bool,
    count: u64,
    territory: u64,
    areas: HashMap<AreaNo, u64>,
}

/// The place where wake-ups arrive and requests wait for them.
pub struct WakeUps {
    latest: Mutex<Latest>,
    count: watch::Sender<u64>,
}

impl Default for WakeUps {
    fn default() -> Self {
        Self { latest: Mutex::default(), count: watch::Sender::new(0) }
    }
}

impl WakeUps {
    /// Wakes the requests that wait for one of these.
    pub fn send(&self, wake_ups: &[WakeUp]) {
        if wake_ups.is_empty() {
            return;
        }
        let mut latest = self.lock_latest();
        latest.count += 1;
        let count = latest.count;
        for wake_up in wake_ups {
            match wake_up {
                WakeUp::Territory => latest.territory = count,
                WakeUp::Area(area) => _ = latest.areas.insert(*area, count),
            }
        }
        drop(latest);
        self.count.send_replace(count);
    }

    /// Ends every wait, present and future, because the service stops.
    pub fn end(&self) {
        self.lock_latest().ended = true;
        self.count.send_modify(|_| ());
    }

    /// Makes a listener, which misses no wake-up from now on.
    pub fn listen(&self) -> Listener<'_> {
        let count = self.count.subscribe();
        let since = self.lock_latest().count;
        Listener { wake_ups: self, count, since }
    }

    /// The number of listeners.
    pub fn count_waiting(&self) -> usize {
        self.count.receiver_count()
    }

    fn lock_latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A waiting request.
pub struct Listener<'a> {
    wake_ups: &'a WakeUps,
    count: watch::Receiver<u64>,
    since: u64,
}

impl Listener<'_> {
    /// Waits for a wake-up of the territory or of one of these areas that came since this listener was made. Returns
    /// `false` when the service stops.
    pub async fn wait_for_news(&mut self, areas: &[AreaNo]) -> bool {
        loop {
            self.count.mark_unchanged();
            if self.wake_ups.lock_latest().ended {
                return false;
            }
            if self.is_due(areas) {
                return true;
            }
            if self.count.changed().await.is_err() {
                return false;
            }
        }
    }

    fn is_due(&self, areas: &[AreaNo]) -> bool {
        let latest = self.wake_ups.lock_latest();
        let since = |count: Option<&u64>| count.is_some_and(|count| *count > self.since);
        latest.territory > self.since || areas.iter().any(|area| since(latest.areas.get(area)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let wake_ups = [WakeUp::Territory, WakeUp::Area(AreaNo(1)), WakeUp::Area(AreaNo(77))];
        assert_eq!(WakeUp::read(&WakeUp::write(&wake_ups)), wake_ups);
        assert_eq!(WakeUp::read("x 5  -1"), [WakeUp::Area(AreaNo(5))]);
        let many: Vec<WakeUp> = (100_000..200_000).map(|no| WakeUp::Area(AreaNo(no))).collect();
        assert!(WakeUp::write(&many).len() < 8_000);
    }

    #[test]
    fn a_listener_wakes_for_its_own_areas_only() {
        let wake_ups = WakeUps::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        wake_ups.send(&[WakeUp::Area(AreaNo(1))]);
        let mut listener = wake_ups.listen();
        assert!(!listener.is_due(&[AreaNo(1)]), "that was before");
        wake_ups.send(&[WakeUp::Area(AreaNo(2))]);
        assert!(!listener.is_due(&[AreaNo(1)]));
        wake_ups.send(&[WakeUp::Area(AreaNo(1))]);
        assert!(runtime.block_on(listener.wait_for_news(&[AreaNo(1)])));
        let mut listener = wake_ups.listen();
        wake_ups.send(&[WakeUp::Territory]);
        assert!(runtime.block_on(listener.wait_for_news(&[])));
        let mut listener = wake_ups.listen();
        wake_ups.end();
        assert!(!runtime.block_on(listener.wait_for_news(&[AreaNo(1)])));
    }
}
