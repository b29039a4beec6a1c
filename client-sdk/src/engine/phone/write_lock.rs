//! Changes that begin with a look at what is there: the store's write lock first, then the look, then the writing. Two
//! processes may have one phone's file open.

use rusqlite::Connection;

use crate::engine::file::database;
use crate::engine::file::settings;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::identity;
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

/// No named points around a commit.
pub(crate) const UNNAMED: (&str, &str) = ("", "");

impl Engine {
    /// Does something in one transaction, on what is there now. `before` and `after` name the points around its commit.
    pub(crate) fn locked<T>(
        &mut self,
        points: (&str, &str),
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let done = self.within("BEGIN IMMEDIATE", true, points, work);
        done.map_err(|error| self.told(error))
    }

    /// Reads several things of one moment. Other processes write meanwhile.
    pub(crate) fn at_one_moment<T>(
        &mut self,
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        self.within("BEGIN", true, UNNAMED, work)
    }

    pub(crate) fn within<T>(
        &mut self,
        begin: &str,
        looks: bool,
        (before, after): (&str, &str),
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        self.db.execute_batch(begin).map_err(ClientError::of_store)?;
        let caught_up = if looks { self.catch_up() } else { Ok(()) };
        let open = Open(Some(&self.db));
        caught_up?;
        let done = work(self, &self.db)?;
        faults::reach(before);
        let committed = open.commit();
        if committed.is_err() {
            // Whether the commit is durable is unknown: look at what the store holds now.
            self.look_again()?;
        }
        committed?;
        faults::reach(after);
        Ok(done)
    }

    /// Reads again what this engine keeps of the store, if another process has written to it.
    fn catch_up(&mut self) -> Result<(), ClientError> {
        let version = database::version(&self.db)?;
        if version != self.version {
            self.look_again()?;
            self.catch_up_lease()?;
            self.version = version;
        }
        Ok(())
    }

    /// Reads again what this engine keeps of the store.
    pub(crate) fn look_again(&mut self) -> Result<(), ClientError> {
        self.me = identity::identity(&self.db)?;
        self.grants = identity::grants(&self.db)?;
        let schema_no = settings::number(&self.db, identity::SCHEMA_NO)?;
        if schema_no != self.schema_no {
            self.schema = identity::schema(&self.db)?;
            self.seal.follow(&self.schema);
            self.schema_no = schema_no;
        }
        self.reload_tree()
    }
}
