//! The phone's file: the one way to open it, its tables, its settings.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _};

use crate::error::ClientError;

/// "gldp": the file is a gridledger phone store.
const APPLICATION_ID: i32 = 0x676c_6470;
/// Steps taken so far; each version adds one.
const STEPS: &[&str] = &[FIRST, MOVES, EPOCHS, RIGHTS, READS];

// Rows that hold a document or a view are large: they stay out of WITHOUT ROWID tables, whose pages keep only about a
// kilobyte of a row before it overflows. A save should touch few pages, each is written and synced.
const FIRST: &str = "
CREATE TABLE settings (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE areas (
  area INTEGER PRIMARY KEY, parent INTEGER, code TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  held INTEGER NOT NULL, floor INTEGER NOT NULL DEFAULT 0, reached INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE digests (
  area INTEGER NOT NULL, facet INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (area, facet)) STRICT, WITHOUT ROWID;
CREATE TABLE records (
  record BLOB PRIMARY KEY, area INTEGER NOT NULL, type TEXT NOT NULL, created INTEGER, epoch INTEGER NOT NULL DEFAULT 0,
  held INTEGER NOT NULL DEFAULT 0, view TEXT NOT NULL, text TEXT NOT NULL, conflicts INTEGER NOT NULL DEFAULT 0,
  pending INTEGER NOT NULL DEFAULT 0, changed_at INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE UNIQUE INDEX records_created ON records (area, created) WHERE created IS NOT NULL;
CREATE INDEX records_type ON records (type);
CREATE INDEX records_conflicts ON records (conflicts) WHERE conflicts > 0;
CREATE TABLE documents (
  record BLOB NOT NULL, facet INTEGER NOT NULL, confirmed BLOB, term BLOB NOT NULL, overlay BLOB,
  PRIMARY KEY (record, facet)) STRICT;
CREATE TABLE entries (
  feed BLOB NOT NULL, n INTEGER NOT NULL, record BLOB NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL,
  seen BLOB NOT NULL, state INTEGER NOT NULL DEFAULT 0, refusal TEXT, PRIMARY KEY (feed, n)) STRICT, WITHOUT ROWID;
CREATE INDEX entries_open ON entries (record, n) WHERE state < 2;
CREATE INDEX entries_refused ON entries (n) WHERE state = 3;
";

/// The territory in time: where an area lies, from when until when. A record that left its area with work on it that the
/// server has not decided waits here; `leaving` is the log position at which it left.
const MOVES: &str = "
ALTER TABLE areas ADD COLUMN edges TEXT NOT NULL DEFAULT '[]';
ALTER TABLE records ADD COLUMN leaving INTEGER;
CREATE INDEX records_leaving ON records (record) WHERE leaving IS NOT NULL;
";

/// Own entries that lost what they said, and the facets they had touched; records of which something may be due; and the
/// short names of records that are gone, which an answer on its way may still use.
const EPOCHS: &str = "
ALTER TABLE entries ADD COLUMN facets INTEGER;
CREATE TABLE due (record BLOB PRIMARY KEY, at INTEGER NOT NULL, hides INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX due_at ON due (at);
CREATE TABLE gone (
  area INTEGER NOT NULL, created INTEGER NOT NULL, record BLOB NOT NULL, PRIMARY KEY (area, created)) STRICT, WITHOUT ROWID;
";

/// Under which facets and scope an area's records were fetched; who created records whose type asks for it; of refused
/// entries, the last own entry made while they seemed to stand, what was asked and ruled, and what they were saved as again.
const RIGHTS: &str = "
ALTER TABLE areas ADD COLUMN facets INTEGER;
ALTER TABLE areas ADD COLUMN scope INTEGER;
ALTER TABLE entries ADD COLUMN stood_until INTEGER;
ALTER TABLE entries ADD COLUMN asked TEXT;
ALTER TABLE entries ADD COLUMN asked_told INTEGER NOT NULL DEFAULT 0;
ALTER TABLE entries ADD COLUMN ruling TEXT;
ALTER TABLE entries ADD COLUMN again BLOB;
CREATE INDEX entries_again ON entries (again) WHERE again IS NOT NULL;
CREATE TABLE creators (record BLOB PRIMARY KEY, author TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// Whole values that were seen and that the server does not know of yet.
const READS: &str = "
CREATE TABLE reads (
  n INTEGER PRIMARY KEY, at INTEGER NOT NULL, record BLOB NOT NULL, fields TEXT NOT NULL, reason TEXT NOT NULL) STRICT;
";

/// Opens the file, making it if it is not there. A damaged one is set aside and reported, never deleted.
pub(super) fn open(path: &Path) -> Result<Connection, ClientError> {
    match open_checked(path) {
        Err(ClientError::Store(error)) if is_damage(&error) => {
            let kept_as = set_aside(path)?;
            Err(ClientError::Damaged {
                kept_as: kept_as.display().to_string(),
            })
        }
        other => other,
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

fn set_aside(path: &Path) -> Result<PathBuf, ClientError> {
    let named = |suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
    let free = (1..u32::MAX)
        .map(|i| format!(".damaged-{i}"))
        .find(|suffix| !named(suffix).exists());
    let suffix = free.expect("BUG: some name is free");
    for part in ["", "-wal", "-shm"] {
        let from = named(part);
        if from.exists() {
            let to = named(&format!("{suffix}{part}"));
            std::fs::rename(&from, &to).map_err(|e| ClientError::NotAStore(e.to_string()))?;
        }
    }
    Ok(named(&suffix))
}

fn open_checked(path: &Path) -> Result<Connection, ClientError> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;
         PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
         PRAGMA wal_autocheckpoint = 1000; PRAGMA mmap_size = 0; PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;
         PRAGMA secure_delete = ON;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), ClientError> {
    let taken: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(ClientError::NotAStore(
            "the file is not a gridledger phone store".into(),
        ));
    }
    if taken as usize > STEPS.len() {
        return Err(ClientError::NotAStore(format!(
            "the store was written by a newer version (step {taken})"
        )));
    }
    for (step, sql) in STEPS.iter().enumerate().skip(taken as usize) {
        let tx = connection.transaction()?;
        tx.execute_batch(sql)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", step as i64 + 1)?;
        tx.commit()?;
    }
    Ok(())
}

/// The store's version: another one after a commit by anybody else.
pub(super) fn version(c: &Connection) -> Result<i64, ClientError> {
    Ok(c.prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))?)
}

/// A setting's bytes.
pub(super) fn setting(c: &Connection, key: &str) -> Result<Option<Vec<u8>>, ClientError> {
    let mut select = c.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
    Ok(select.query_row([key], |row| row.get(0)).optional()?)
}

/// Keeps a setting.
pub(super) fn set(c: &Connection, key: &str, value: &[u8]) -> Result<(), ClientError> {
    let sql = "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
    c.prepare_cached(sql)?.execute((key, value))?;
    Ok(())
}

/// A setting that is a number; 0 when it is not there.
pub(super) fn number(c: &Connection, key: &str) -> Result<i64, ClientError> {
    Ok(setting(c, key)?
        .and_then(|v| v.try_into().ok())
        .map_or(0, i64::from_be_bytes))
}

/// Keeps a number.
pub(super) fn set_number(c: &Connection, key: &str, value: i64) -> Result<(), ClientError> {
    set(c, key, &value.to_be_bytes())
}

/// A setting that is a text.
pub(super) fn text(c: &Connection, key: &str) -> Result<Option<String>, ClientError> {
    Ok(setting(c, key)?.map(|v| String::from_utf8_lossy(&v).into_owned()))
}
