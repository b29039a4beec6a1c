//! The tables of the phone's file. `opening` opens it.

use rusqlite::Connection;

use crate::engine::file::settings;
use crate::error::ClientError;

/// "gldp": the file is a gridledger phone store.
pub(crate) const APPLICATION_ID: i32 = 0x676c_6470;

/// Steps taken so far; each version adds one.
pub(crate) const STEPS: &[&str] =
    &[FIRST, MOVES, EPOCHS, RIGHTS, READS, SEALED, RESTORED, SUITES, SEEN, CLOCKED, SCOPES, MARKS];

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

/// The records whose whole values were seen, and when last: they go on counting when the server knows of the reads.
const SEEN: &str = "
CREATE TABLE seen_whole (record BLOB PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX seen_whole_at ON seen_whole (at);
INSERT INTO seen_whole SELECT record, max(at) FROM reads GROUP BY record;
";

/// Where the version before held some records of an area, it may have gone on holding what it was not to read any more: those
/// areas are fetched afresh, as if the scope had changed.
const SCOPES: &str = "UPDATE areas SET scope = -1 WHERE scope < 2;";

/// By what clock own entries were saved: what the phone's clock said, the server's time told last, and whether the clock was
/// known to be wrong.
const CLOCKED: &str = "
ALTER TABLE entries ADD COLUMN clock INTEGER;
ALTER TABLE entries ADD COLUMN told INTEGER;
ALTER TABLE entries ADD COLUMN doubted INTEGER NOT NULL DEFAULT 0;
";

/// The mark with which the log's end was told: it tells this log from one that was set back and went on. 0: none.
const MARKS: &str = "ALTER TABLE areas ADD COLUMN mark INTEGER NOT NULL DEFAULT 0;";

/// Folds the log into the file and empties it, so that nothing of what was deleted stays in it.
pub(crate) fn fold_log(c: &Connection) -> Result<(), ClientError> {
    c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// Whether every step has been taken.
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

/// The store's version: another one after a commit by anybody else.
pub(crate) fn version(c: &Connection) -> Result<i64, ClientError> {
    Ok(c.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?)
}

/// Writes without waiting for the disk: for what may be forgotten by a power cut.
pub(crate) fn lightly<T>(
    c: &Connection,
    write: impl FnOnce(&Connection) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    c.execute_batch("PRAGMA synchronous = NORMAL")?;
    let written = write(c);
    c.execute_batch("PRAGMA synchronous = FULL")?;
    written
}

/// Set while the log of writes holds what was overwritten.
pub(crate) const SCRUB: &str = "scrub";

/// Cuts the log of writes, if what was overwritten is still in it.
pub(crate) fn scrub(c: &Connection) -> Result<(), ClientError> {
    if settings::number(c, SCRUB)? == 0 {
        return Ok(());
    }
    settings::set_number(c, SCRUB, 0)?;
    let blocked = c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))?;
    if blocked {
        // Another process reads; the next sync tries again.
        settings::set_number(c, SCRUB, 1)?;
    }
    Ok(())
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
