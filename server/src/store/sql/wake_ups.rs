//! News told to who waits for it: an area's log has a new head, the territory changed. Nothing depends on a notice: who gets one
//! looks into the store, and who misses one is told by the next look of the poll.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gridledger_schema::ids::AreaNo;
use tokio::sync::watch;

/// Something that happened in the store, told after its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// The territory is another one.
    Territory,
    /// An area's log has a new head.
    Area(AreaNo),
}

/// Characters of a payload at most; Postgres takes less than 8000 bytes.
const PAYLOAD: usize = 7_900;

impl Notice {
    /// Notices as the text of a message: `t` and numbers of areas, separated by spaces. As many as fit: what is left out, a
    /// poll finds.
    pub fn write(notices: &[Self]) -> String {
        let mut text = String::new();
        for notice in notices {
            match notice {
                Self::Territory => text.push_str("t "),
                Self::Area(area) => text.extend([&area.0.to_string(), " "]),
            }
            if text.len() > PAYLOAD {
                break;
            }
        }
        text.trim_end().to_owned()
    }

    /// The notices of a message; words that are none are left out.
    pub fn read(text: &str) -> Vec<Self> {
        let read = |word: &str| match word {
            "t" => Some(Self::Territory),
            number => number.parse().ok().map(|no| Self::Area(AreaNo(no))),
        };
        text.split(' ').filter_map(read).collect()
    }
}

/// When each thing was last told of, counted in notices.
#[derive(Default)]
struct Told {
    /// The service stops.
    ended: bool,
    count: u64,
    territory: u64,
    areas: HashMap<AreaNo, u64>,
}

/// Where notices arrive, and where one waits for them.
pub struct Notices {
    told: Mutex<Told>,
    count: watch::Sender<u64>,
}

impl Default for Notices {
    fn default() -> Self {
        Self { told: Mutex::default(), count: watch::Sender::new(0) }
    }
}

impl Notices {
    /// Tells everybody who waits.
    pub fn tell(&self, notices: &[Notice]) {
        if notices.is_empty() {
            return;
        }
        let mut told = self.told();
        told.count += 1;
        let count = told.count;
        for notice in notices {
            match notice {
                Notice::Territory => told.territory = count,
                Notice::Area(area) => _ = told.areas.insert(*area, count),
            }
        }
        drop(told);
        self.count.send_replace(count);
    }

    /// Whoever waits is let go, and nobody waits any more: the service stops.
    pub fn end(&self) {
        self.told().ended = true;
        self.count.send_modify(|_| ());
    }

    /// From now on, nothing that is told is missed.
    pub fn listen(&self) -> Listener<'_> {
        let count = self.count.subscribe();
        let since = self.told().count;
        Listener { notices: self, count, since }
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.count.receiver_count()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits.
pub struct Listener<'a> {
    notices: &'a Notices,
    count: watch::Receiver<u64>,
    since: u64,
}

impl Listener<'_> {
    /// Waits until the territory or one of these areas was told of since this listener was made. `false` when the service
    /// stops.
    pub async fn news_of(&mut self, areas: &[AreaNo]) -> bool {
        loop {
            self.count.mark_unchanged();
            if self.notices.told().ended {
                return false;
            }
            if self.is_told(areas) {
                return true;
            }
            if self.count.changed().await.is_err() {
                return false;
            }
        }
    }

    fn is_told(&self, areas: &[AreaNo]) -> bool {
        let told = self.notices.told();
        let since = |count: Option<&u64>| count.is_some_and(|count| *count > self.since);
        told.territory > self.since || areas.iter().any(|area| since(told.areas.get(area)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let notices = [Notice::Territory, Notice::Area(AreaNo(1)), Notice::Area(AreaNo(77))];
        assert_eq!(Notice::read(&Notice::write(&notices)), notices);
        assert_eq!(Notice::read("x 5  -1"), [Notice::Area(AreaNo(5))]);
        let many: Vec<Notice> = (100_000..200_000).map(|no| Notice::Area(AreaNo(no))).collect();
        assert!(Notice::write(&many).len() < 8_000);
    }

    #[test]
    fn who_waits_is_woken_by_what_concerns_him() {
        let notices = Notices::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        notices.tell(&[Notice::Area(AreaNo(1))]);
        let mut listener = notices.listen();
        assert!(!listener.is_told(&[AreaNo(1)]), "that was before");
        notices.tell(&[Notice::Area(AreaNo(2))]);
        assert!(!listener.is_told(&[AreaNo(1)]));
        notices.tell(&[Notice::Area(AreaNo(1))]);
        assert!(runtime.block_on(listener.news_of(&[AreaNo(1)])));
        let mut listener = notices.listen();
        notices.tell(&[Notice::Territory]);
        assert!(runtime.block_on(listener.news_of(&[])));
        let mut listener = notices.listen();
        notices.end();
        assert!(!runtime.block_on(listener.news_of(&[AreaNo(1)])));
    }
}
