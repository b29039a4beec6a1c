//! Desks and imports.

use gridledger_schema::code::Code;
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};

use super::locks::Discovered;
use super::pushes::{self, read_refusal};
use super::refusals;
use super::{Engine, SqlStore};
use crate::store::StoreError;
use crate::store::desk::{Answered, DeskStore, ImportKey, Notes};
use crate::store::people::UserNo;
use crate::store::records::{Push, SegmentVerdict};
use crate::store::sql::{Connection, Optional as _};

fn note(c: &Connection<'_>, notes: &Notes, verdicts: &[SegmentVerdict]) -> Result<(), StoreError> {
    // A segment that was stopped by what stands at its numbers wrote nothing: that is another's.
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
    for (key, feed, n) in &notes.imports {
        if stored(*feed, *n) {
            let mut insert =
                c.prepare_cached("INSERT INTO import_keys VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
            if insert.execute((key, RecordId::created_by(*feed, *n).0))? == 0 {
                return Err(StoreError::Taken("the imported thing".into()));
            }
        }
    }
    Ok(())
}

impl<E: Engine> DeskStore for SqlStore<E> {
    fn feed_head(&self, feed: FeedId) -> Result<(u64, EntryHash), StoreError> {
        self.engine.read(|c| pushes::feed_head(c, feed))
    }

    fn push_noting(&self, push: Push, notes: Notes) -> Result<Vec<SegmentVerdict>, StoreError> {
        let (decide, key) = (self.decide.clone(), push.key());
        let discovered = Discovered::default();
        self.engine.write_beside(key, move |c| {
            let verdicts = pushes::push(c, &push, &discovered, &*decide)?;
            note(c, &notes, &verdicts)?;
            Ok(verdicts)
        })
    }

    fn answered(&self, user: UserNo, request: &str) -> Result<Option<Answered>, StoreError> {
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

    fn imported(&self, keys: &[ImportKey]) -> Result<Vec<Option<RecordId>>, StoreError> {
        self.engine.read(|c| {
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
