//! The engine of many nodes: one Postgres database; each node has some writing connections, and readers beside them.
//!
//! All shared state is in the database. A write that must be alone takes an advisory lock for itself; writes that may
//! run beside each other share it. A push locks the rows of its areas and feeds, so that the positions of an area's log
//! become visible in order.

mod link;
mod listener;
mod migrations;
mod readers;
mod tls;
mod vacuum;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use super::StoreError;
use super::sql::{Connection, Link as _};
use crate::store::shared::jobs::Queue;
use crate::store::shared::steps;
use crate::store::shared::steps::{STEPS, Steps};
use crate::store::shared::times::WriteTimes;
use crate::store::sql::wake_ups::WakeUps;
use listener::Listener;
use readers::Readers;
use vacuum::Vacuum;
use writer::Shared;

/// How long a write may take: longer than any of its statements. A commit that waits for a lost standby has no other end.
const PATIENCE: Duration = Duration::from_secs(45);
/// Connections of one node that write pushes; one more writes what pushes do not touch.
const WRITERS: u64 = 4;

/// One Postgres database.
pub struct PostgresEngine {
    writers: Vec<Queue>,
    times: WriteTimes,
    vacuum: Arc<Vacuum>,
    readers: Arc<Readers>,
    wake_ups: Arc<WakeUps>,
    listener: Listener,
}

impl PostgresEngine {
    /// Opens the database, making its tables if they are not there. At most `group` writes share a commit.
    pub fn open(url: &str, group: usize) -> Result<Self, StoreError> {
        let first = link::open(url)?;
        migrations::migrate(&first, STEPS)?;
        steps::make_identity(&Connection::new(&first))?;
        let wake_ups = Arc::new(WakeUps::default());
        let vacuum = Arc::new(Vacuum::start(url));
        let times = WriteTimes::default();
        let writers = (0..=WRITERS).map(|no| {
            let (url, wake_ups, vacuum) = (url.to_owned(), wake_ups.clone(), vacuum.clone());
            Queue::start(&format!("store-writer-{no}"), group, PATIENCE, times.clone(), move |jobs| {
                let shared = Shared { url: &url, wake_ups: &wake_ups, vacuum: &vacuum };
                writer::serve(&shared, jobs);
            })
        });
        let readers = Arc::new(Readers::new(url, first));
        Ok(Self {
            writers: writers.collect(),
            times,
            vacuum,
            listener: Listener::start(url, readers.clone(), wake_ups.clone()),
            readers,
            wake_ups,
        })
    }
}

/// Takes the steps of some version that the database at `url` has not taken, and serves nothing.
pub fn migrate(url: &str, steps: Steps<'_>) -> Result<(), StoreError> {
    migrations::migrate(&link::open(url)?, steps)
}

/// Reads a database beside the nodes that serve it, at one moment and as long as it takes. It writes nothing.
pub fn look<T>(
    url: &str,
    read: impl FnOnce(&Connection<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let link = link::open(url)?;
    link.batch("SET statement_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    read(&Connection::new(&link))
}

/// Runs `work` in one transaction, as long as it takes; what that wrote is kept or taken back.
pub fn alone<T>(
    url: &str,
    keeps: bool,
    work: impl FnOnce(&Connection<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let link = link::open(url)?;
    link.batch("SET statement_timeout = 0; BEGIN")?;
    let result = work(&Connection::new(&link))?;
    link.batch(if keeps { "COMMIT" } else { "ROLLBACK" })?;
    Ok(result)
}

/// For the benchmark: clears what tables no longer need, and counts their rows for plans.
pub fn vacuum(url: &str, tables: &[&str]) -> Result<(), StoreError> {
    let link = link::open(url)?;
    link.batch("SET statement_timeout = 0")?;
    Ok(link.batch(&format!("VACUUM (ANALYZE) {}", tables.join(", ")))?)
}

impl PostgresEngine {
    /// Runs `read` in one snapshot of the database.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&Connection<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.readers.read(read)
    }

    /// Runs `write` beside no other.
    pub fn write_alone<T: Send + 'static>(
        &self,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writers[0].call(true, write)
    }

    /// Runs `write` beside others that lock what they touch.
    pub fn write_locked<T: Send + 'static>(
        &self,
        key: u64,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writers[(key % WRITERS) as usize].call(false, write)
    }

    /// Runs a small `write` to rows that pushes do not touch.
    pub fn write_apart<T: Send + 'static>(
        &self,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writers[WRITERS as usize].call(false, write)
    }

    /// Runs a `write` that a crash may lose.
    pub fn write_unsynced<T: Send + 'static>(
        &self,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.write(write)
    }

    /// Whether this version may still serve the store.
    pub fn check(c: &Connection<'_>) -> Result<(), StoreError> {
        migrations::is_served_by(c, STEPS.len())
    }

    /// The wake-ups of this node.
    pub fn wake_ups(&self) -> &Arc<WakeUps> {
        &self.wake_ups
    }

    /// How long writes wait and commits take.
    pub fn write_times(&self) -> &WriteTimes {
        &self.times
    }

    /// Clears overwritten bytes, and returns whether all of them were.
    pub fn scrub(&self) -> Result<bool, StoreError> {
        self.vacuum.ask();
        Ok(false)
    }

    /// Writes what is queued and lets go of the database.
    pub fn close(&self) {
        self.listener.close();
        self.writers.iter().for_each(Queue::close);
        self.vacuum.close();
        self.readers.close();
    }
}
