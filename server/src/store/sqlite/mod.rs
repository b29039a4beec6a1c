//! The engine of a single node: one SQLite file, one writer thread, readers beside it.

mod audit;
mod desk;
mod epochs;
mod events;
mod ledgers;
mod migrations;
mod open;
mod people;
mod plans;
mod pushes;
mod reads;
mod records;
mod refusals;
mod shares;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use gridledger_schema::ids::ServerEpoch;
use rusqlite::{Connection, OptionalExtension as _};

use super::records::Decide;
use super::{Identity, Store, StoreError};
use writer::Writer;

/// Read connections kept open between calls.
const IDLE_READERS: usize = 8;

/// A store in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
    decide: Arc<Decide>,
    _lock: open::Lock,
}

impl SqliteStore {
    /// Opens the store at `path`, making it if it is not there. `decide` is asked inside each push's transaction.
    pub fn open(path: &Path, decide: Arc<Decide>) -> Result<Self, StoreError> {
        let lock = open::Lock::take(path)?;
        let connection = open::writer(path)?;
        make_identity(&connection)?;
        let writer = Writer::start(path.to_owned(), connection);
        Ok(Self {
            path: path.to_owned(),
            writer,
            readers: Mutex::default(),
            decide,
            _lock: lock,
        })
    }

    /// Runs `read` on a read-only connection, in one consistent snapshot.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.readers.lock().ok().and_then(|mut readers| readers.pop());
        let mut connection = match idle {
            Some(connection) => connection,
            None => open::reader(&self.path)?,
        };
        let tx = connection.transaction()?;
        let result = read(&tx);
        drop(tx);
        if let Ok(mut readers) = self.readers.lock()
            && readers.len() < IDLE_READERS
            && result.is_ok()
        {
            readers.push(connection);
        }
        result
    }
}

fn make_identity(connection: &Connection) -> Result<(), StoreError> {
    let mut random = [0u8; 104];
    getrandom::fill(&mut random).map_err(|_| StoreError::Busy)?;
    let insert = "INSERT OR IGNORE INTO settings (key, value) VALUES (?1, ?2)";
    // Seven bytes: an epoch fits a signed integer of every engine.
    for (key, value) in [
        ("server_epoch", &random[..7]),
        ("receipt_seed", &random[8..40]),
        ("desk_seed", &random[40..72]),
        ("lease_seed", &random[72..]),
    ] {
        connection.execute(insert, (key, value))?;
    }
    Ok(())
}

fn setting(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut select = connection.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
    Ok(select.query_row([key], |row| row.get(0)).optional()?)
}

impl Store for SqliteStore {
    fn identity(&self) -> Result<Identity, StoreError> {
        self.read(|c| {
            let fixed = |key: &'static str| {
                let value = setting(c, key)?.ok_or(StoreError::Damaged("settings"))?;
                <[u8; 32]>::try_from(value).map_err(|_| StoreError::Damaged("settings"))
            };
            let epoch = setting(c, "server_epoch")?.ok_or(StoreError::Damaged("settings"))?;
            let epoch = epoch.iter().fold(0u64, |n, &b| n << 8 | u64::from(b));
            Ok(Identity {
                epoch: ServerEpoch(epoch),
                receipt_seed: fixed("receipt_seed")?,
                desk_seed: fixed("desk_seed")?,
                lease_seed: fixed("lease_seed")?,
            })
        })
    }

    fn ready(&self) -> Result<(), StoreError> {
        self.writer.call(|_| Ok(()))?;
        self.read(|c| Ok(c.query_row("SELECT 1", [], |_| Ok(()))?))
    }

    fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|c| setting(c, key))
    }

    fn set_setting(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.writer.call(move |c| {
            let sql = "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
            c.execute(sql, (key, value))?;
            Ok(())
        })
    }

    fn close(&self) {
        self.writer.close();
        if let Ok(mut readers) = self.readers.lock() {
            readers.clear();
        }
    }
}
