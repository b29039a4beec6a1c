//! Connections that read, a fixed number for each node. A caller that finds none free waits, and gets `Busy` if that
//! takes long.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::link;
use crate::store::StoreError;
use crate::store::sql::{Connection, Link as _, PostgresLink};

/// Reading connections of one node.
const READERS: usize = 12;
/// How long a caller waits for one of them.
const PATIENCE: Duration = Duration::from_secs(5);

/// Begins a transaction that reads one snapshot of everything.
const LOOK: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

struct Pool {
    idle: Vec<PostgresLink>,
    /// Connections there are, idle or lent.
    open: usize,
}

/// The pool.
pub struct Readers {
    url: String,
    pool: Mutex<Pool>,
    freed: Condvar,
}

/// A place in the pool; given back when it is dropped.
struct Lent<'a> {
    readers: &'a Readers,
    link: Option<PostgresLink>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let Ok(mut pool) = self.readers.pool.lock() else {
            return;
        };
        match self.link.take().filter(|link| !link.is_closed()) {
            Some(link) => pool.idle.push(link),
            None => pool.open -= 1,
        }
        self.readers.freed.notify_one();
    }
}

impl Readers {
    /// A pool that begins with one connection.
    pub fn new(url: &str, first: PostgresLink) -> Self {
        Self {
            url: url.to_owned(),
            pool: Mutex::new(Pool { idle: vec![first], open: 1 }),
            freed: Condvar::new(),
        }
    }

    /// Runs `read` in one snapshot of everything.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&Connection<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transact(LOOK, |link| {
            let result = read(&Connection::new(link));
            (result, "ROLLBACK")
        })
    }

    /// Runs `write` in a transaction of its own that waits for no disk.
    pub fn write<T>(
        &self,
        write: impl FnOnce(&Connection<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transact("BEGIN; SET LOCAL synchronous_commit = off", |link| {
            let result = write(&Connection::new(link));
            let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
            (result, end)
        })
    }

    /// Runs `work` in a transaction; it says how that ends.
    fn transact<T>(
        &self,
        begin: &str,
        work: impl FnOnce(&PostgresLink) -> (Result<T, StoreError>, &'static str),
    ) -> Result<T, StoreError> {
        let mut lent = self.lend()?;
        // An idle connection may have been lost meanwhile; nothing was asked of it yet.
        let idle = lent.link.take().filter(|link| link.batch(begin).is_ok());
        let link = if let Some(link) = idle {
            link
        } else {
            let link = link::open(&self.url)?;
            link.batch(begin)?;
            link
        };
        let (result, end) = work(&link);
        let ended = link.batch(end);
        // A connection that does not end its transaction is not used again.
        if ended.is_ok() {
            lent.link = Some(link);
        }
        if end == "COMMIT" {
            ended?;
        }
        result
    }

    /// A place in the pool, with a connection when one is idle.
    fn lend(&self) -> Result<Lent<'_>, StoreError> {
        let pool = self.pool.lock().map_err(|_| StoreError::Busy)?;
        let full = |pool: &mut Pool| pool.idle.is_empty() && pool.open >= READERS;
        let waited = self.freed.wait_timeout_while(pool, PATIENCE, full);
        let (mut pool, waited) = waited.map_err(|_| StoreError::Busy)?;
        if waited.timed_out() {
            return Err(StoreError::Busy);
        }
        let link = pool.idle.pop();
        pool.open += usize::from(link.is_none());
        let readers = self;
        Ok(Lent { readers, link })
    }

    /// Lets go of idle connections.
    pub fn close(&self) {
        if let Ok(mut pool) = self.pool.lock() {
            pool.open -= pool.idle.len();
            pool.idle.clear();
        }
    }
}
