//! The phone's file: the one way to open it, its tables, its settings. What opens it is `key_file`'s.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};
use zeroize::Zeroizing;

use crate::error::ClientError;
use crate::faults;
use crate::key_file::{self, FileKey, KeyFault, Lock};

/// "gldp": the file is a gridledger phone store.
const APPLICATION_ID: i32 = 0x676c_6470;
/// Steps taken so far; each version adds one.
const STEPS: &[&str] = &[FIRST, MOVES, EPOCHS, RIGHTS, READS, SEALED, RESTORED, SUITES];

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

/// The columns that keep residents' values sealed, and what is known of a record without opening them.
const SEALED: &str = "
ALTER TABLE documents ADD COLUMN confirmed_clock BLOB;
ALTER TABLE documents ADD COLUMN overlay_clock BLOB;
ALTER TABLE records ADD COLUMN sealed BLOB;
ALTER TABLE records ADD COLUMN stale INTEGER NOT NULL DEFAULT 0;
ALTER TABLE entries ADD COLUMN at INTEGER;
ALTER TABLE entries ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX records_stale ON records (stale) WHERE stale = 1;
CREATE INDEX entries_unsealed ON entries (n) WHERE state >= 2 AND sealed = 0;
";

/// What a restore of the server needs: receipts, what was confirmed of a former generation, earlier feeds to be sent again;
/// and which own entries were made on what was confirmed then.
const RESTORED: &str = "
CREATE TABLE receipts (
  feed BLOB NOT NULL, n INTEGER NOT NULL, first INTEGER NOT NULL, epoch INTEGER NOT NULL, hash BLOB NOT NULL,
  refused TEXT NOT NULL, signature BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (feed, n, first, epoch)
  ) STRICT, WITHOUT ROWID;
CREATE TABLE shadows (
  record BLOB NOT NULL, facet INTEGER NOT NULL, no INTEGER NOT NULL, document BLOB NOT NULL, clock BLOB,
  held INTEGER NOT NULL, area INTEGER NOT NULL, type TEXT NOT NULL, lost INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (record, facet, no)) STRICT;
CREATE INDEX shadows_lost ON shadows (lost, record);
CREATE TABLE former_feeds (ordinal INTEGER PRIMARY KEY, decided INTEGER NOT NULL) STRICT;
ALTER TABLE entries ADD COLUMN former INTEGER NOT NULL DEFAULT 0;
";

/// The suite of each receipt; 0 for one in the form of protocol 1.
const SUITES: &str = "
ALTER TABLE receipts ADD COLUMN suite INTEGER NOT NULL DEFAULT 0;
";

/// Bytes of a page: a file of less is none.
const PAGE: u64 = 4096;
/// The first bytes of a file that is not encrypted.
const PLAIN: &[u8] = b"SQLite format 3\0";
/// The files of a store.
const PARTS: [&str; 4] = ["", "-wal", "-shm", ".key"];

/// Why a file did not open.
enum Fault {
    /// It is damaged.
    Damage,
    /// Anything else.
    Other(ClientError),
}

impl<E: Into<ClientError>> From<E> for Fault {
    fn from(error: E) -> Self {
        match error.into() {
            error if error.is_damage() => Self::Damage,
            error => Self::Other(error),
        }
    }
}

/// Opens the file with its lock, making it if it is not there. A damaged one is set aside and reported, never deleted;
/// a lock that does not fit changes nothing.
pub(super) fn open(path: &Path, lock: &Lock) -> Result<(Connection, FileKey), ClientError> {
    open_checked(path, lock).map_err(|fault| match fault {
        Fault::Damage => match set_aside(path) {
            Ok(kept_as) => ClientError::Damaged { kept_as },
            Err(error) => error,
        },
        Fault::Other(error) => error,
    })
}

/// Gives the files of a store other names, all with the same ending; the name of the first.
pub(super) fn set_aside(path: &Path) -> Result<String, ClientError> {
    let free = (1..u32::MAX)
        .map(|i| key_file::named(path, &format!(".damaged-{i}")))
        .find(|name| PARTS.iter().all(|part| !key_file::named(name, part).exists()));
    let aside = free.expect("BUG: some name is free");
    for part in PARTS {
        let from = key_file::named(path, part);
        if from.exists() {
            std::fs::rename(&from, key_file::named(&aside, part)).map_err(|e| ClientError::of_file(&e))?;
        }
    }
    Ok(aside.display().to_string())
}

fn open_checked(path: &Path, lock: &Lock) -> Result<(Connection, FileKey), Fault> {
    let length = match std::fs::metadata(path) {
        Ok(found) => Some(found.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(ClientError::of_file(&error).into()),
    };
    let key = match (length, key_file::read(path)?) {
        (_, Some(wrapped)) => unwrap(lock, &wrapped)?,
        (Some(_), None) if is_plain(path)? => {
            let what = "the file is not encrypted: it is no store of this version";
            return Err(ClientError::NotAStore(what.into()).into());
        }
        (Some(_), None) => return Err(Fault::Damage),
        (None, None) => {
            let key = key_file::new_key()?;
            key_file::write(path, &lock.wrap(&key)?)?;
            key
        }
    };
    match length {
        Some(length) if length < PAGE => return Err(Fault::Damage),
        // What was never folded into a file is gone with it.
        None if key_file::named(path, "-wal").exists() => return Err(Fault::Damage),
        None => make(path, &key)?,
        Some(_) => {}
    }
    let mut connection = with_key(path, &key)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 1000;")?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection)?;
    Ok((connection, key))
}

fn unwrap(lock: &Lock, wrapped: &[u8]) -> Result<FileKey, Fault> {
    lock.unwrap(wrapped).map_err(|fault| match fault {
        KeyFault::Damaged => Fault::Damage,
        KeyFault::Wrong => Fault::Other(ClientError::WrongKey),
        KeyFault::Newer(version) => Fault::Other(key_file::newer(version)),
    })
}

fn is_plain(path: &Path) -> Result<bool, ClientError> {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(PLAIN.len() as u64).read_to_end(&mut head));
    read.map_err(|e| ClientError::of_file(&e))?;
    Ok(head == PLAIN)
}

/// Makes a store under another name and puts it in place whole: a file that is there and short is a damaged one.
fn make(path: &Path, key: &FileKey) -> Result<(), Fault> {
    let new = key_file::named(path, ".new");
    for part in ["", "-journal"] {
        match std::fs::remove_file(key_file::named(&new, part)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(ClientError::of_file(&error).into());
            }
            _ => {}
        }
    }
    let mut connection = with_key(&new, key)?;
    migrate(&mut connection)?;
    connection.close().map_err(|(_, error)| error)?;
    faults::reach("phone.before_store");
    let placed = std::fs::rename(&new, path).and_then(|()| key_file::sync_folder(path));
    placed.map_err(|e| ClientError::of_file(&e))?;
    Ok(())
}

/// A connection under a key. That the key fits shows at the first read.
fn with_key(path: &Path, key: &FileKey) -> Result<Connection, ClientError> {
    let connection = Connection::open(path)?;
    // A raw key: no derivation, it is random already. SQLCipher would write what it finds wrong to standard error.
    let mut sql = Zeroizing::new(String::with_capacity(192));
    sql.push_str("PRAGMA cipher_log_level = NONE; PRAGMA key = \"x'");
    for byte in key.iter() {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).expect("BUG: a nibble");
        sql.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    // Each page written carries an authentication code; phones compute this one in hardware.
    sql.push_str("'\"; PRAGMA cipher_hmac_algorithm = HMAC_SHA256;");
    connection.execute_batch(&sql)?;
    // `secure_delete`: what is sealed or deleted leaves no copy in the pages it was in.
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA secure_delete = ON;
         PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;
         PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;",
    )?;
    Ok(connection)
}

/// Folds the log into the file and empties it, so that nothing of what was deleted stays in it.
pub(super) fn fold_log(c: &Connection) -> Result<(), ClientError> {
    c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
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

/// Takes a setting away.
pub(super) fn unset(c: &Connection, key: &str) -> Result<(), ClientError> {
    c.prepare_cached("DELETE FROM settings WHERE key = ?1")?
        .execute([key])?;
    Ok(())
}

/// Keeps a number.
pub(super) fn set_number(c: &Connection, key: &str, value: i64) -> Result<(), ClientError> {
    set(c, key, &value.to_be_bytes())
}

/// Keeps a number that is not negative, unless a greater one is kept.
pub(super) fn raise_number(c: &Connection, key: &str, value: i64) -> Result<(), ClientError> {
    let sql = "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = max(value, ?2)";
    c.prepare_cached(sql)?.execute((key, &value.to_be_bytes()[..]))?;
    Ok(())
}

/// Writes without waiting for the disk: for what may be forgotten by a power cut.
pub(super) fn lightly<T>(
    c: &Connection,
    write: impl FnOnce(&Connection) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    c.execute_batch("PRAGMA synchronous = NORMAL")?;
    let written = write(c);
    c.execute_batch("PRAGMA synchronous = FULL")?;
    written
}

/// A setting that is a text.
pub(super) fn text(c: &Connection, key: &str) -> Result<Option<String>, ClientError> {
    Ok(setting(c, key)?.map(|v| String::from_utf8_lossy(&v).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_before_restores_is_taken_on_with_what_it_holds() {
        let mut c = Connection::open_in_memory().expect("a database");
        for sql in &STEPS[..6] {
            c.execute_batch(sql).expect("a step");
        }
        c.pragma_update(None, "application_id", APPLICATION_ID)
            .expect("a mark");
        c.pragma_update(None, "user_version", 6).expect("a mark");
        let old = "INSERT INTO entries (feed, n, record, body, hash, seen, state)
                   VALUES (zeroblob(16), 1, zeroblob(16), x'00', zeroblob(32), x'', 2)";
        c.execute(old, []).expect("an entry");
        migrate(&mut c).expect("the steps since");
        let now: (i64, i64) = c
            .query_row("SELECT state, former FROM entries", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .expect("the entry");
        assert_eq!(now, (2, 0));
        for table in ["receipts", "shadows", "former_feeds"] {
            let count: i64 = c
                .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
                .expect("a new table");
            assert_eq!(count, 0, "{table}");
        }
        migrate(&mut c).expect("nothing is left to do");
    }
}
