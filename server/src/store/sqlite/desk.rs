//! Desks and imports in SQLite.

use gridledger_schema::ids::{EntryHash, FeedId, RecordId};
use rusqlite::{Connection, OptionalExtension as _};

use super::SqliteStore;
use super::pushes::{self, read_refusal};
use super::refusals;
use crate::store::StoreError;
use crate::store::desk::{Answered, DeskStore, ImportKey, Notes};
use crate::store::people::UserNo;
use crate::store::records::{Push, SegmentVerdict};

fn note(c: &Connection, notes: &Notes, verdicts: &[SegmentVerdict]) -> Result<(), StoreError> {
    // A segment that was stopped wrote nothing: what stands at its numbers is another's.
    let decided = |feed: FeedId, n: u64| {
        verdicts
            .iter()
            .find(|verdict| verdict.feed == feed && n <= verdict.n && verdict.stopped.is_none())
    };
    for (user, request, feed, n) in &notes.requests {
        if decided(*feed, *n).is_some() {
            let mut insert = c.prepare_cached("INSERT OR IGNORE INTO requests VALUES (?1, ?2, ?3, ?4)")?;
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
    for (key, feed, n) in &notes.imports {
        if stored(*feed, *n) {
            let mut insert = c.prepare_cached("INSERT OR IGNORE INTO import_keys VALUES (?1, ?2)")?;
            if insert.execute((key, RecordId::created_by(*feed, *n).0))? == 0 {
                return Err(StoreError::Taken("the imported thing".into()));
            }
        }
    }
    Ok(())
}

impl DeskStore for SqliteStore {
    fn feed_head(&self, feed: FeedId) -> Result<(u64, EntryHash), StoreError> {
        self.read(|c| pushes::feed_head(c, feed))
    }

    fn push_noting(&self, push: Push, notes: Notes) -> Result<Vec<SegmentVerdict>, StoreError> {
        let (decide, overwritten) = (self.decide.clone(), self.writer.overwritten());
        self.writer.call(move |c| {
            let verdicts = pushes::push(c, &push, &*decide, &overwritten)?;
            note(c, &notes, &verdicts)?;
            Ok(verdicts)
        })
    }

    fn answered(&self, user: UserNo, request: &str) -> Result<Option<Answered>, StoreError> {
        self.read(|c| {
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

    fn imported(&self, keys: &[ImportKey]) -> Result<Vec<Option<RecordId>>, StoreError> {
        self.read(|c| {
            let mut select = c.prepare_cached("SELECT record FROM import_keys WHERE key = ?1")?;
            keys.iter()
                .map(|key| {
                    Ok(select
                        .query_row([key], |row| Ok(RecordId(row.get(0)?)))
                        .optional()?)
                })
                .collect()
        })
    }
}
