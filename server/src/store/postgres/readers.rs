//! Connections that read. A fixed number a node: who finds none free waits, and is told to come back when that takes long.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::link;
use crate::store::StoreError;
use crate::store::sql::{Connection, Link as _, PostgresLink};

/// Reading connections of one node.
const READERS: usize = 12;
/// How long a caller waits for one of them.
const PATIENCE: Duration = Duration::from_secs(5);

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
            pool: Mutex::new(Pool {
                idle: vec![first],
                open: 1,
            }),
            freed: Condvar::new(),
        }
    }

    /// Runs `read` in one consistent look at everything.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&Connection<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut lent = self.lend()?;
        let link = match lent.link.take() {
            Some(link) => link,
            None => link::open(&self.url)?,
        };
        link.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        let result = read(&Connection::new(&link));
        // Nothing was written; a connection that does not end its transaction is not used again.
        if link.batch("ROLLBACK").is_ok() {
            lent.link = Some(link);
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
