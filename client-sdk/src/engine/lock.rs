//! Changes that begin with a look at what is there: the store's write lock first, then the look, then the writing. Two
//! processes may have one phone's file open.

use rusqlite::Connection;

use super::{Engine, db, settings};
use crate::error::ClientError;
use crate::faults;

/// A write transaction: taken back when it is dropped.
struct Open<'a>(Option<&'a Connection>);

impl Open<'_> {
    fn commit(mut self) -> Result<(), ClientError> {
        let connection = self.0.take().expect("BUG: open until here");
        let committed = connection.execute_batch("COMMIT");
        if committed.is_err() {
            let _ = connection.execute_batch("ROLLBACK");
        }
        committed.map_err(ClientError::of_store)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.0 {
            let _ = connection.execute_batch("ROLLBACK");
        }
    }
}

impl Engine {
    /// Does something in one transaction, on what is there now. `before` and `after` name the points around its commit.
    pub(super) fn locked<T>(
        &mut self,
        points: (&str, &str),
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let done = self.in_lock(points, work);
        done.map_err(|error| self.told(error))
    }

    fn in_lock<T>(
        &mut self,
        (before, after): (&str, &str),
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        self.db
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(ClientError::of_store)?;
        let caught_up = self.catch_up();
        let open = Open(Some(&self.db));
        caught_up?;
        let done = work(self, &self.db)?;
        faults::reach(before);
        let committed = open.commit();
        if committed.is_err() {
            // Whether the commit is durable is unknown: look at what the store holds now.
            self.me = settings::identity(&self.db)?;
        }
        committed?;
        faults::reach(after);
        Ok(done)
    }

    /// Reads again what this engine keeps of the store, if another process has written to it.
    fn catch_up(&mut self) -> Result<(), ClientError> {
        let version = db::version(&self.db)?;
        if version != self.version {
            self.me = settings::identity(&self.db)?;
            self.grants = settings::grants(&self.db)?;
            self.reload_tree()?;
            self.version = version;
        }
        Ok(())
    }
}
