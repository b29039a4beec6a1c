//! The engine of many nodes: one Postgres database, some writing connections a node, readers beside them.
//!
//! All shared state is in the database. A write that must be alone takes an advisory lock for itself, one that may run
//! beside others shares it; a push locks the rows of its areas and feeds, so that the positions of an area's log become visible in
//! order.

mod link;
mod migrations;
mod readers;
mod tls;
mod writer;

use std::sync::Arc;

use super::engine::{Engine, SqlStore};
use super::jobs::{COMMIT_GROUP, Queue};
use super::records::Decide;
use super::sql::{Connection, Link as _};
use super::{StoreError, tables};
use readers::Readers;

/// Writing connections of one node.
const WRITERS: u64 = 4;

/// One Postgres database.
pub struct PostgresEngine {
    url: String,
    writers: Vec<Queue>,
    readers: Readers,
}

/// A store in one Postgres database.
pub type PostgresStore = SqlStore<PostgresEngine>;

impl PostgresStore {
    /// Opens the store in the database at `url` (`postgres://…`), making its tables if they are not there. `decide` is asked inside
    /// each push's transaction, which may be run more than once.
    pub fn open(url: &str, decide: Arc<Decide>) -> Result<Self, StoreError> {
        Self::open_sharing(url, decide, COMMIT_GROUP)
    }

    /// … with so many writes at most that share a commit.
    pub fn open_sharing(url: &str, decide: Arc<Decide>, group: usize) -> Result<Self, StoreError> {
        let first = link::open(url)?;
        migrations::migrate(&first)?;
        tables::make_identity(&Connection::new(&first))?;
        let writers = (0..WRITERS).map(|no| {
            let url = url.to_owned();
            Queue::start(&format!("store-writer-{no}"), group, move |jobs| {
                writer::serve(&url, jobs);
            })
        });
        let engine = PostgresEngine {
            url: url.to_owned(),
            writers: writers.collect(),
            readers: Readers::new(url, first),
        };
        Ok(Self { engine, decide })
    }
}

/// Looks at a database beside the nodes that serve it: one consistent look, as long as it takes, and nothing is written.
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

impl Engine for PostgresEngine {
    fn read<T>(&self, read: impl FnOnce(&Connection<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.readers.read(read)
    }

    fn write<T: Send + 'static>(
        &self,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writers[0].call(true, write)
    }

    fn write_beside<T: Send + 'static>(
        &self,
        key: u64,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writers[(key % WRITERS) as usize].call(false, write)
    }

    fn scrub(&self) -> Result<bool, StoreError> {
        writer::vacuum(&link::open(&self.url)?)?;
        Ok(true)
    }

    fn close(&self) {
        self.writers.iter().for_each(Queue::close);
        self.readers.close();
    }
}
