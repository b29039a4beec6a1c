//! A phone's file looked into with SQLCipher itself, as somebody would who has the file and its key.

use std::path::Path;

use gridledger_client::Lock;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// The lock of a phone that a test plays.
pub fn lock() -> Lock {
    Lock::host_key([7; 32])
}

/// The store's file, opened with its raw key.
pub fn open_raw(store: &Path, lock: &Lock) -> Connection {
    let key = lock.file_key(store).expect("the lock fits");
    let digits = gridledger_schema::ids::hex(&key[..]);
    let connection = Connection::open(store).expect("a file");
    connection
        .execute_batch(&format!("PRAGMA key = \"x'{digits}'\"; PRAGMA cipher_hmac_algorithm = HMAC_SHA256;"))
        .expect("a key");
    connection
}

/// Whether every page of the store is whole, and the database they make.
pub fn is_whole(store: &Path, lock: &Lock) -> bool {
    let connection = open_raw(store, lock);
    let mut pages = connection.prepare("PRAGMA cipher_integrity_check").expect("a check");
    let damaged = pages.query([]).expect("a check").next().expect("a check").is_some();
    let check: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a check");
    !damaged && check == "ok"
}

/// Every value of every table, one after another; what is no text as its bytes.
pub fn dump(store: &Path, lock: &Lock) -> Vec<u8> {
    let connection = open_raw(store, lock);
    let mut names =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").expect("tables");
    let names: Vec<String> =
        names.query_map([], |row| row.get(0)).expect("tables").collect::<Result<_, _>>().expect("tables");
    let mut out = Vec::new();
    for name in names {
        let mut select = connection.prepare(&format!("SELECT * FROM {name}")).expect("a table");
        let columns = select.column_count();
        let mut rows = select.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            for column in 0..columns {
                match row.get_ref(column).expect("a value") {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => out.extend(bytes),
                    _ => {}
                }
                out.push(b'\n');
            }
        }
    }
    out
}

/// The texts of `canaries` that stand somewhere in `bytes`.
pub fn found<'a>(bytes: &[u8], canaries: &[&'a str]) -> Vec<&'a str> {
    let stands = |canary: &&&str| bytes.windows(canary.len()).any(|w| w == canary.as_bytes());
    canaries.iter().filter(stands).copied().collect()
}
