//! Clears overwritten rows, on a thread and a connection of its own: no answer waits for it, and no limit of a push
//! ends it. A failed run is repeated.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::link;
use crate::store::StoreError;
use crate::store::sql::Link as _;

/// The tables whose rows are overwritten.
const TABLES: [&str; 4] = ["entries", "documents", "ledger", "bases"];
/// How long after a failure it is tried again.
const AGAIN: Duration = Duration::from_mins(1);
/// How long the end of the process waits for a run. What is left then, the database clears in time.
const LAST: Duration = Duration::from_secs(10);

/// The thread.
pub struct Vacuum {
    asked: Mutex<Option<SyncSender<()>>>,
    ended: Mutex<Receiver<()>>,
}

impl Vacuum {
    /// Starts the thread; it opens its connection when it is first asked.
    pub fn start(url: &str) -> Self {
        // One request waits at most: a run that begins later clears what all before it left.
        let (asked, asks) = sync_channel(1);
        let (end, ended) = sync_channel(1);
        let url = url.to_owned();
        std::thread::Builder::new()
            .name("store-vacuum".into())
            .spawn(move || {
                serve(&url, &asks);
                let _ = end.send(());
            })
            .expect("BUG: a thread can be started");
        Self { asked: Some(asked).into(), ended: ended.into() }
    }

    /// Asks for a run; does not wait for it.
    pub fn ask(&self) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = asked.as_ref() {
            let _ = asked.try_send(());
        }
    }

    /// Lets a run that was asked for end, for a while.
    pub fn close(&self) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        if asked.is_some() {
            drop(asked);
            let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = ended.recv_timeout(LAST);
        }
    }
}

impl Drop for Vacuum {
    fn drop(&mut self) {
        self.close();
    }
}

fn serve(url: &str, asks: &Receiver<()>) {
    while asks.recv().is_ok() {
        while run(url).is_err() {
            tracing::warn!("what was overwritten could not be cleared yet; it is tried again");
            match asks.recv_timeout(AGAIN) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

fn run(url: &str) -> Result<(), StoreError> {
    let link = link::open(url)?;
    link.batch("SET statement_timeout = 0")?;
    link.batch("SET lock_timeout = 0")?;
    for table in TABLES {
        link.batch(&format!("VACUUM {table}"))?;
    }
    Ok(())
}
