//! Times of own entries put right. If the server's clock shows that edits were saved under a wrong one, those that the server
//! has not decided get the times they were made at. Their chain is made again; their numbers stay, and so do the records they
//! create.
//!
//! An entry that the server may have decided is never changed: with another hash it would be another entry.

use std::collections::BTreeSet;

use gridledger_core::canonical;
use gridledger_core::document::Document;
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{EntryHash, RecordId};
use gridledger_schema::limits;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::Receipt;
use rusqlite::{Connection, TransactionBehavior};

use crate::engine::exchange::answer::Exchange;
use crate::engine::exchange::kept_receipts;
use crate::engine::file::seal;
use crate::engine::file::settings::{CLOCK_OFFSET, COUNTER, TIMES_DOUBTED};
use crate::engine::phone::engine::Engine;
use crate::engine::phone::identity;
use crate::engine::phone::time::EARLIEST_MS;
use crate::engine::records::entries::chain::{self, Link, UnsentEntry};
use crate::engine::records::entries::{self, ANY_DOUBTED, Made};
use crate::engine::records::{documents, rebuild, rows};
use crate::error::ClientError;
use crate::faults;
use crate::model::EntryId;

/// The entries that get other times.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those saved while this phone knew that its clock was wrong. None of them was sent before.
    Doubted,
    /// All that the server has not decided, as its receipt in this answer says.
    Undecided,
}

impl Engine {
    /// Gives a feed's entries after `after` the times that the clock as it is known now says; the number of entries whose times
    /// changed. `now` is the server's time, `counter` the request's.
    pub(crate) fn correct_times(
        &mut self,
        counter: u64,
        after: EntryId,
        which: Which,
        now: i64,
    ) -> Result<u64, ClientError> {
        if faults::is_planted("25") {
            return Ok(0);
        }
        let feed = after.feed;
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if COUNTER.get(&tx)? > counter {
            // Another process has sent since, and its entries may be decided. The next answer corrects the times.
            return Ok(0);
        }
        // An entry that a receipt of a former generation proves stays as it is.
        let proven = kept_receipts::find_proven(&tx, feed, 0)?.last;
        let after = EntryId { feed, n: after.n.max(proven) };
        let kept = chain::read_changeable(&tx, after)?;
        let offset = CLOCK_OFFSET.get(&tx)?;
        let made: Vec<Made> = kept.iter().map(|kept| kept.made).collect();
        let mut times = place_times(&made, offset, now);
        if which == Which::Doubted {
            for (time, made) in times.iter_mut().zip(&made) {
                *time = if made.doubted { *time } else { made.at };
            }
        }
        let before = entries::find_hash(&tx, after)?.unwrap_or(EntryHash::ZERO);
        let changed = kept.iter().zip(&times).filter(|(kept, at)| kept.made.at != **at);
        let changed = changed.count() as u64;
        let links = make_chain(self.me.suite, before, kept, &times);
        chain::replace(&tx, feed, &links)?;
        if changed > 0 {
            for record in records_of(&links) {
                show_again(&tx, &self.schema, record, &self.me.user)?;
            }
        }
        // The server's time was heard, whatever came of it.
        chain::end_doubt_of_times(&tx, feed)?;
        faults::reach("phone.before_times");
        tx.commit().map_err(ClientError::of_store)?;
        faults::reach("phone.after_times");
        self.me = identity::read_identity(&self.db)?;
        Ok(changed)
    }

    /// Takes the times under which a copy of this phone had entries decided, if the receipt proves that they make the chain
    /// that was decided. Whether it did.
    pub(crate) fn take_times(
        &self,
        exchange: &Exchange,
        c: &Connection,
        receipt: &Receipt,
    ) -> Result<bool, ClientError> {
        let told = exchange.heard.times.as_ref();
        let Some(told) = told.filter(|told| told.feed == receipt.feed && told.n == receipt.n) else {
            return Ok(false);
        };
        let Some(n) = told.n.checked_sub(told.at.len() as u64) else {
            return Ok(false);
        };
        let after = EntryId { feed: told.feed, n };
        let kept = chain::read_changeable(c, after)?;
        let Some(rest) = kept.get(told.at.len()..) else {
            return Ok(false);
        };
        let as_saved = rest.iter().map(|kept| kept.entry.at);
        let times: Vec<i64> = told.at.iter().copied().chain(as_saved).collect();
        let Some(before) = entries::find_hash(c, after)?.or((n == 0).then_some(EntryHash::ZERO)) else {
            return Ok(false);
        };
        let links = make_chain(self.me.suite, before, kept, &times);
        let last = links.iter().find(|link| link.n == told.n);
        if last.is_none_or(|last| last.hash != receipt.hash) {
            return Ok(false);
        }
        chain::replace(c, told.feed, &links)?;
        for record in records_of(&links) {
            show_again(c, &self.schema, record, &self.me.user)?;
        }
        Ok(true)
    }

    /// Whether a request holds own entries back, since edits were saved while this phone knew that its clock was wrong. The
    /// server's time comes first then.
    pub(crate) fn holds_times_back(&self) -> Result<bool, ClientError> {
        Ok(TIMES_DOUBTED.get(&self.db)? && self.has_doubted_times()?)
    }

    /// Whether undecided entries carry doubted times. Asked only if the setting says that there may be some.
    pub(crate) fn has_doubted_times(&self) -> Result<bool, ClientError> {
        if faults::is_planted("25") {
            return Ok(false);
        }
        let sql = format!("SELECT {ANY_DOUBTED}");
        Ok(self.db.prepare_cached(&sql)?.query_row([], |row| row.get(0))?)
    }
}

/// Makes the chain of own entries under other times.
fn make_chain(suite: Suite, mut before: EntryHash, kept: Vec<UnsentEntry>, times: &[i64]) -> Vec<Link> {
    let link = |(kept, at): (UnsentEntry, &i64)| {
        let entry = Entry { at: *at, ..kept.entry };
        let body = canonical::encode(&entry);
        before = canonical::hash(suite, before, &body);
        Link { n: entry.n, at: *at, record: kept.record, body, hash: before }
    };
    kept.into_iter().zip(times).map(link).collect()
}

fn records_of(chain: &[Link]) -> BTreeSet<RecordId> {
    chain.iter().map(|link| link.record).collect()
}

/// Shows a record anew whose own entries carry other times now.
fn show_again(c: &Connection, schema: &SchemaSet, record: RecordId, author: &str) -> Result<(), ClientError> {
    let own = entries::last_open_time(c, record)?;
    let Some(mut row) = rows::find(c, record)? else {
        return Ok(());
    };
    let confirmed = if seal::is_blind(c, &row.record_type)? {
        None
    } else {
        let documents = documents::read_confirmed(c, record)?;
        documents.values().map(Document::changed_at).max()
    };
    row.changed_at = own.max(confirmed.unwrap_or(0));
    rows::set_changed_at(c, &row)?;
    rebuild::rebuild_stored(c, schema, &row, author)
}

/// Places the times at which entries were made, in their order, by a clock that is `offset` ms off now. A time after `now`, or
/// before the time that the phone had been told, cannot be right; it is placed between those of its neighbours.
fn place_times(made: &[Made], offset: i64, now: i64) -> Vec<i64> {
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
        assert_eq!(place_times(&saved, -off, NOW), day);
    }

    #[test]
    fn an_edit_saved_before_the_clock_went_wrong_keeps_its_time() {
        let (off, told) = (400 * DAY, NOW - DAY);
        let saved = [
            made(NOW - 5 * HOUR, Some(NOW - 5 * HOUR), told),
            made(NOW - 3 * HOUR + off, Some(NOW - 3 * HOUR + off), told),
        ];
        assert_eq!(place_times(&saved, -off, NOW), [NOW - 5 * HOUR, NOW - 3 * HOUR]);
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
        let times = place_times(&saved, 0, NOW);
        assert_eq!(times, [NOW - 6 * HOUR, NOW - 2 * HOUR, NOW - 2 * HOUR, NOW - 2 * HOUR, NOW]);
    }

    #[test]
    fn a_dead_battery_is_told_by_the_server() {
        let doubted = |at, clock| Made { doubted: true, ..made(at, Some(clock), NOW - DAY) };
        // The phone knew that it was not 1970, and saved the time it had been told last.
        let saved = [doubted(NOW - DAY, 3 * HOUR), doubted(NOW - DAY, 5 * HOUR)];
        assert_eq!(place_times(&saved, NOW - 6 * HOUR, NOW), [NOW - 3 * HOUR, NOW - HOUR]);
        // If the clock was set right since, the times lie between the time told and now.
        assert_eq!(place_times(&saved, 0, NOW), [NOW - DAY, NOW - DAY]);
    }

    #[test]
    fn a_time_told_by_a_wrong_server_binds_nothing() {
        let told = NOW + 2_000 * DAY;
        let saved = [made(told + HOUR, Some(NOW - HOUR), told)];
        assert_eq!(place_times(&saved, 0, NOW), [NOW - HOUR]);
        // A file of an early version does not say what the clock was.
        let saved = [made(told + HOUR, None, 0), made(told + 2 * HOUR, None, 0)];
        assert_eq!(place_times(&saved, 0, NOW), [NOW, NOW]);
    }
}
