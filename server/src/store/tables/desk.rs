//! Desks and imports.

use std::collections::HashSet;

use gridledger_schema::code::Code;
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};

use super::pushes;
use super::read::{self, read_refusal};
use super::refusals;
use super::row_locks::Discovered;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::rows::desk::{Answered, ImportKey, Notes, Said};
use crate::store::rows::people::UserNo;
use crate::store::rows::records::{Push, SegmentVerdict};
use crate::store::sql::{Connection, Optional as _};

fn note(c: &Connection<'_>, notes: &Notes, verdicts: &[SegmentVerdict]) -> Result<(), StoreError> {
    // A segment that was stopped because its numbers were taken wrote nothing: another writer wrote there.
    let wrote = |verdict: &&SegmentVerdict| {
        let stopped = verdict.stopped.as_ref();
        stopped.is_none_or(|stopped| stopped.code == Code::Busy)
    };
    let decided = |feed: FeedId, n: u64| {
        let mut verdicts = verdicts.iter().filter(wrote);
        verdicts.find(|verdict| verdict.feed == feed && n <= verdict.n)
    };
    for (user, request, feed, n) in &notes.requests {
        if decided(*feed, *n).is_some() {
            let mut insert =
                c.prepare_cached("INSERT INTO requests VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?;
            if insert.execute((user.0, request, feed.0, *n as i64))? == 0 {
                return Err(StoreError::Taken("the request".into()));
            }
        }
    }
    let stored = |feed: FeedId, n: u64| {
        decided(feed, n).is_some_and(|verdict| verdict.refused.iter().all(|(refused, _)| *refused != n))
    };
    for ruling in &notes.rulings {
        if ruling.admitted_as.is_some_and(|(feed, n)| stored(feed, n)) {
            refusals::rule(c, ruling)?;
        }
    }
    for (name, feed, n) in &notes.imports {
        if stored(*feed, *n) {
            put_name(c, name, RecordId::created_by(*feed, *n))?;
        }
    }
    note_sheet(c, notes, &|entry| entry.is_none_or(|(feed, n)| stored(feed, n)))
}

/// Writes a spreadsheet's names for existing records and its values, if its import may still write.
fn note_sheet(
    c: &Connection<'_>,
    notes: &Notes,
    is_stored: &dyn Fn(Option<(FeedId, u64)>) -> bool,
) -> Result<(), StoreError> {
    if let Some(run) = notes.run {
        let mut hold = c.prepare_cached("UPDATE import_runs SET n = n WHERE one = 1 AND n = ?1")?;
        if hold.execute([run as i64])? == 0 {
            return Err(StoreError::Taken("the import".into()));
        }
    }
    for (name, record) in &notes.names {
        put_name(c, name, *record)?;
    }
    for (record, said, entry) in &notes.said {
        if is_stored(*entry) {
            let mut put = c.prepare_cached(
                "INSERT INTO import_said (record, seen, said) SELECT record, last, ?2 FROM records WHERE record = ?1
                 ON CONFLICT (record) DO UPDATE SET seen = excluded.seen, said = excluded.said",
            )?;
            put.execute((record.0, said))?;
        }
    }
    Ok(())
}

fn put_name(c: &Connection<'_>, name: &ImportKey, record: RecordId) -> Result<(), StoreError> {
    let mut insert = c.prepare_cached("INSERT INTO import_names VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
    insert.execute((name, record.0))?;
    Ok(())
}

impl Store {
    /// A feed's last decided entry: its number and hash; (0, zero) when nothing is.
    pub fn feed_head(&self, feed: FeedId) -> Result<(u64, EntryHash), StoreError> {
        self.engine.read(|c| read::feed_head(c, feed))
    }

    /// [`push`](crate::store::Store::push), with notes in the same transaction. A request or key that is there already
    /// fails the whole push as [`StoreError::Taken`].
    pub fn push_noting(&self, push: Push, notes: Notes) -> Result<Vec<SegmentVerdict>, StoreError> {
        let (decide, key) = (self.decide.clone(), push.key());
        let discovered = Discovered::default();
        self.engine.write_locked(key, move |c| {
            let verdicts = pushes::push(c, &push, &discovered, &*decide)?;
            note(c, &notes, &verdicts)?;
            Ok(verdicts)
        })
    }

    /// The answer to a user's earlier request of this name.
    pub fn answered(&self, user: UserNo, request: &str) -> Result<Option<Answered>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached(
                "SELECT r.feed, r.n, e.body, e.refusal, e.record FROM requests r JOIN entries e USING (feed, n)
                 WHERE r.user = ?1 AND r.request = ?2",
            )?;
            let found = select.query_row((user.0, request), |row| {
                Ok(Answered {
                    feed: FeedId(row.get(0)?),
                    n: row.get::<_, i64>(1)? as u64,
                    record: RecordId(row.get(4)?),
                    body: row.get(2)?,
                    refusal: row.get::<_, Option<String>>(3)?.map(|text| read_refusal(&text)),
                })
            });
            Ok(found.optional()?)
        })
    }

    /// The records that version 0.1 imported under these keys, in the order asked.
    pub fn imported(&self, keys: &[ImportKey]) -> Result<Vec<Option<RecordId>>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached("SELECT record FROM import_keys WHERE key = ?1")?;
            keys.iter()
                .map(|key| Ok(select.query_row([key], |row| Ok(RecordId(row.get(0)?))).optional()?))
                .collect()
        })
    }

    /// The records that spreadsheets call by these names, in the order asked.
    pub fn named(&self, names: &[ImportKey]) -> Result<Vec<Vec<RecordId>>, StoreError> {
        self.engine.read(|c| {
            let mut select =
                c.prepare_cached("SELECT record FROM import_names WHERE name = ?1 ORDER BY record")?;
            names
                .iter()
                .map(|name| {
                    let rows = select.query_map([name], |row| Ok(RecordId(row.get(0)?)))?;
                    Ok(rows.collect::<Result<_, _>>()?)
                })
                .collect()
        })
    }

    /// Whether a spreadsheet ever named a record.
    pub fn is_named(&self, records: &[RecordId]) -> Result<Vec<bool>, StoreError> {
        self.engine.read(|c| {
            let mut all: HashSet<[u8; 16]> = HashSet::new();
            let mut select =
                c.prepare_cached("SELECT record FROM import_names UNION SELECT record FROM import_keys")?;
            for row in select.query_map((), |row| row.get(0))? {
                all.insert(row?);
            }
            Ok(records.iter().map(|record| all.contains(&record.0)).collect())
        })
    }

    /// Reads what the last spreadsheet that changed a record said of it.
    pub fn said(&self, record: RecordId) -> Result<Option<Said>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached("SELECT seen, said FROM import_said WHERE record = ?1")?;
            let found = select.query_row([record.0], |row| {
                Ok(Said { seen: row.get::<_, i64>(0)? as u64, said: row.get(1)? })
            });
            Ok(found.optional()?)
        })
    }

    /// Begins an import, ends the one before, and returns the new number.
    pub fn begin_import(&self) -> Result<u64, StoreError> {
        self.engine.write_alone(|c| {
            c.prepare_cached("UPDATE import_runs SET n = n + 1 WHERE one = 1")?.execute(())?;
            let mut select = c.prepare_cached("SELECT n FROM import_runs WHERE one = 1")?;
            Ok(select.query_row((), |row| row.get::<_, i64>(0))? as u64)
        })
    }

    /// Writes the notes that need no entry.
    pub fn note_import(&self, notes: Notes) -> Result<(), StoreError> {
        self.engine.write_alone(move |c| note_sheet(c, &notes, &|entry| entry.is_none()))
    }
}
