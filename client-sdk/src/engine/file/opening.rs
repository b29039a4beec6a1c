//! The one way to open the phone's file: to be written to where that can be, else to be read. `key_file` says which key
//! opens it.
//!
//! Only a file that is proven damaged is set aside: the key opens some of its pages and not others, or it is shorter than
//! a page. Whatever is missing or cannot be read now may come back, so nothing is touched then.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use rusqlite::backup::Backup;
use rusqlite::{Connection, MAIN_DB, OpenFlags};
use zeroize::Zeroizing;

use crate::engine::file::database;
use crate::engine::file::key_file::{self, FileKey, KeyFault, Lock};
use crate::error::{ClientError, KeyFileFault};
use crate::faults;

/// Bytes of a page: a file of less is none.
const PAGE: u64 = 4096;

/// The first bytes of a file that is not encrypted.
const PLAIN: &[u8] = b"SQLite format 3\0";

/// The files of a store.
const PARTS: [&str; 4] = ["", "-wal", "-shm", ".key"];

/// Pages that are copied into memory at a time: all there are.
const ALL_PAGES: std::ffi::c_int = i32::MAX;

/// How a store's file is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Shared with other processes, through a `-shm` file.
    Shared,
    /// Alone, with the log's index in memory: it takes no room on the disk.
    Alone,
    /// For reading, where nothing can be written.
    Reading,
    /// For reading, where the file has no log and nobody writes to it.
    Frozen,
}

/// The ways that only read, in the order they are tried. On a full disk the first of them still writes when there is
/// room again.
const FOR_READING: [Way; 3] = [Way::Alone, Way::Reading, Way::Frozen];

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
/// a lock that does not fit, and a file that is missing, change nothing.
pub(crate) fn open(path: &Path, lock: &Lock) -> Result<(Connection, FileKey), ClientError> {
    open_checked(path, lock).map_err(|fault| match fault {
        Fault::Damage => match set_aside(path) {
            Ok(kept_as) => ClientError::Damaged { kept_as },
            Err(error) => error,
        },
        Fault::Other(error) => error,
    })
}

/// Gives the files of a store other names, all with the same ending; the name of the first. The next opening makes a new
/// store.
pub fn set_aside(path: &Path) -> Result<String, ClientError> {
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
        (_, Some(wrapped)) => unwrap(path, lock, &wrapped)?,
        (Some(_), None) if is_plain(path)? => {
            let what = "the file is not encrypted: it is no store of this version";
            return Err(ClientError::NotAStore(what.into()).into());
        }
        (Some(_), None) => return Err(ClientError::key_file(path, KeyFileFault::Missing).into()),
        (None, None) if has_log(path) => return Err(lost(path).into()),
        (None, None) => {
            let key = key_file::new_key()?;
            key_file::write(path, &lock.wrap(&key)?)?;
            key
        }
    };
    match length {
        Some(length) if length < PAGE => return Err(Fault::Damage),
        None if has_log(path) => return Err(lost(path).into()),
        None => make(path, &key)?,
        Some(_) => {}
    }
    match open_file(path, &key) {
        Err(error) if error.is_damage() && !opens_a_page(path, &key)? => {
            Err(ClientError::key_file(path, KeyFileFault::Misfit).into())
        }
        opened => Ok((opened?, key)),
    }
}

/// Whether the store has a log that was not folded into its file.
fn has_log(path: &Path) -> bool {
    std::fs::metadata(key_file::named(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

fn lost(path: &Path) -> ClientError {
    ClientError::LostFile { file: path.display().to_string() }
}

fn unwrap(path: &Path, lock: &Lock, wrapped: &[u8]) -> Result<FileKey, ClientError> {
    lock.unwrap(wrapped).map_err(|fault| match fault {
        KeyFault::Damaged => ClientError::key_file(path, KeyFileFault::Damaged),
        KeyFault::Wrong => ClientError::WrongKey,
        KeyFault::Newer(version) => key_file::newer(version),
    })
}

fn is_plain(path: &Path) -> Result<bool, ClientError> {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(PLAIN.len() as u64).read_to_end(&mut head));
    read.map_err(|e| ClientError::of_file(&e))?;
    Ok(head == PLAIN)
}

/// Makes a store under another name and puts it in place whole: a file that is there and short is a damaged one.
fn make(path: &Path, key: &FileKey) -> Result<(), ClientError> {
    let new = key_file::named(path, ".new");
    for part in ["", "-journal"] {
        match std::fs::remove_file(key_file::named(&new, part)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(ClientError::of_file(&error)),
            _ => {}
        }
    }
    let mut connection = with_key(&new, key, Way::Shared)?;
    database::migrate(&mut connection)?;
    connection.close().map_err(|(_, error)| error)?;
    faults::reach("phone.before_store");
    let placed = std::fs::rename(&new, path).and_then(|()| key_file::sync_folder(path));
    placed.map_err(|e| ClientError::of_file(&e))
}

/// Opens the file. Where it cannot be written to, it is opened to be read.
fn open_file(path: &Path, key: &FileKey) -> Result<Connection, ClientError> {
    let shared = to_write(path, key);
    let error = match shared {
        Err(error) if error.may_be_of_writing() => error,
        shared => return shared,
    };
    for way in FOR_READING {
        // Where a log waits to be folded in, the file without it is not the store.
        if way == Way::Frozen && has_log(path) {
            continue;
        }
        if let Ok(connection) = to_read(path, key, way) {
            return Ok(connection);
        }
    }
    Err(told(path, error))
}

fn to_write(path: &Path, key: &FileKey) -> Result<Connection, ClientError> {
    let mut connection = with_key(path, key, Way::Shared)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 1000;")?;
    connection.set_prepared_statement_cache_capacity(64);
    database::migrate(&mut connection)?;
    Ok(connection)
}

/// A store of an older version is taken on in memory, since its file cannot be: on a full disk, where the file itself could
/// be written to.
fn to_read(path: &Path, key: &FileKey, way: Way) -> Result<Connection, ClientError> {
    let mut connection = with_key(path, key, way)?;
    match way {
        _ if database::is_current(&connection)? => {}
        Way::Shared | Way::Alone => connection = in_memory(&connection)?,
        // A database attached to a connection that only reads cannot be written to either.
        Way::Reading | Way::Frozen => return Err(ClientError::ReadOnly),
    }
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A copy of a store in memory, with the steps since its version taken. Nothing can be written to it.
fn in_memory(file: &Connection) -> Result<Connection, ClientError> {
    let mark = |name| file.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (version, application) = (mark("user_version")?, mark("application_id")?);
    file.execute_batch("ATTACH ':memory:' AS copy KEY ''")?;
    file.query_row("SELECT sqlcipher_export('copy')", [], |_| Ok(()))?;
    let mut memory = Connection::open_in_memory()?;
    Backup::new_with_names(file, "copy", &mut memory, MAIN_DB)?.step(ALL_PAGES)?;
    file.execute_batch("DETACH copy")?;
    memory.pragma_update(None, "user_version", version)?;
    memory.pragma_update(None, "application_id", application)?;
    database::migrate(&mut memory)?;
    memory.execute_batch("PRAGMA query_only = ON")?;
    Ok(memory)
}

/// A connection under a key. That the key fits shows at the first read.
fn with_key(path: &Path, key: &FileKey, way: Way) -> Result<Connection, ClientError> {
    let connection = keyed(path, key, way)?;
    if way == Way::Alone {
        connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE;")?;
    }
    // `secure_delete`: what is sealed or deleted leaves no copy in the pages it was in.
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA secure_delete = ON;
         PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;
         PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;",
    )?;
    Ok(connection)
}

/// A connection that has the key and has read nothing.
fn keyed(path: &Path, key: &FileKey, way: Way) -> Result<Connection, ClientError> {
    let connection = match way {
        Way::Shared | Way::Alone => Connection::open(path)?,
        Way::Reading => Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        Way::Frozen => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(frozen(path), flags)?
        }
    };
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
    Ok(connection)
}

/// The address of a file that nobody writes to.
fn frozen(path: &Path) -> PathBuf {
    let text = path.display().to_string();
    let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    PathBuf::from(format!("file:{escaped}?immutable=1"))
}

/// Whether the key opens any page of the file: the key is this file's then.
fn opens_a_page(path: &Path, key: &FileKey) -> Result<bool, ClientError> {
    let length = std::fs::metadata(path).map_err(|e| ClientError::of_file(&e))?.len();
    let connection = keyed(path, key, Way::Frozen)?;
    let mut check = connection.prepare("PRAGMA cipher_integrity_check")?;
    let said = check.query_map([], |row| row.get::<_, String>(0))?;
    let said: Vec<String> = said.collect::<Result<_, _>>()?;
    let closed = said.iter().filter(|line| line.starts_with("HMAC")).count();
    Ok((closed as u64) < length / PAGE)
}

/// An error of writing told apart: the disk is full, nothing can be written there, or the error itself. The database does
/// not always say it, so this asks the file system, with a file of one page.
pub(crate) fn told(path: &Path, error: ClientError) -> ClientError {
    if !error.may_be_of_writing() || matches!(error, ClientError::Full) {
        return error;
    }
    let probe = key_file::named(path, ".probe");
    let written = std::fs::write(&probe, [0; PAGE as usize]);
    let _ = std::fs::remove_file(&probe);
    match written.map_err(|said| ClientError::of_file(&said)) {
        Err(said @ (ClientError::Full | ClientError::ReadOnly)) => said,
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_a_released_version_is_read_in_memory_and_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("phone.db");
        let key = key_file::new_key().expect("a key");
        let old = with_key(&path, &key, Way::Shared).expect("a file");
        for sql in &database::STEPS[..6] {
            old.execute_batch(sql).expect("a step");
        }
        let entry = "INSERT INTO entries (feed, n, record, body, hash, seen, state)
                     VALUES (zeroblob(16), 1, zeroblob(16), x'00', zeroblob(32), x'', 2)";
        old.execute_batch(entry).expect("an entry");
        old.pragma_update(None, "application_id", database::APPLICATION_ID).expect("a mark");
        old.pragma_update(None, "user_version", 6).expect("a mark");
        drop(old);
        let bytes = std::fs::read(&path).expect("the file");
        let read = to_read(&path, &key, Way::Alone).expect("it can be read");
        assert!(database::is_current(&read).expect("a version"));
        let count = |sql| read.query_row(sql, [], |row| row.get::<_, i64>(0));
        assert_eq!(count("SELECT count(*) FROM entries WHERE former = 0"), Ok(1));
        assert_eq!(count("SELECT count(*) FROM receipts"), Ok(0));
        let written = read.execute("DELETE FROM entries", []).map_err(ClientError::from);
        assert!(matches!(written, Err(ClientError::ReadOnly)), "{written:?}");
        for way in [Way::Reading, Way::Frozen] {
            let refused = to_read(&path, &key, way);
            assert!(matches!(refused, Err(ClientError::ReadOnly)), "{refused:?}");
        }
        assert_eq!(std::fs::read(&path).expect("the file"), bytes);
    }
}
