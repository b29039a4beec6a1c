//! A thread that receives the wake-ups of other nodes: by LISTEN on a connection of its own, and by a poll that finds
//! what was missed while that connection was dead.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gridledger_schema::ids::AreaNo;

use super::link;
use super::readers::Readers;
use crate::store::shared::heads::read_heads;
use crate::store::sql::wake_ups::{WakeUp, WakeUps};
use crate::store::sql::{Link as _, PostgresLink, SqlError};

/// The channel's name.
const CHANNEL: &str = "gridledger";
/// The time between two polls.
const POLL: Duration = Duration::from_secs(3);
/// The wait before a lost connection is opened again.
const RETRY: Duration = Duration::from_secs(1);
/// The interval at which the thread checks whether it is to end.
const TICK: Duration = Duration::from_millis(200);

/// Sends wake-ups to all nodes.
pub fn tell(link: &PostgresLink, wake_ups: &[WakeUp]) -> Result<(), SqlError> {
    if wake_ups.is_empty() {
        return Ok(());
    }
    // The text is letters and digits of our own.
    link.batch(&format!("NOTIFY {CHANNEL}, '{}'", WakeUp::write(wake_ups)))
}

/// The findings of the last poll.
#[derive(Default)]
struct Known {
    territory: Option<u64>,
    heads: HashMap<AreaNo, u64>,
}

impl Known {
    /// Sends wake-ups for what differs from the last poll. The first poll only reads.
    fn poll(&mut self, readers: &Readers, wake_ups: &WakeUps) {
        let Ok((territory, heads)) = readers.read(read_heads) else {
            return;
        };
        let mut news = Vec::new();
        if self.territory.is_some_and(|known| known != territory) {
            news.push(WakeUp::Territory);
        }
        let first = self.territory.replace(territory).is_none();
        for (area, head) in heads {
            if self.heads.insert(area, head) != Some(head) && !first {
                news.push(WakeUp::Area(area));
            }
        }
        wake_ups.send(&news);
    }
}

/// Listens on a connection until it is dead or should be.
fn hear(url: &str, until: &AtomicBool, (readers, wake_ups): (&Readers, &WakeUps), known: &mut Known) {
    let Ok(mut link) = link::open(url) else {
        tracing::warn!("news of other nodes: the database cannot be reached; trying again");
        return pause(until);
    };
    if link.batch(&format!("LISTEN {CHANNEL}")).is_err() {
        return pause(until);
    }
    while !until.load(Ordering::Relaxed) {
        // The poll also finds what changed before this connection listened.
        known.poll(readers, wake_ups);
        let polled = Instant::now();
        while polled.elapsed() < POLL && !until.load(Ordering::Relaxed) {
            match link.hear(TICK) {
                Ok(heard) => heard.iter().for_each(|text| wake_ups.send(&WakeUp::read(text))),
                Err(_) => return pause(until),
            }
        }
    }
}

/// Lets a moment go by.
fn pause(until: &AtomicBool) {
    let begun = Instant::now();
    while begun.elapsed() < RETRY && !until.load(Ordering::Relaxed) {
        std::thread::park_timeout(TICK);
    }
}

/// The thread.
pub struct Listener {
    ended: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Listener {
    /// Starts to listen.
    pub fn start(url: &str, readers: Arc<Readers>, wake_ups: Arc<WakeUps>) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (url, until) = (url.to_owned(), ended.clone());
        let thread = std::thread::Builder::new()
            .name("store-listener".into())
            .spawn(move || {
                let mut known = Known::default();
                while !until.load(Ordering::Relaxed) {
                    hear(&url, &until, (&readers, &wake_ups), &mut known);
                    known.poll(&readers, &wake_ups);
                }
            })
            .expect("BUG: a thread can be started");
        Self { ended, thread: Some(thread).into() }
    }

    /// Ends the thread.
    pub fn close(&self) {
        self.ended.store(true, Ordering::Relaxed);
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}
