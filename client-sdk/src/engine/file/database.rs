//! The tables of the phone's file, as the steps that made them; `opening` opens the file.

use rusqlite::Connection;

use crate::engine::file::settings::SCRUB;
use crate::error::ClientError;

/// The mark of a gridledger phone store: "gldp".
pub(crate) const APPLICATION_ID: i32 = 0x676c_6470;

/// The steps that made the tables. A released step never changes; a version adds steps at the end.
pub(crate) const STEPS: &[&str] =
    &[FIRST, MOVES, EPOCHS, RIGHTS, READS, SEALED, RESTORED, SUITES, SEEN, CLOCKED, SCOPES, MARKS];

// A save should touch few pages, since each is written and synced. Rows with a document or a view are large, so they stay
// out of WITHOUT ROWID tables: such a page keeps only about a kilobyte of a row before the row overflows.
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

/// The territory in time: where an area lies, from when until when. A record that left its area waits here while the
/// server has not decided all edits in it; `leaving` is the log position at which it left.
const MOVES: &str = "
ALTER TABLE areas ADD COLUMN edges TEXT NOT NULL DEFAULT '[]';
ALTER TABLE records ADD COLUMN leaving INTEGER;
CREATE INDEX records_leaving ON records (record) WHERE leaving IS NOT NULL;
";

/// `entries.facets`: an entry without content keeps the facets that it had touched. `due`: records of which something may
/// be due. `gone`: short names of removed records, which an answer on its way may still use.
const EPOCHS: &str = "
ALTER TABLE entries ADD COLUMN facets INTEGER;
CREATE TABLE due (record BLOB PRIMARY KEY, at INTEGER NOT NULL, hides INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX due_at ON due (at);
CREATE TABLE gone (
  area INTEGER NOT NULL, created INTEGER NOT NULL, record BLOB NOT NULL, PRIMARY KEY (area, created)) STRICT, WITHOUT ROWID;
";

/// `areas`: the facets and the scope that records were fetched under. `creators`: authors of records whose type asks for
/// them. `entries`, of refused ones: the last own entry made while this one seemed to stand (`stood_until`), the question and
/// the ruling, and the record that a second save created (`again`).
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

/// The read log: rows that the server does not have yet.
const READS: &str = "
CREATE TABLE reads (
  n INTEGER PRIMARY KEY, at INTEGER NOT NULL, record BLOB NOT NULL, fields TEXT NOT NULL, reason TEXT NOT NULL) STRICT;
";

/// Columns for sealed values, and columns that tell something of a record without opening them.
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

/// Tables for a restore of the server: receipts, shadows of a former generation, and earlier feeds to send again.
/// `entries.former` marks an entry that was made on the former generation.
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

/// The suite of each receipt; 0 for a receipt in the form of protocol 1.
const SUITES: &str = "
ALTER TABLE receipts ADD COLUMN suite INTEGER NOT NULL DEFAULT 0;
";

/// Records whose whole values were seen, and when last. A row goes on counting after the server has the read.
const SEEN: &str = "
CREATE TABLE seen_whole (record BLOB PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX seen_whole_at ON seen_whole (at);
INSERT INTO seen_whole SELECT record, max(at) FROM reads GROUP BY record;
";

/// The version before may have kept records of a narrow scope that the user no longer reads. Such areas are fetched afresh,
/// as if the scope had changed.
const SCOPES: &str = "UPDATE areas SET scope = -1 WHERE scope < 2;";

/// The clock that an own entry was saved by: the phone's clock, the server's time as told last, and whether the phone knew
/// that its clock was wrong.
const CLOCKED: &str = "
ALTER TABLE entries ADD COLUMN clock INTEGER;
ALTER TABLE entries ADD COLUMN told INTEGER;
ALTER TABLE entries ADD COLUMN doubted INTEGER NOT NULL DEFAULT 0;
";

/// The mark of the log's end. It tells this log from a log that was set back and went on. 0: none.
const MARKS: &str = "ALTER TABLE areas ADD COLUMN mark INTEGER NOT NULL DEFAULT 0;";

/// Folds the write-ahead log into the file and empties it, so that nothing deleted stays in it.
pub(crate) fn fold_log(c: &Connection) -> Result<(), ClientError> {
    c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// Whether the file has taken every step.
pub(crate) fn is_current(connection: &Connection) -> Result<bool, ClientError> {
    let taken: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(taken as usize == STEPS.len())
}

/// Takes the steps that the file has not taken yet.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), ClientError> {
    let taken: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(ClientError::NotAStore("the file is not a gridledger phone store".into()));
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

/// The store's version. It changes when another connection commits.
pub(crate) fn version(c: &Connection) -> Result<i64, ClientError> {
    Ok(c.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?)
}

/// Writes without waiting for the disk: a power cut may lose what `write` wrote.
pub(crate) fn lightly<T>(
    c: &Connection,
    write: impl FnOnce(&Connection) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    c.execute_batch("PRAGMA synchronous = NORMAL")?;
    let written = write(c);
    c.execute_batch("PRAGMA synchronous = FULL")?;
    written
}

/// Empties the write-ahead log if it still holds what was overwritten.
pub(crate) fn scrub_log(c: &Connection) -> Result<(), ClientError> {
    if !SCRUB.get(c)? {
        return Ok(());
    }
    SCRUB.set(c, &false)?;
    let blocked = c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))?;
    if blocked {
        // Another process reads; the next sync tries again.
        SCRUB.set(c, &true)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_predates_restores_migrates_and_keeps_its_entries() {
        let mut c = Connection::open_in_memory().expect("a database");
        for sql in &STEPS[..6] {
            c.execute_batch(sql).expect("a step");
        }
        c.pragma_update(None, "application_id", APPLICATION_ID).expect("a mark");
        c.pragma_update(None, "user_version", 6).expect("a mark");
        let old = "INSERT INTO entries (feed, n, record, body, hash, seen, state)
                   VALUES (zeroblob(16), 1, zeroblob(16), x'00', zeroblob(32), x'', 2)";
        c.execute(old, []).expect("an entry");
        migrate(&mut c).expect("the steps since");
        let now: (i64, i64) = c
            .query_row("SELECT state, former FROM entries", [], |row| Ok((row.get(0)?, row.get(1)?)))
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
