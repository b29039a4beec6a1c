//! The engine of a single node: one SQLite file, one writer thread, readers beside it.

pub(in crate::store) mod migrations;
mod open;
pub(in crate::store) mod position;
mod writer;

pub(in crate::store) use migrations::APPLICATION_ID;
pub(in crate::store) use open::BUSY_TIMEOUT;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use sha2::{Digest as _, Sha256};

use super::StoreError;
use super::sql::{Connection, SqliteLink};
use crate::store::rows::restores::Position;
use crate::store::shared::jobs::Queue;
use crate::store::shared::steps;
use crate::store::shared::times::WriteTimes;
use crate::store::sql::wake_ups::WakeUps;

/// Read connections kept open between calls.
const IDLE_READERS: usize = 8;
/// How long a write may take. A large import takes long, and a file does not fall silent.
const PATIENCE: Duration = Duration::from_mins(10);

/// One SQLite file.
pub struct SqliteEngine {
    path: PathBuf,
    writer: Queue,
    /// Something was overwritten that may still stand in the log of writes.
    overwritten: Arc<AtomicBool>,
    readers: Mutex<Vec<rusqlite::Connection>>,
    wake_ups: Arc<WakeUps>,
    times: WriteTimes,
    /// It is only read, and nobody writes to it.
    resting: bool,
    _lock: Option<open::Lock>,
}

impl SqliteEngine {
    /// Opens the file, making it if it is not there. At most `group` writes share a commit.
    pub fn open(path: &Path, group: usize) -> Result<Self, StoreError> {
        let lock = open::Lock::take(path)?;
        let connection = open::writer(path)?;
        steps::make_identity(&Connection::new(&SqliteLink::new(&connection)))?;
        let overwritten = Arc::new(AtomicBool::new(false));
        let times = WriteTimes::default();
        let wake_ups = Arc::new(WakeUps::default());
        let writer = {
            let (path, overwritten, wake_ups) = (path.to_owned(), overwritten.clone(), wake_ups.clone());
            let serve = move |jobs: &_| writer::serve(&path, connection, jobs, (&overwritten, &wake_ups));
            Queue::start("store-writer", group, PATIENCE, times.clone(), serve)
        };
        Ok(Self {
            path: path.to_owned(),
            writer,
            overwritten,
            readers: Mutex::default(),
            wake_ups,
            times,
            resting: false,
            _lock: Some(lock),
        })
    }

    /// Opens a store that no process serves, to read it only: nothing is written to it or beside it. It must have taken
    /// every step.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let lock = open::Lock::take_if_there(path)?;
        let connection = open::resting(path)?;
        migrations::check(&connection)?;
        open::check(&connection)?;
        Ok(Self {
            path: path.to_owned(),
            // No thread takes writes from this queue.
            writer: Queue::start("store-writer", 1, PATIENCE, WriteTimes::default(), |_| ()),
            overwritten: Arc::default(),
            readers: Mutex::new(vec![connection]),
            times: WriteTimes::default(),
            resting: true,
            wake_ups: Arc::default(),
            _lock: lock,
        })
    }
}

/// Whether a file is a store that an older version left: it has steps to take.
pub fn is_older(path: &Path) -> Result<bool, StoreError> {
    migrations::is_older(&open::resting(path)?)
}

/// Reads a store's file at one moment, beside the process that serves it. It writes nothing.
pub fn look<T>(
    path: &Path,
    read: impl FnOnce(&Connection<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut connection = open::reader(path)?;
    migrations::check(&connection)?;
    let tx = connection.transaction()?;
    read(&Connection::new(&SqliteLink::new(&tx)))
}

/// For the benchmark: opens a file that no process serves, and runs `work` in one transaction, which is kept or rolled
/// back.
pub fn alone<T>(
    path: &Path,
    keeps: bool,
    work: impl FnOnce(&Connection<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut connection = open::writer(path)?;
    connection.create_scalar_function("sha256_16", 1, FunctionFlags::SQLITE_DETERMINISTIC, |args| {
        let text: String = args.get(0)?;
        Ok(Sha256::digest(text)[..16].to_vec())
    })?;
    let tx = connection.transaction()?;
    let result = work(&Connection::new(&SqliteLink::new(&tx)))?;
    if keeps {
        tx.commit()?;
    }
    Ok(result)
}

impl SqliteEngine {
    /// Runs `read` in one snapshot of the store.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&Connection<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.readers.lock().ok().and_then(|mut readers| readers.pop());
        let mut connection = match idle {
            Some(connection) => connection,
            None if self.resting => open::resting(&self.path)?,
            None => open::reader(&self.path)?,
        };
        let tx = connection.transaction()?;
        let result = read(&Connection::new(&SqliteLink::new(&tx)));
        drop(tx);
        if let Ok(mut readers) = self.readers.lock()
            && readers.len() < IDLE_READERS
            && result.is_ok()
        {
            readers.push(connection);
        }
        result
    }

    /// Runs `write` beside no other.
    pub fn write_alone<T: Send + 'static>(
        &self,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.call(true, write)
    }

    /// There is one writer: nothing runs beside anything.
    pub fn write_locked<T: Send + 'static>(
        &self,
        _: u64,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_alone(write)
    }

    /// Runs a small `write` to rows that pushes do not touch.
    pub fn write_apart<T: Send + 'static>(
        &self,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_alone(write)
    }

    /// Runs a `write` that a crash may lose.
    pub fn write_unsynced<T: Send + 'static>(
        &self,
        write: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_alone(write)
    }

    /// Bytes that the file system has left.
    pub fn free_bytes(&self) -> Option<u64> {
        open::free_bytes(&self.path)
    }

    /// The wake-ups of this process.
    pub fn wake_ups(&self) -> &Arc<WakeUps> {
        &self.wake_ups
    }

    /// How far the store had come by the file beside it.
    pub fn position_beside(&self) -> Option<Position> {
        position::read(&self.path)
    }

    /// Writes the file beside the store.
    pub fn put_position_beside(&self, at: Position) {
        if let Err(error) = position::write(&self.path, at) {
            tracing::debug!(%error, "the position beside the store could not be written");
        }
    }

    /// How long writes wait and commits take.
    pub fn write_times(&self) -> &WriteTimes {
        &self.times
    }

    /// Clears overwritten bytes, and returns whether all of them were.
    pub fn scrub(&self) -> Result<bool, StoreError> {
        self.overwritten.store(true, Ordering::Release);
        // The writer tries it before the next group.
        self.writer.call(true, |_| Ok(()))?;
        Ok(!self.overwritten.load(Ordering::Acquire))
    }

    /// Writes what is queued and lets go of the database.
    pub fn close(&self) {
        self.writer.close();
        if let Ok(mut readers) = self.readers.lock() {
            readers.clear();
        }
    }
}
