//! The one way to open the phone's file: for writing if possible, else for reading. `key_file` gives the key.
//!
//! The phone sets a file aside only if the damage is proven: the key opens some of its pages and not others, or the file is
//! shorter than a page. A file that is missing or cannot be read now may come back, so then nothing is touched.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use rusqlite::backup::Backup;
use rusqlite::{Connection, MAIN_DB, OpenFlags};
use zeroize::Zeroizing;

use crate::engine::file::database;
use crate::engine::file::key_file::{self, FileKey, KeyFault, Lock, path_with};
use crate::error::{ClientError, KeyFileFault};
use crate::faults;

/// Bytes of a page. A shorter file is damaged.
const PAGE: u64 = 4096;

/// The first bytes of a SQLite file that is not encrypted.
const PLAIN: &[u8] = b"SQLite format 3\0";

/// The suffixes of a store's files.
const PARTS: [&str; 4] = ["", "-wal", "-shm", ".key"];

/// Pages that a copy into memory takes at a time: all of them.
const ALL_PAGES: std::ffi::c_int = i32::MAX;

/// How a store's file is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Shared with other processes, through a `-shm` file.
    Shared,
    /// Alone, with the log's index in memory, so that it takes no room on the disk.
    Alone,
    /// For reading, in a folder that cannot be written to.
    Reading,
    /// For reading a file that has no log and that nobody writes to.
    Frozen,
}

/// The ways to try if the file cannot be opened for writing, in order. On a full disk the first of them can write once
/// there is room again.
const FOR_READING: [Way; 3] = [Way::Alone, Way::Reading, Way::Frozen];

/// The reason why a file did not open.
enum Fault {
    /// The file is damaged.
    Damage,
    /// Any other error.
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

/// Opens the file with its lock, and makes the file if there is none. A damaged file is set aside and reported, never
/// deleted. A lock that does not fit and a missing file change nothing.
pub(crate) fn open(path: &Path, lock: &Lock) -> Result<(Connection, FileKey), ClientError> {
    open_checked(path, lock).map_err(|fault| match fault {
        Fault::Damage => match set_aside(path) {
            Ok(kept_as) => ClientError::Damaged { kept_as },
            Err(error) => error,
        },
        Fault::Other(error) => error,
    })
}

/// Renames a store's files, all with the same ending, and gives the new path of the first. The next opening makes a new
/// store.
///
/// # Errors
///
/// The file system's, if a file cannot be renamed.
pub fn set_aside(path: &Path) -> Result<String, ClientError> {
    let free = (1..u32::MAX)
        .map(|i| path_with(path, &format!(".damaged-{i}")))
        .find(|name| PARTS.iter().all(|part| !path_with(name, part).exists()));
    let aside = free.expect("BUG: some name is free");
    for part in PARTS {
        let from = path_with(path, part);
        if from.exists() {
            std::fs::rename(&from, path_with(&aside, part)).map_err(|e| ClientError::of_file(&e))?;
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
            let what = "the file is not encrypted, so it is no store of this version";
            return Err(ClientError::NotAStore(what.into()).into());
        }
        (Some(_), None) => return Err(ClientError::of_key_file(path, KeyFileFault::Missing).into()),
        (None, None) if has_log(path) => return Err(missing_file(path).into()),
        (None, None) => {
            let key = key_file::make_key()?;
            key_file::write(path, &lock.wrap(&key)?)?;
            key
        }
    };
    match length {
        Some(length) if length < PAGE => return Err(Fault::Damage),
        None if has_log(path) => return Err(missing_file(path).into()),
        None => make(path, &key)?,
        Some(_) => {}
    }
    match open_file(path, &key) {
        Err(error) if error.is_damage() && !opens_a_page(path, &key)? => {
            Err(ClientError::of_key_file(path, KeyFileFault::Misfit).into())
        }
        opened => Ok((opened?, key)),
    }
}

/// Whether the store has a log that is not folded into its file yet.
fn has_log(path: &Path) -> bool {
    std::fs::metadata(path_with(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

fn missing_file(path: &Path) -> ClientError {
    ClientError::LostFile { file: path.display().to_string() }
}

fn unwrap(path: &Path, lock: &Lock, wrapped: &[u8]) -> Result<FileKey, ClientError> {
    lock.unwrap(wrapped).map_err(|fault| match fault {
        KeyFault::Damaged => ClientError::of_key_file(path, KeyFileFault::Damaged),
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

/// Makes a store under another name and then renames it. A short file in place is therefore a damaged one.
fn make(path: &Path, key: &FileKey) -> Result<(), ClientError> {
    let new = path_with(path, ".new");
    for part in ["", "-journal"] {
        match std::fs::remove_file(path_with(&new, part)) {
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

/// Opens the file for writing; if nothing can be written, for reading.
fn open_file(path: &Path, key: &FileKey) -> Result<Connection, ClientError> {
    let shared = to_write(path, key);
    let error = match shared {
        Err(error) if error.may_be_of_writing() => error,
        shared => return shared,
    };
    for way in FOR_READING {
        // A file whose log is not folded in yet is not the whole store.
        if way == Way::Frozen && has_log(path) {
            continue;
        }
        if let Ok(connection) = to_read(path, key, way) {
            return Ok(connection);
        }
    }
    Err(explain_write_error(path, error))
}

fn to_write(path: &Path, key: &FileKey) -> Result<Connection, ClientError> {
    let mut connection = with_key(path, key, Way::Shared)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 1000;")?;
    connection.set_prepared_statement_cache_capacity(64);
    database::migrate(&mut connection)?;
    Ok(connection)
}

/// Opens the file for reading. A store of an older version is migrated in memory, since its file has no room to grow.
fn to_read(path: &Path, key: &FileKey, way: Way) -> Result<Connection, ClientError> {
    let mut connection = with_key(path, key, way)?;
    match way {
        _ if database::is_current(&connection)? => {}
        Way::Shared | Way::Alone => connection = in_memory(&connection)?,
        // The copy is made through a database that is attached. A connection that only reads cannot fill one.
        Way::Reading | Way::Frozen => return Err(ClientError::ReadOnly),
    }
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Copies a store into memory and takes the steps since its version. The copy cannot be written to.
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

/// Opens a connection under a key. The first read shows whether the key fits.
fn with_key(path: &Path, key: &FileKey, way: Way) -> Result<Connection, ClientError> {
    let connection = keyed(path, key, way)?;
    if way == Way::Alone {
        connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE;")?;
    }
    // `secure_delete`: a value that is sealed or deleted leaves no copy in its page.
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA secure_delete = ON;
         PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;
         PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;",
    )?;
    Ok(connection)
}

/// Opens a connection that has the key and has read nothing.
fn keyed(path: &Path, key: &FileKey, way: Way) -> Result<Connection, ClientError> {
    let connection = match way {
        Way::Shared | Way::Alone => Connection::open(path)?,
        Way::Reading => Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        Way::Frozen => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(frozen(path), flags)?
        }
    };
    // A raw key is random already and needs no derivation. SQLCipher would log to standard error.
    let mut sql = Zeroizing::new(String::with_capacity(192));
    sql.push_str("PRAGMA cipher_log_level = NONE; PRAGMA key = \"x'");
    for byte in key.iter() {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).expect("BUG: a nibble");
        sql.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    // Each page carries an authentication code. Phones compute this one in hardware.
    sql.push_str("'\"; PRAGMA cipher_hmac_algorithm = HMAC_SHA256;");
    connection.execute_batch(&sql)?;
    Ok(connection)
}

/// The URI of a file that nobody writes to.
fn frozen(path: &Path) -> PathBuf {
    let text = path.display().to_string();
    let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    PathBuf::from(format!("file:{escaped}?immutable=1"))
}

/// Whether the key opens any page of the file. If it does, it is the file's key.
fn opens_a_page(path: &Path, key: &FileKey) -> Result<bool, ClientError> {
    let length = std::fs::metadata(path).map_err(|e| ClientError::of_file(&e))?.len();
    let connection = keyed(path, key, Way::Frozen)?;
    let mut check = connection.prepare("PRAGMA cipher_integrity_check")?;
    let report = check.query_map([], |row| row.get::<_, String>(0))?;
    let report: Vec<String> = report.collect::<Result<_, _>>()?;
    let closed = report.iter().filter(|line| line.starts_with("HMAC")).count();
    Ok((closed as u64) < length / PAGE)
}

/// Turns an error of writing into `Full` or `ReadOnly` if that is the cause. SQLite does not always say so; a file of one
/// page shows what the file system says.
pub(crate) fn explain_write_error(path: &Path, error: ClientError) -> ClientError {
    if !error.may_be_of_writing() || matches!(error, ClientError::Full) {
        return error;
    }
    let probe = path_with(path, ".probe");
    let written = std::fs::write(&probe, [0; PAGE as usize]);
    let _ = std::fs::remove_file(&probe);
    match written.map_err(|cause| ClientError::of_file(&cause)) {
        Err(cause @ (ClientError::Full | ClientError::ReadOnly)) => cause,
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_released_version_is_read_in_memory_and_its_file_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("phone.db");
        let key = key_file::make_key().expect("a key");
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
