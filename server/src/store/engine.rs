//! What the tables' code stands on: an engine gives it a connection in a transaction.

use std::sync::Arc;

use super::StoreError;
use super::notices::Notices;
use super::records::Decide;
use super::restores::Position;
use super::sql::Connection;

/// A database that holds a store.
pub trait Engine: Send + Sync + 'static {
    /// Runs `read` in one consistent look at everything; writes nothing.
    fn read<T>(&self, read: impl FnOnce(&Connection<'_>) -> Result<T, StoreError>) -> Result<T, StoreError>;

    /// Runs `write` in a transaction that no other write runs beside, and returns what it returned when that is durable. It may be
    /// run more than once, but only one run stays.
    fn write<T: Send + 'static>(
        &self,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError>;

    /// As [`write`](Self::write), for what locks all that it touches: may run beside others of its kind. Calls with the same
    /// `key` follow each other and share a commit.
    fn write_beside<T: Send + 'static>(
        &self,
        key: u64,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError>;

    /// As [`write_beside`](Self::write_beside), for small things that pushes do not touch: they share commits of their own.
    fn write_aside<T: Send + 'static>(
        &self,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError>;

    /// As [`write`](Self::write), beside everything, for what may be lost with a crash of the database: it locks all that it
    /// touches, and waits for no disk.
    fn write_soon<T: Send + 'static>(
        &self,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError>;

    /// Whether other processes may write the same store.
    fn is_shared(&self) -> bool;

    /// Whether this version may still serve the store: a newer one may have changed it meanwhile.
    fn check(&self, _: &Connection<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    /// Bytes that the file system under it has left; `None` where that is another machine's affair, or cannot be known.
    fn free_bytes(&self) -> Option<u64>;

    /// How far the store had come by the file beside it; `None` where the engine keeps no such file, or none is there.
    fn position_beside(&self) -> Option<Position> {
        None
    }

    /// Writes that file.
    fn put_position_beside(&self, _: Position) {}

    /// Where it tells what was written, by whatever process.
    fn notices(&self) -> &Arc<Notices>;

    /// Clears from the files what was overwritten, as far as that can be done at once; whether all of it was. The rest is
    /// cleared in the background.
    fn scrub(&self) -> Result<bool, StoreError>;

    /// Lets what is queued be written, and lets go of the database.
    fn close(&self);
}

/// A store over an engine.
pub struct SqlStore<E> {
    pub(super) engine: E,
    /// Asked inside each push's transaction.
    pub(super) decide: Arc<Decide>,
}
