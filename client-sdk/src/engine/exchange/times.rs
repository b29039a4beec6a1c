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
use gridledger_schema::set::SchemaSet;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::Receipt;
use rusqlite::{Connection, TransactionBehavior};

use crate::engine::exchange::answer;
use crate::engine::exchange::kept_receipts::proven;
use crate::engine::file::seal;
use crate::engine::file::settings;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::identity;
use crate::engine::phone::time::EARLIEST_MS;
use crate::engine::records::documents;
use crate::engine::records::entries::{DOUBTS, Made, hash_of};
use crate::engine::records::rebuild;
use crate::engine::records::rows;
use crate::error::ClientError;
use crate::faults;

/// An undecided entry, as it is kept.
struct Kept {
    entry: Entry,
    record: RecordId,
    made: Made,
}

/// An own entry as it stands in a chain.
struct Link {
    n: u64,
    at: i64,
    record: RecordId,
    body: Vec<u8>,
    hash: EntryHash,
}

/// Which entries get other times.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those saved while this phone knew that its clock was wrong. None of them was sent before.
    Doubted,
    /// All that the server has not decided, as its receipt of this answer says.
    Undecided,
}

impl Engine {
    /// Gives entries of a feed after number `after` the times that the clock as it is known now says; how many are others.
    /// `now` is the server's time.
    pub(crate) fn correct_times(
        &mut self,
        (feed, after): (FeedId, u64),
        which: Which,
        now: i64,
    ) -> Result<u64, ClientError> {
        if faults::is_planted("25") {
            return Ok(0);
        }
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if settings::number(&tx, answer::COUNTER)? as u64 > self.counter {
            // Another process has sent since: what it sent may be decided. Its answer, or the next one, corrects.
            return Ok(0);
        }
        // An entry that a receipt of before a restore proves stays as it is.
        let after = after.max(proven(&tx, feed)?);
        let kept = undecided(&tx, feed, after)?;
        let offset = settings::number(&tx, "clock_offset")?;
        let made: Vec<Made> = kept.iter().map(|kept| kept.made).collect();
        let mut times = placed(&made, offset, now);
        if which == Which::Doubted {
            for (time, made) in times.iter_mut().zip(&made) {
                *time = if made.doubted { *time } else { made.at };
            }
        }
        let before = hash_of(&tx, feed, after)?.unwrap_or(EntryHash::ZERO);
        let changed = kept.iter().zip(&times).filter(|(kept, at)| kept.made.at != **at);
        let changed = changed.count() as u64;
        let chain = chained(self.me.suite, before, kept, &times);
        let shows = (changed > 0).then_some((&*self.schema, &*self.me.user));
        put_chain(&tx, feed, &chain, shows)?;
        // Whatever came of it: the server's time was heard.
        tx.prepare_cached("UPDATE entries SET doubted = 0 WHERE feed = ?1 AND doubted = 1")?
            .execute([feed.0])?;
        faults::reach("phone.before_times");
        tx.commit().map_err(ClientError::of_store)?;
        faults::reach("phone.after_times");
        self.me = identity::identity(&self.db)?;
        Ok(changed)
    }

    /// A copy of this phone had these entries decided under other times, which the server told: if the receipt proves that they make
    /// the chain that was decided, the entries here get them. Whether they did.
    pub(crate) fn take_times(&self, c: &Connection, receipt: &Receipt) -> Result<bool, ClientError> {
        let told = self.times.told.as_ref();
        let Some(told) = told.filter(|told| told.feed == receipt.feed && told.n == receipt.n) else {
            return Ok(false);
        };
        let Some(after) = told.n.checked_sub(told.at.len() as u64) else {
            return Ok(false);
        };
        let kept = undecided(c, told.feed, after)?;
        let Some(rest) = kept.get(told.at.len()..) else {
            return Ok(false);
        };
        let as_saved = rest.iter().map(|kept| kept.entry.at);
        let times: Vec<i64> = told.at.iter().copied().chain(as_saved).collect();
        let Some(before) = hash_of(c, told.feed, after)?.or((after == 0).then_some(EntryHash::ZERO)) else {
            return Ok(false);
        };
        let chain = chained(self.me.suite, before, kept, &times);
        let last = chain.iter().find(|link| link.n == told.n);
        if last.is_none_or(|last| last.hash != receipt.hash) {
            return Ok(false);
        }
        put_chain(c, told.feed, &chain, Some((&self.schema, &self.me.user)))?;
        Ok(true)
    }

    /// Whether edits were saved while this phone knew that its clock was wrong: the server's time comes first then.
    pub(crate) fn doubts_times(&self) -> Result<bool, ClientError> {
        if faults::is_planted("25") || settings::number(&self.db, DOUBTS)? == 0 {
            return Ok(false);
        }
        let some = "SELECT EXISTS (SELECT 1 FROM entries WHERE doubted = 1 AND state = 0)";
        Ok(self.db.prepare_cached(some)?.query_row([], |row| row.get(0))?)
    }
}

/// Own entries under other times, and the chain that they make.
fn chained(suite: Suite, mut before: EntryHash, kept: Vec<Kept>, times: &[i64]) -> Vec<Link> {
    let link = |(kept, at): (Kept, &i64)| {
        let entry = Entry { at: *at, ..kept.entry };
        let body = canonical::encode(&entry);
        before = canonical::hash(suite, before, &body);
        Link { n: entry.n, at: *at, record: kept.record, body, hash: before }
    };
    kept.into_iter().zip(times).map(link).collect()
}

/// Writes a chain in place of the one that is there; its records are shown anew if `schema` and `author` are given.
fn put_chain(
    c: &Connection,
    feed: FeedId,
    chain: &[Link],
    shows: Option<(&SchemaSet, &str)>,
) -> Result<(), ClientError> {
    let sql = "UPDATE entries SET body = ?3, hash = ?4, at = ?5 WHERE feed = ?1 AND n = ?2";
    let mut update = c.prepare_cached(sql)?;
    for link in chain {
        update.execute((feed.0, link.n as i64, &link.body, link.hash.0, link.at))?;
    }
    let touched: BTreeSet<RecordId> = chain.iter().map(|link| link.record).collect();
    let Some((schema, author)) = shows else {
        return Ok(());
    };
    for record in touched {
        show_again(c, schema, record, author)?;
    }
    Ok(())
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

/// Shows a record anew whose own entries carry other times now.
fn show_again(c: &Connection, schema: &SchemaSet, record: RecordId, author: &str) -> Result<(), ClientError> {
    let sql = "SELECT coalesce(max(at), 0) FROM entries WHERE record = ?1 AND state < 2";
    let own: i64 = c.prepare_cached(sql)?.query_row([record.0], |row| row.get(0))?;
    let Some(mut row) = rows::row(c, record)? else {
        return Ok(());
    };
    let confirmed = if seal::is_blind(c, &row.record_type)? {
        None
    } else {
        let documents = documents::documents(c, record, false)?;
        documents.values().map(Document::changed_at).max()
    };
    row.changed_at = own.max(confirmed.unwrap_or(0));
    c.prepare_cached("UPDATE records SET changed_at = ?2 WHERE record = ?1")?
        .execute((record.0, row.changed_at))?;
    rebuild::rebuild_stored(c, schema, &row, author)
}

/// When entries were made, in their order, by a clock that is `offset` off now. A time that cannot be, since it is after
/// `now` or before what the phone had been told then, is placed between those of its neighbours.
fn placed(made: &[Made], offset: i64, now: i64) -> Vec<i64> {
    let earliest = |made: &Made| {
        if (EARLIEST_MS..=now).contains(&made.told) { made.told } else { EARLIEST_MS.min(now) }
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
        Made { at, clock, told, doubted: false }
    }

    #[test]
    fn a_clock_that_is_off_all_day_is_off_by_the_same_all_day() {
        let off = 400 * DAY;
        let day: Vec<i64> = (1..=5).map(|hour| NOW - hour * HOUR).rev().collect();
        let saved: Vec<Made> = day.iter().map(|at| made(at + off, Some(at + off), NOW - DAY)).collect();
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
        assert_eq!(times, [NOW - 6 * HOUR, NOW - 2 * HOUR, NOW - 2 * HOUR, NOW - 2 * HOUR, NOW]);
    }

    #[test]
    fn a_dead_battery_is_told_by_the_server() {
        let doubted = |at, clock| Made { doubted: true, ..made(at, Some(clock), NOW - DAY) };
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
