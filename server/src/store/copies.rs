//! Backups of a SQLite store: made while a server writes, and put back as a new store.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::faults;
use crate::store::rows::records::Decide;
use crate::store::rows::restores::{NewGeneration, RestoreRow};
use crate::store::sqlite::{APPLICATION_ID, BUSY_TIMEOUT};
use crate::store::{Store, StoreError};

/// Writes a consistent copy of the store at `store` to `to`, which must not be there; a server may go on writing meanwhile. The
/// copy is whole and durable when this returns. Returns its bytes.
pub fn backup(store: &Path, to: &Path) -> Result<u64, StoreError> {
    absent(to)?;
    let source = open_to_read(store)?;
    let part = named(to, ".part");
    clear(&part)?;
    create(&part)?;
    let part_name = part.to_str().ok_or_else(|| unfit(&part, "its name is not Unicode"))?;
    source.execute("VACUUM INTO ?1", [part_name])?;
    let bytes = settle(&part)?;
    check(&part)?;
    faults::reach("server.before_backup");
    put(&part, to)?;
    Ok(bytes)
}

/// Makes a new store at `to`, which must not be there, of a backup: the same store in a new generation. Until it is whole
/// and of that generation nothing stands at `to`.
pub fn restore(
    backup: &Path,
    to: &Path,
    decide: Arc<Decide>,
    new: NewGeneration,
) -> Result<RestoreRow, StoreError> {
    for part in ["", "-wal", "-shm"] {
        absent(&named(to, part))?;
    }
    check(backup)?;
    let part = named(to, ".part");
    clear(&part)?;
    create(&part)?;
    std::fs::copy(backup, &part).map_err(|error| unfit(&part, &error.to_string()))?;
    faults::reach("server.before_generation");
    let store = Store::open_sqlite(&part, decide)?;
    let row = store.begin_generation(new)?;
    store.close();
    drop(store);
    settle(&part)?;
    faults::reach("server.before_restore");
    put(&part, to)?;
    for rest in ["-wal", "-shm", ".lock"] {
        let _ = std::fs::remove_file(named(&part, rest));
    }
    Ok(row)
}

fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let application = connection.pragma_query_value(None, "application_id", |row| row.get(0));
    let application: i32 = application.map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => unfit(path, "it is not a gridledger store"),
        _ => error.into(),
    })?;
    if application != APPLICATION_ID {
        return Err(unfit(path, "it is not a gridledger store"));
    }
    Ok(connection)
}

/// Whether a copy is a store and whole.
fn check(path: &Path) -> Result<(), StoreError> {
    let found: String = open_to_read(path)?.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(unfit(path, &format!("it is damaged: {found}"))) }
}

/// A new file that nobody else on the machine reads: it holds residents' values.
fn create(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map(|_| ()).map_err(|error| unfit(path, &error.to_string()))
}

/// Removes the remains of an earlier attempt.
fn clear(part: &Path) -> Result<(), StoreError> {
    for rest in ["", "-wal", "-shm", "-journal"] {
        match std::fs::remove_file(named(part, rest)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(unfit(part, &error.to_string())),
            _ => {}
        }
    }
    Ok(())
}

/// Writes a file through to the disk; its bytes.
fn settle(path: &Path) -> Result<u64, StoreError> {
    let settled = File::open(path).and_then(|file| file.sync_all().and_then(|()| file.metadata()));
    settled.map(|metadata| metadata.len()).map_err(|error| unfit(path, &error.to_string()))
}

/// Gives a finished file its name. One that is there stays: a link does not replace.
fn put(part: &Path, to: &Path) -> Result<(), StoreError> {
    let put = std::fs::hard_link(part, to).and_then(|()| std::fs::remove_file(part)).and_then(|()| {
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    });
    put.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => StoreError::Taken(to.display().to_string()),
        _ => unfit(to, &error.to_string()),
    })
}

fn absent(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        return Err(StoreError::Taken(path.display().to_string()));
    }
    Ok(())
}

fn named(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn unfit(path: &Path, why: &str) -> StoreError {
    StoreError::NotAStore(format!("{}: {why}", path.display()))
}
