//! Transactions that read what is there before they write. The store's write lock comes first, since two processes may have
//! one phone's file open.

use rusqlite::Connection;

use crate::engine::file::database;
use crate::engine::file::settings::SCHEMA_NO;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::identity;
use crate::error::ClientError;
use crate::faults;

/// The named points before and after a commit at which a test can end the process.
#[derive(Clone, Copy)]
pub(crate) struct Points {
    pub(crate) before: &'static str,
    pub(crate) after: &'static str,
}

impl Points {
    /// A commit without named points.
    pub(crate) const NONE: Self = Self { before: "", after: "" };

    /// A commit with a point before it.
    pub(crate) const fn before(before: &'static str) -> Self {
        Self { before, after: "" }
    }

    /// A commit between two points.
    pub(crate) const fn around(before: &'static str, after: &'static str) -> Self {
        Self { before, after }
    }
}

/// An open transaction. Dropping it rolls it back.
struct OpenTransaction<'a>(Option<&'a Connection>);

impl OpenTransaction<'_> {
    fn commit(mut self) -> Result<(), ClientError> {
        let connection = self.0.take().expect("BUG: open until here");
        let committed = connection.execute_batch("COMMIT");
        if committed.is_err() {
            let _ = connection.execute_batch("ROLLBACK");
        }
        committed.map_err(ClientError::of_store)
    }
}

impl Drop for OpenTransaction<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.0 {
            let _ = connection.execute_batch("ROLLBACK");
        }
    }
}

impl Engine {
    /// Does `work` in one write transaction, on what the file holds now.
    pub(crate) fn write<T>(
        &mut self,
        points: Points,
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let done = self.transact("BEGIN IMMEDIATE", true, points, work);
        done.map_err(|error| self.explain_error(error))
    }

    /// As [`write`](Self::write), for an answer's parts: the error stays as it is, and a planted fault leaves out the
    /// catching up.
    pub(crate) fn write_of_answer<T>(
        &mut self,
        points: Points,
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        self.transact("BEGIN IMMEDIATE", !faults::is_planted("03"), points, work)
    }

    /// Reads several things at one moment, while other processes write.
    pub(crate) fn read_at_once<T>(
        &mut self,
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        self.transact("BEGIN", true, Points::NONE, work)
    }

    fn transact<T>(
        &mut self,
        begin: &str,
        catches_up: bool,
        points: Points,
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        self.db.execute_batch(begin).map_err(ClientError::of_store)?;
        let caught_up = if catches_up { self.catch_up() } else { Ok(()) };
        let open = OpenTransaction(Some(&self.db));
        caught_up?;
        let done = work(self, &self.db)?;
        faults::reach(points.before);
        let committed = open.commit();
        if committed.is_err() {
            // Nobody knows whether the commit is durable; the file says what it holds.
            self.reload()?;
        }
        committed?;
        faults::reach(points.after);
        Ok(done)
    }

    /// Reloads if another process has written to the file.
    fn catch_up(&mut self) -> Result<(), ClientError> {
        let version = database::version(&self.db)?;
        if version != self.version {
            self.reload()?;
            self.catch_up_lease()?;
            self.version = version;
        }
        Ok(())
    }

    /// Reads again what memory keeps of the file.
    pub(crate) fn reload(&mut self) -> Result<(), ClientError> {
        self.me = identity::read_identity(&self.db)?;
        self.grants = identity::read_grants(&self.db)?;
        let schema_no = SCHEMA_NO.get(&self.db)?;
        if schema_no != self.schema_no {
            self.schema = identity::read_schema(&self.db)?;
            self.seal.follow(&self.schema);
            self.schema_no = schema_no;
        }
        self.reload_tree()
    }
}
