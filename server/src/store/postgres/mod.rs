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
use super::sql::Connection;
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
