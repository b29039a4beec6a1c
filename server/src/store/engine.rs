//! The store over one of its two engines. An engine gives the tables' code a connection in a transaction.

use std::path::Path;
use std::sync::Arc;

use super::postgres::PostgresEngine;
use super::rows::records::Decide;
use super::rows::restores::Position;
use super::shared::times::WriteTimes;
use super::sql::Connection;
use super::sqlite::SqliteEngine;
use super::{StoreError, postgres};
use crate::config::COMMIT_GROUP;
use crate::store::shared::steps::Steps;
use crate::store::sql::wake_ups::WakeUps;

/// Calls a method of the engine there is.
macro_rules! of_engine {
    ($self:expr, $engine:ident => $call:expr) => {
        match $self {
            Engine::Sqlite($engine) => $call,
            Engine::Postgres($engine) => $call,
        }
    };
}

/// Everything that a gridledger keeps. A method is one transaction and blocks its thread until that is durable.
pub struct Store {
    pub(super) engine: Engine,
    /// Asked inside each push's transaction.
    pub(super) decide: Arc<Decide>,
}

impl Store {
    /// Opens the SQLite file at `path`, making it if it is not there. `decide` is asked inside each push's transaction.
    pub fn open_sqlite(path: &Path, decide: Arc<Decide>) -> Result<Self, StoreError> {
        Self::open_sqlite_in_groups(path, decide, COMMIT_GROUP)
    }

    /// As [`open_sqlite`](Self::open_sqlite); at most `group` writes share a commit.
    pub fn open_sqlite_in_groups(path: &Path, decide: Arc<Decide>, group: usize) -> Result<Self, StoreError> {
        Ok(Self { engine: Engine::Sqlite(SqliteEngine::open(path, group)?), decide })
    }

    /// Opens a SQLite file that nobody serves to read it, as it lies there: nothing is written, to it or beside it. It must
    /// have taken every step.
    pub fn open_sqlite_to_read(path: &Path, decide: Arc<Decide>) -> Result<Self, StoreError> {
        Ok(Self { engine: Engine::Sqlite(SqliteEngine::open_to_read(path)?), decide })
    }

    /// Opens the Postgres database at `url` (`postgres://…`), making its tables if they are not there. `decide` is asked
    /// inside each push's transaction, which may be run more than once.
    pub fn open_postgres(url: &str, decide: Arc<Decide>) -> Result<Self, StoreError> {
        Self::open_postgres_in_groups(url, decide, COMMIT_GROUP)
    }

    /// As [`open_postgres`](Self::open_postgres); at most `group` writes share a commit.
    pub fn open_postgres_in_groups(url: &str, decide: Arc<Decide>, group: usize) -> Result<Self, StoreError> {
        Ok(Self { engine: Engine::Postgres(PostgresEngine::open(url, group)?), decide })
    }

    /// How long this node's writes wait in the queue and their commits take.
    pub fn write_times(&self) -> &WriteTimes {
        of_engine!(&self.engine, engine => engine.write_times())
    }

    /// Takes those of `steps` that the Postgres database at `url` has not taken, and serves nothing.
    pub fn migrate_postgres(url: &str, steps: Steps<'_>) -> Result<(), StoreError> {
        postgres::migrate(url, steps)
    }
}

/// A database that holds a store.
pub(super) enum Engine {
    /// One file, one writing thread.
    Sqlite(SqliteEngine),
    /// One database, which other nodes may serve as well.
    Postgres(PostgresEngine),
}

impl Engine {
    /// Runs `read` in one consistent look at everything; writes nothing.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        of_engine!(self, engine => engine.read(read))
    }

    /// Runs `write` in a transaction that no other write runs beside, and returns what it returned when that is durable.
    /// `write` may run more than once, but only one run stays.
    pub(super) fn write_alone<T: Send + 'static>(
        &self,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        of_engine!(self, engine => engine.write_alone(write))
    }

    /// As [`write_alone`](Self::write_alone), for a write that locks all that it touches: it may run beside others of its
    /// kind. Calls with the same `key` follow each other and share a commit.
    pub(super) fn write_locked<T: Send + 'static>(
        &self,
        key: u64,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        of_engine!(self, engine => engine.write_locked(key, write))
    }

    /// As [`write_locked`](Self::write_locked), for small writes to rows that pushes do not touch: they share commits of
    /// their own.
    pub(super) fn write_apart<T: Send + 'static>(
        &self,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        of_engine!(self, engine => engine.write_apart(write))
    }

    /// As [`write_locked`](Self::write_locked), for a write that a crash of the database may lose: it waits for no disk.
    pub(super) fn write_unsynced<T: Send + 'static>(
        &self,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        of_engine!(self, engine => engine.write_unsynced(write))
    }

    /// Whether other processes may write the same store.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Whether this version may still serve the store: a newer one may have changed it meanwhile.
    pub(super) fn check(&self, c: &Connection<'_>) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) => PostgresEngine::check(c),
        }
    }

    /// Bytes that the file system under the store has left; `None` where that is another machine's, or cannot be known.
    pub(super) fn free_bytes(&self) -> Option<u64> {
        match self {
            Self::Sqlite(sqlite) => sqlite.free_bytes(),
            Self::Postgres(_) => None,
        }
    }

    /// How far the store had come by the file beside it; `None` where the engine keeps no such file, or none is there.
    pub(super) fn position_beside(&self) -> Option<Position> {
        match self {
            Self::Sqlite(sqlite) => sqlite.position_beside(),
            Self::Postgres(_) => None,
        }
    }

    /// Writes the file beside the store that says how far it has come.
    pub(super) fn put_position_beside(&self, at: Position) {
        if let Self::Sqlite(sqlite) = self {
            sqlite.put_position_beside(at);
        }
    }

    /// Where the engine tells what was written, by whatever process.
    pub(super) fn wake_ups(&self) -> &Arc<WakeUps> {
        of_engine!(self, engine => engine.wake_ups())
    }

    /// Clears from the files what was overwritten, as far as that can be done at once; whether all of it was. The rest is
    /// cleared in the background.
    pub(super) fn scrub(&self) -> Result<bool, StoreError> {
        of_engine!(self, engine => engine.scrub())
    }

    /// Lets what is queued be written, and lets go of the database.
    pub(super) fn close(&self) {
        of_engine!(self, engine => engine.close());
    }
}
