//! The one way to open a store's file: pragmas, checks, lock.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OpenFlags};

use super::migrations;
use crate::store::StoreError;
use crate::store::shared::steps::STEPS;
use crate::store::sql::SqlError;

/// The oldest SQLite that is safe here (a WAL-reset fault was mended in it).
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a connection waits for another's lock; the pragmas below say the same.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the file for its one writer; makes it if it is not there.
pub fn writer(path: &Path) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreError::NotAStore(format!("SQLite {} is too old", rusqlite::version())));
    }
    let mut connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; PRAGMA foreign_keys = ON;
         PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
         PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864; PRAGMA mmap_size = 0;
         PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON;",
    )?;
    connection.set_prepared_statement_cache_capacity(128);
    add_functions(&connection)?;
    check(&connection)?;
    if let Some(pages) = crate::faults::most_pages() {
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    migrations::migrate(&mut connection, STEPS)?;
    // A process that was ended may have left what was erased in the log of writes.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(connection)
}

/// Whether the file is whole, as far as a quick look tells.
pub fn check(connection: &Connection) -> Result<(), StoreError> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(SqlError::DamagedFile.into()) }
}

/// Opens the file for reading only.
pub fn reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    prepared(Connection::open_with_flags(path, flags)?)
}

fn prepared(connection: Connection) -> Result<Connection, StoreError> {
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF; PRAGMA query_only = ON;
         PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;",
    )?;
    connection.set_prepared_statement_cache_capacity(128);
    add_functions(&connection)?;
    Ok(connection)
}

/// Opens a file that nobody serves, for reading only. Where no log of writes lies beside it, no file is made beside it
/// either, and its folder need not be one that can be written to.
pub fn resting(path: &Path) -> Result<Connection, StoreError> {
    if !is_folded(path) {
        return reader(path);
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    prepared(Connection::open_with_flags(frozen(path), flags)?)
}

/// Whether everything is in the file, and nothing in a log of writes beside it.
fn is_folded(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).map_or(true, |log| log.len() == 0)
}

/// The address of a file that nobody writes to.
fn frozen(path: &Path) -> String {
    let text = path.display().to_string();
    let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{escaped}?immutable=1")
}

/// Adds the functions that the tables' code uses and SQLite lacks.
fn add_functions(connection: &Connection) -> Result<(), StoreError> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection
        .create_scalar_function("greatest", 2, flags, |args| Ok(args.get::<i64>(0)?.max(args.get(1)?)))?;
    Ok(())
}

/// Bytes that the file system has left where the store's file lies.
#[cfg(unix)]
pub fn free_bytes(path: &Path) -> Option<u64> {
    let left = rustix::fs::statvfs(path).ok()?;
    Some(left.f_bavail.saturating_mul(left.f_frsize))
}

/// Unknown here.
#[cfg(not(unix))]
pub fn free_bytes(_: &Path) -> Option<u64> {
    None
}

fn lock_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Holds the store's lock file for as long as it lives: one process a file.
pub struct Lock {
    _file: std::fs::File,
}

impl Lock {
    /// Takes the lock beside the store, or says who may hold it.
    pub fn take(path: &Path) -> Result<Self, StoreError> {
        let mut options = std::fs::File::options();
        options.create(true).truncate(false).write(true);
        Self::take_by(path, &options)
    }

    /// Takes the lock of a store that is only read. Beside a file that was never served, such as a backup, there is none.
    pub fn take_if_there(path: &Path) -> Result<Option<Self>, StoreError> {
        if !lock_file(path).exists() {
            return Ok(None);
        }
        Self::take_by(path, std::fs::File::options().read(true)).map(Some)
    }

    fn take_by(path: &Path, options: &std::fs::OpenOptions) -> Result<Self, StoreError> {
        let name = lock_file(path);
        let refused = |why: String| StoreError::NotAStore(format!("{}: {why}", name.display()));
        let file = options.open(&name).map_err(|e| refused(e.to_string()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Held(name.display().to_string())),
            Err(std::fs::TryLockError::Error(e)) => Err(refused(e.to_string())),
        }
    }
}
