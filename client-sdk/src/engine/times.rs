//! Times put right: when the server's clock shows that edits were saved under a wrong one, those that the server has not decided
//! get the times they were made at. Their chain is made again; numbers, and the records they create, stay.
//!
//! An entry that the server may have decided is never changed: with another hash it would be another entry.

use std::collections::BTreeSet;

use gridledger_core::canonical;
use gridledger_core::document::Document;
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};
use gridledger_schema::limits;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::overlay;
use super::time::{EARLIEST_MS, Made};
use super::{Engine, db, settings};
use crate::error::ClientError;
use crate::faults;

/// An undecided entry, as it is kept.
struct Kept {
    entry: Entry,
    record: RecordId,
    made: Made,
}

/// The word of one request and its answer on the times of own entries.
#[derive(Default)]
pub(super) struct Times {
    /// The request left out own entries, since their times are in doubt: the server's comes first.
    pub(super) held_back: bool,
    /// The last entry of each segment in the request, with its hash.
    pub(super) sent: Vec<(FeedId, u64, EntryHash)>,
    /// Own entries whose times were corrected by the answer.
    pub(super) corrected: u64,
}

/// Which entries get other times.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Those saved while this phone knew that its clock was wrong. None of them was sent before.
    Doubted,
    /// All that the server has not decided, as its receipt of this answer says.
    Undecided,
}

impl Engine {
    /// Gives entries of a feed after number `after` the times that the clock as it is known now says; how many are others.
    /// `now` is the server's time.
    pub(super) fn correct_times(
        &mut self,
        (feed, after): (FeedId, u64),
        which: Which,
        now: i64,
    ) -> Result<u64, ClientError> {
        if faults::is_planted("25") {
            return Ok(0);
        }
        let tx = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        if db::number(&tx, super::request::COUNTER)? as u64 > self.counter {
            // Another process has sent since: what it sent may be decided. Its answer, or the next one, corrects.
            return Ok(0);
        }
        // An entry that a receipt of before a restore proves stays as it is.
        let after = after.max(proven(&tx, feed)?);
        let kept = undecided(&tx, feed, after)?;
        let offset = db::number(&tx, "clock_offset")?;
        let made: Vec<Made> = kept.iter().map(|kept| kept.made).collect();
        let mut times = placed(&made, offset, now);
        if which == Which::Doubted {
            for (time, made) in times.iter_mut().zip(&made) {
                *time = if made.doubted { *time } else { made.at };
            }
        }
        let before = hash_of(&tx, feed, after)?;
        let (mut before, mut changed) = (before.unwrap_or(EntryHash::ZERO), 0);
        let mut touched = BTreeSet::new();
        for (
            Kept {
                mut entry,
                record,
                made,
            },
            at,
        ) in kept.into_iter().zip(times)
        {
            entry.at = at;
            changed += u64::from(at != made.at);
            let body = canonical::encode(&entry);
            before = canonical::hash(self.me.suite, before, &body);
            let sql = "UPDATE entries SET body = ?3, hash = ?4, at = ?5 WHERE feed = ?1 AND n = ?2";
            let row = (feed.0, entry.n as i64, body, before.0, at);
            tx.prepare_cached(sql)?.execute(row)?;
            touched.insert(record);
        }
        // Whatever came of it: the server's time was heard.
        tx.prepare_cached("UPDATE entries SET doubted = 0 WHERE feed = ?1 AND doubted = 1")?
            .execute([feed.0])?;
        if changed > 0 {
            for record in touched {
                show_again(&tx, &self.schema, record, &self.me.user)?;
            }
        }
        faults::reach("phone.before_times");
        tx.commit().map_err(ClientError::of_store)?;
        faults::reach("phone.after_times");
        self.me = settings::identity(&self.db)?;
        Ok(changed)
    }

    /// Whether edits were saved while this phone knew that its clock was wrong: the server's time comes first then.
    pub(super) fn doubts_times(&self) -> Result<bool, ClientError> {
        let some = "SELECT EXISTS (SELECT 1 FROM entries WHERE doubted = 1 AND state = 0)";
        let mut select = self.db.prepare_cached(some)?;
        Ok(!faults::is_planted("25") && select.query_row([], |row| row.get(0))?)
    }
}

/// The last entry of a feed that a receipt proves.
fn proven(c: &Connection, feed: FeedId) -> Result<u64, ClientError> {
    let sql = "SELECT coalesce(max(n), 0) FROM receipts WHERE feed = ?1";
    let proven: i64 = c.prepare_cached(sql)?.query_row([feed.0], |row| row.get(0))?;
    Ok(proven as u64)
}

/// A feed's entries after a number; none if one of them is not to be changed, since it is decided or its content is gone.
fn undecided(c: &Connection, feed: FeedId, after: u64) -> Result<Vec<Kept>, ClientError> {
    let sql = "SELECT opened(body, record, 65), record, clock, told, doubted, state = 0 AND facets IS NULL FROM entries
               WHERE feed = ?1 AND n > ?2 ORDER BY n";
    let mut select = c.prepare_cached(sql)?;
    let mut rows = select.query((feed.0, after as i64))?;
    let mut kept = Vec::new();
    while let Some(row) = rows.next()? {
        let body: Option<Vec<u8>> = row.get(0)?;
        let Some(body) = body.filter(|_| row.get(5) == Ok(true)) else {
            return Ok(Vec::new());
        };
        let entry = canonical::decode(&body).map_err(|e| ClientError::NotAStore(e.to_string()))?;
        let made = Made {
            at: entry.at,
            clock: row.get(2)?,
            told: row.get::<_, Option<i64>>(3)?.unwrap_or(0),
            doubted: row.get(4)?,
        };
        let record = RecordId(row.get(1)?);
        kept.push(Kept { entry, record, made });
    }
    Ok(kept)
}

/// The hash of an own entry, if it is there.
pub(super) fn hash_of(c: &Connection, feed: FeedId, n: u64) -> Result<Option<EntryHash>, ClientError> {
    let mut select = c.prepare_cached("SELECT hash FROM entries WHERE feed = ?1 AND n = ?2")?;
    let hash = select.query_row((feed.0, n as i64), |row| row.get(0).map(EntryHash));
    Ok(hash.optional()?)
}

/// Shows a record anew whose own entries carry other times now.
fn show_again(
    c: &Connection,
    schema: &gridledger_schema::set::SchemaSet,
    record: RecordId,
    author: &str,
) -> Result<(), ClientError> {
    let sql = "SELECT coalesce(max(at), 0) FROM entries WHERE record = ?1 AND state < 2";
    let own: i64 = c.prepare_cached(sql)?.query_row([record.0], |row| row.get(0))?;
    let Some(mut row) = overlay::row(c, record)? else {
        return Ok(());
    };
    let confirmed = if super::seal::is_blind(c, &row.record_type)? {
        None
    } else {
        let documents = overlay::documents(c, record, false)?;
        documents.values().map(Document::changed_at).max()
    };
    row.changed_at = own.max(confirmed.unwrap_or(0));
    c.prepare_cached("UPDATE records SET changed_at = ?2 WHERE record = ?1")?
        .execute((record.0, row.changed_at))?;
    overlay::rebuild_stored(c, schema, &row, author)
}

/// When entries were made, in their order, by a clock that is `offset` off now. A time that cannot be, since it is after
/// `now` or before what the phone had been told then, is placed between those of its neighbours.
fn placed(made: &[Made], offset: i64, now: i64) -> Vec<i64> {
    let earliest = |made: &Made| {
        if (EARLIEST_MS..=now).contains(&made.told) {
            made.told
        } else {
            EARLIEST_MS.min(now)
        }
    };
    let fits = |made: &Made, at: i64| {
        at >= earliest(made) - limits::CLOCK_AGREES_MS && at <= now + limits::CLOCK_AGREES_MS
    };
    let sure: Vec<Option<i64>> = made
        .iter()
        .map(|made| {
            let by_clock = made.clock.map(|clock| clock.saturating_add(offset));
            let as_saved = Some(made.at).filter(|_| !made.doubted);
            let at = by_clock.filter(|at| fits(made, *at));
            at.or(as_saved.filter(|at| fits(made, *at)))
        })
        .collect();
    let mut after = now;
    let bounds: Vec<i64> = sure
        .iter()
        .rev()
        .map(|sure| {
            let bound = after;
            after = sure.unwrap_or(after).min(now);
            bound
        })
        .collect();
    let mut before = i64::MIN;
    made.iter()
        .zip(sure)
        .zip(bounds.into_iter().rev())
        .map(|((made, sure), bound)| {
            let least = before.max(earliest(made)).min(bound);
            let at = sure.unwrap_or(made.at.clamp(least, bound));
            before = at.min(now);
            at.min(now)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_571_200_000;
    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    fn made(at: i64, clock: Option<i64>, told: i64) -> Made {
        Made {
            at,
            clock,
            told,
            doubted: false,
        }
    }

    #[test]
    fn a_clock_that_is_off_all_day_is_off_by_the_same_all_day() {
        let off = 400 * DAY;
        let day: Vec<i64> = (1..=5).map(|hour| NOW - hour * HOUR).rev().collect();
        let saved: Vec<Made> = day
            .iter()
            .map(|at| made(at + off, Some(at + off), NOW - DAY))
            .collect();
        assert_eq!(placed(&saved, -off, NOW), day);
    }

    #[test]
    fn what_was_saved_before_the_clock_went_wrong_keeps_its_time() {
        let (off, told) = (400 * DAY, NOW - DAY);
        let saved = [
            made(NOW - 5 * HOUR, Some(NOW - 5 * HOUR), told),
            made(NOW - 3 * HOUR + off, Some(NOW - 3 * HOUR + off), told),
        ];
        assert_eq!(placed(&saved, -off, NOW), [NOW - 5 * HOUR, NOW - 3 * HOUR]);
    }

    #[test]
    fn a_clock_set_right_before_the_sync_leaves_the_order() {
        let (off, told) = (400 * DAY, NOW - DAY);
        let wrong = |at: i64| made(at + off, Some(at + off), told);
        let right = |at: i64| made(at, Some(at), told);
        let saved = [
            right(NOW - 6 * HOUR),
            wrong(NOW - 5 * HOUR),
            wrong(NOW - 4 * HOUR),
            right(NOW - 2 * HOUR),
            wrong(NOW - HOUR),
        ];
        let times = placed(&saved, 0, NOW);
        assert_eq!(
            times,
            [
                NOW - 6 * HOUR,
                NOW - 2 * HOUR,
                NOW - 2 * HOUR,
                NOW - 2 * HOUR,
                NOW
            ]
        );
    }

    #[test]
    fn a_dead_battery_is_told_by_the_server() {
        let doubted = |at, clock| Made {
            doubted: true,
            ..made(at, Some(clock), NOW - DAY)
        };
        // The phone knew that it was not 1970, and saved what it had been told last.
        let saved = [doubted(NOW - DAY, 3 * HOUR), doubted(NOW - DAY, 5 * HOUR)];
        assert_eq!(placed(&saved, NOW - 6 * HOUR, NOW), [NOW - 3 * HOUR, NOW - HOUR]);
        // Set right since: between what it had been told and now.
        assert_eq!(placed(&saved, 0, NOW), [NOW - DAY, NOW - DAY]);
    }

    #[test]
    fn what_a_wrong_server_had_told_binds_nobody() {
        let told = NOW + 2_000 * DAY;
        let saved = [made(told + HOUR, Some(NOW - HOUR), told)];
        assert_eq!(placed(&saved, 0, NOW), [NOW - HOUR]);
        // A file of the version before does not say what the clock was.
        let saved = [made(told + HOUR, None, 0), made(told + 2 * HOUR, None, 0)];
        assert_eq!(placed(&saved, 0, NOW), [NOW, NOW]);
    }
}
