//! A restored server: this phone's cursors and positions are of a former generation. What was confirmed becomes a shadow,
//! cursors begin again, and own entries that the server has no more go out again with the receipts that prove them.

use std::collections::BTreeMap;

use ed25519_dalek::VerifyingKey;
use gridledger_core::recovery;
use gridledger_core::wire::{WireError, unpack_clock};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::{EntryHash, FeedId, RecordId, ServerEpoch};
use gridledger_schema::limits;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{EntrySeen, Receipt, Recovery, RecoveryPhase, Restored, Segment};
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::{Value, json};

use super::lock::UNNAMED;
use super::{Engine, db, settings, shadows};
use crate::error::ClientError;
use crate::model::SentState;

const DAY_MS: i64 = 24 * 3_600_000;
/// How often this phone has moved to another generation of its server.
const MOVES: &str = "generations";
/// 1 while there may be something left to do.
const RECOVERS: &str = "recovers";

/// 1 while the server seems to have less than it confirmed.
const DOUBTS: &str = "doubts";

/// What one request and its answer say of the recovery.
#[derive(Default)]
pub(super) struct Recovering {
    /// The records of which the request says that something is missing.
    pub(super) told_missing: Vec<RecordId>,
    /// The answer says that it is over.
    pub(super) over: bool,
    /// The request shows the server this phone's last receipts.
    pub(super) shows_receipts: bool,
}

impl Engine {
    /// The server is of another generation: moves to it, all or nothing. A word to phones of another generation than this
    /// one's, an old one then, voids the answer.
    pub(super) fn restored(&mut self, notice: &Restored) -> Result<(), ClientError> {
        let key = self.me.server_key.and_then(|key| VerifyingKey::from_bytes(&key).ok());
        if !key.is_some_and(|key| recovery::verify(&key, notice)) {
            return Err(WireError::Malformed("notice's signature").into());
        }
        let points = ("phone.before_restored", "phone.after_restored");
        let fits = self.locked(points, |engine, c| {
            let at = engine.me.server_epoch;
            if at == Some(notice.former) && notice.epoch != notice.former {
                engine.move_to(c, notice)?;
                return Ok(true);
            }
            // Another process on this file may have done it.
            Ok(at == Some(notice.epoch) && notice.epoch != notice.former)
        })?;
        self.look_again()?;
        self.answer_epoch = Some(notice.epoch);
        self.answer_is_void |= !fits;
        Ok(())
    }

    fn move_to(&self, c: &Connection, notice: &Restored) -> Result<(), ClientError> {
        begin_again(c, notice)?;
        let key = self.public_key();
        for ordinal in 0..=self.me.ordinal {
            let feed = FeedId::of_key(&key, ordinal);
            let known = notice.known.iter().find(|(of, _)| *of == feed);
            let known = known.map_or(0, |(_, n)| *n);
            send_again(c, (ordinal, ordinal == self.me.ordinal), feed, known)?;
        }
        Ok(())
    }

    /// Own earlier feeds of which something is to be sent again, each with the last entry the server has.
    pub(super) fn former_feeds(&self) -> Result<Vec<(FeedId, u64)>, ClientError> {
        let mut select =
            self.db.prepare_cached("SELECT ordinal, decided FROM former_feeds ORDER BY ordinal LIMIT 63")?;
        let key = self.public_key();
        let rows = select
            .query_map([], |row| Ok((FeedId::of_key(&key, row.get(0)?), row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The last entry of a feed that a receipt of before proves, and the last such one at or below `upto`.
    pub(super) fn proven(&self, feed: FeedId, upto: u64) -> Result<(u64, u64), ClientError> {
        let sql = "SELECT coalesce(max(n), 0), coalesce(max(CASE WHEN n <= ?2 THEN n END), 0) FROM receipts WHERE feed = ?1";
        let mut select = self.db.prepare_cached(sql)?;
        Ok(select.query_row((feed.0, upto as i64), |row| {
            Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64))
        })?)
    }

    /// What a request brings besides its segments, and the records of which it says that something is missing; `None` when
    /// there is nothing to recover.
    pub(super) fn recovery(
        &self,
        segments: &[Segment],
    ) -> Result<Option<(Recovery, Vec<RecordId>)>, ClientError> {
        if !recovers(&self.db)? {
            return Ok(self.doubted()?.map(|shown| (shown, Vec::new())));
        }
        let (missing, told) = self.missing_to_tell()?;
        let mut recovery = Recovery { missing, ..Recovery::default() };
        let mut sent: BTreeMap<FeedId, u64> = BTreeMap::new();
        for segment in segments {
            let [Some(first), Some(last)] = [segment.entries.first(), segment.entries.last()] else {
                continue;
            };
            let (feed, range) = (segment.feed, (first.n, last.n));
            sent.insert(feed, last.n);
            recovery.receipts.extend(receipts(&self.db, feed, range)?);
            note_former(&self.db, feed, range, &mut recovery)?;
        }
        let former = self.former_feeds()?;
        for (feed, decided) in former.into_iter().chain([(self.me.feed, self.me.decided)]) {
            let upto = sent.get(&feed).copied().unwrap_or(0).max(decided);
            // What stands behind an entry that no receipt proves waits with it.
            let (proven, whole) = self.proven(feed, upto)?;
            if whole == upto {
                recovery.left += proven.saturating_sub(upto);
            }
        }
        let doubted = self.doubted()?.into_iter().flat_map(|shown| shown.receipts);
        for shown in doubted {
            if !recovery.receipts.contains(&shown) {
                recovery.receipts.push(shown);
            }
        }
        Ok(Some((recovery, told)))
    }

    /// The last receipts, for a server that seems to have less than it confirmed; it compares them with what it has.
    fn doubted(&self) -> Result<Option<Recovery>, ClientError> {
        if !self.recovering.shows_receipts {
            return Ok(None);
        }
        Ok(Some(Recovery { receipts: last_receipts(&self.db)?, ..Recovery::default() }))
    }

    /// The server seems to have less than it confirmed: the next request shows it the last receipts. Whether that is news: the
    /// request of the answer at hand did not show them.
    pub fn doubt(&mut self) -> Result<bool, ClientError> {
        doubt(&self.db)?;
        Ok(!self.recovering.shows_receipts)
    }

    /// An answer has come to its end: whatever was shown to the server, it can account for.
    pub(super) fn end_doubt(&self, c: &Connection) -> Result<(), ClientError> {
        if self.recovering.shows_receipts {
            db::set_number(c, DOUBTS, 0)?;
        }
        Ok(())
    }

    /// The server says how far the recovery has come.
    pub(super) fn recovery_phase(&mut self, phase: RecoveryPhase) -> Result<(), ClientError> {
        let records = std::mem::take(&mut self.recovering.told_missing);
        let told = self.of_answer(UNNAMED, |_, c| shadows::missing_told(c, &records))?;
        self.recovering.over = told.is_some() && phase == RecoveryPhase::Over;
        Ok(())
    }

    /// An answer has ended, and there is no more: if the recovery is over, so is it here. Whether there is something to
    /// tell the server.
    pub(super) fn end_recovery(&self, c: &Connection, is_over: bool) -> Result<bool, ClientError> {
        if !is_over || self.seal.is_dark() {
            return Ok(false);
        }
        self.give_up_shadows(c)?;
        let waits = !self.former_feeds()?.is_empty() || self.me.decided < self.proven(self.me.feed, 0)?.0;
        let untold = !self.lost_records(None, true)?.is_empty();
        if !waits && !untold && self.former_entries()? == 0 {
            db::set_number(c, RECOVERS, 0)?;
        }
        Ok(untold)
    }

    /// Own undecided entries that were made before, or on what was confirmed before.
    fn former_entries(&self) -> Result<u64, ClientError> {
        let sql = "SELECT count(*) FROM entries WHERE former = 1 AND state = 0";
        Ok(self.db.query_row(sql, [], |row| row.get::<_, i64>(0))? as u64)
    }

    /// A receipt about an earlier feed.
    pub(super) fn former_receipt(&self, c: &Connection, receipt: &Receipt) -> Result<(), ClientError> {
        let key = self.public_key();
        let Some(ordinal) = (0..self.me.ordinal).find(|o| FeedId::of_key(&key, *o) == receipt.feed) else {
            return Ok(());
        };
        let forked = receipt.stopped.as_ref().filter(|stopped| stopped.code == Code::FeedForked);
        if let Some(refusal) = forked {
            // It went on elsewhere, and is no longer written here: its author says what is to become of the rest.
            c.execute(
                "UPDATE entries SET state = ?3, refusal = ?4 WHERE feed = ?1 AND n > ?2 AND state = 0",
                (receipt.feed.0, receipt.n as i64, SentState::Refused.number(), json!(refusal).to_string()),
            )?;
        }
        c.execute(
            "UPDATE former_feeds SET decided = max(decided, ?2) WHERE ordinal = ?1",
            (ordinal, receipt.n as i64),
        )?;
        c.execute(
            "DELETE FROM former_feeds WHERE ordinal = ?1 AND (?3 OR decided >= (SELECT coalesce(max(n), 0) FROM entries WHERE feed = ?2))",
            (ordinal, receipt.feed.0, forked.is_some()),
        )?;
        Ok(())
    }
}

/// What was confirmed becomes a shadow, and every cursor begins again; names and positions of before mean nothing.
fn begin_again(c: &Connection, notice: &Restored) -> Result<(), ClientError> {
    let no = db::number(c, MOVES)? + 1;
    shadows::cast(c)?;
    c.execute_batch(
        "UPDATE documents SET overlay = coalesce(overlay, confirmed), confirmed = NULL, term = zeroblob(16),
           overlay_clock = coalesce(overlay_clock, confirmed_clock), confirmed_clock = NULL;
         UPDATE records SET held = 0, created = NULL;
         UPDATE areas SET floor = 0, reached = 0, mark = 0;
         UPDATE entries SET asked_told = 0 WHERE asked IS NOT NULL AND ruling IS NULL;
         DELETE FROM digests; DELETE FROM gone; DELETE FROM former_feeds;",
    )?;
    db::set_number(c, "server_epoch", notice.epoch.0 as i64)?;
    db::set_number(c, MOVES, no)?;
    db::set_number(c, RECOVERS, 1)
}

/// A feed's entries after `known` are to be sent again. Those that lost what they said, and those refused, keep what they
/// are: they go along for the chain's sake.
fn send_again(
    c: &Connection,
    (ordinal, is_last): (u32, bool),
    feed: FeedId,
    known: u64,
) -> Result<(), ClientError> {
    // An entry that was decided without this phone's having heard of it goes again as well: the verdict comes back.
    let unheard = "SELECT min(n) FROM entries WHERE feed = ?1 AND n <= ?2 AND state = 0";
    let unheard = c.query_row(unheard, (feed.0, known as i64), |row| row.get::<_, Option<i64>>(0))?;
    let known = unheard.map_or(known, |n| n as u64 - 1);
    let after = (feed.0, known as i64);
    c.execute("UPDATE entries SET former = 1 WHERE feed = ?1 AND n > ?2", after)?;
    let again =
        "UPDATE entries SET state = 0 WHERE feed = ?1 AND n > ?2 AND state IN (1, 2) AND facets IS NULL";
    c.execute(again, after)?;
    let sql = "UPDATE records SET pending = (SELECT count(*) FROM entries e WHERE e.record = records.record AND e.state < 2)
               WHERE record IN (SELECT record FROM entries WHERE feed = ?1 AND n > ?2)";
    c.execute(sql, after)?;
    if is_last {
        return settings::set_decided(c, ordinal, known);
    }
    let sql = "INSERT INTO former_feeds SELECT ?1, ?3 WHERE EXISTS (SELECT 1 FROM entries WHERE feed = ?2 AND n > ?3)";
    c.execute(sql, (ordinal, feed.0, known as i64))?;
    Ok(())
}

/// Keeps a receipt that tells of entries.
pub(super) fn keep_receipt(
    c: &Connection,
    epoch: ServerEpoch,
    receipt: &Receipt,
    now: i64,
) -> Result<(), ClientError> {
    if receipt.first == 0 || receipt.first > receipt.n {
        return Ok(());
    }
    let sql = "INSERT INTO receipts (feed, n, first, epoch, hash, refused, signature, at, suite) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
               ON CONFLICT (feed, n, first, epoch) DO UPDATE SET refused = ?6, signature = ?7, at = ?8, suite = ?9";
    let key = (receipt.feed.0, receipt.n as i64, receipt.first as i64, epoch.0 as i64);
    let refused = json!(receipt.refused).to_string();
    c.prepare_cached(sql)?.execute((
        key.0,
        key.1,
        key.2,
        key.3,
        receipt.hash.0,
        refused,
        receipt.signature,
        now,
        receipt.suite.map_or(0, Suite::number),
    ))?;
    Ok(())
}

/// Lets go of receipts that are too old to be of use: a backup is not that old.
pub(super) fn forget_receipts(c: &Connection, now: i64) -> Result<(), ClientError> {
    let before = now - limits::RECEIPT_DAYS * DAY_MS;
    c.prepare_cached("DELETE FROM receipts WHERE at < ?1")?.execute([before])?;
    Ok(())
}

/// What [`read_receipt`] reads.
const RECEIPT: &str = "SELECT epoch, first, n, hash, refused, signature, suite, feed FROM receipts";

/// A kept receipt, with the generation that signed it.
fn read_receipt(row: &rusqlite::Row<'_>) -> rusqlite::Result<(ServerEpoch, Receipt)> {
    let refused: Vec<Value> = serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or_default();
    let receipt = Receipt {
        suite: Suite::of_number(row.get::<_, i64>(6)? as u64),
        feed: FeedId(row.get(7)?),
        first: row.get::<_, i64>(1)? as u64,
        n: row.get::<_, i64>(2)? as u64,
        hash: EntryHash(row.get(3)?),
        refused: refused.iter().filter_map(read_refused).collect(),
        stopped: None,
        signature: row.get(5)?,
    };
    Ok((ServerEpoch(row.get::<_, i64>(0)? as u64), receipt))
}

/// Receipts of one feed that a request shows.
const SHOWN: i64 = limits::REQUEST_RECEIPTS as i64 / 4;

/// The entry of the last receipt that a request shows of a stretch of a feed, after one and up to another; `None` if it shows
/// all of them.
pub(super) fn last_shown(
    c: &Connection,
    feed: FeedId,
    (after, upto): (u64, u64),
) -> Result<Option<u64>, ClientError> {
    let sql =
        "SELECT n FROM receipts WHERE feed = ?1 AND n > ?2 AND n <= ?3 ORDER BY n, at LIMIT 2 OFFSET ?4";
    let mut select = c.prepare_cached(sql)?;
    let rows =
        select.query_map((feed.0, after as i64, upto as i64, SHOWN - 1), |row| row.get::<_, i64>(0))?;
    let last: Vec<i64> = rows.collect::<Result<_, _>>()?;
    Ok(match last[..] {
        [last, _] => Some(last as u64),
        _ => None,
    })
}

/// The receipts that end in a stretch of a feed.
fn receipts(
    c: &Connection,
    feed: FeedId,
    (first, last): (u64, u64),
) -> Result<Vec<(ServerEpoch, Receipt)>, ClientError> {
    let sql = format!("{RECEIPT} WHERE feed = ?1 AND n BETWEEN ?2 AND ?3 ORDER BY n, at LIMIT ?4");
    let mut select = c.prepare_cached(&sql)?;
    let rows = select.query_map((feed.0, first as i64, last as i64, SHOWN), read_receipt)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The last receipt for each feed: what shows that a server has less than it confirmed.
pub(super) fn last_receipts(c: &Connection) -> Result<Vec<(ServerEpoch, Receipt)>, ClientError> {
    let sql = format!(
        "{RECEIPT} r WHERE n = (SELECT max(n) FROM receipts o WHERE o.feed = r.feed) ORDER BY at DESC LIMIT ?1"
    );
    let mut select = c.prepare_cached(&sql)?;
    let rows = select.query_map([SHOWN], read_receipt)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read_refused(value: &Value) -> Option<(u64, Refusal)> {
    let refusal = &value[1];
    let refusal = Refusal {
        code: Code::parse(refusal["code"].as_str()?)?,
        rule: refusal["rule"].as_str()?.to_owned(),
        field: refusal["field"].as_str().map(str::to_owned),
    };
    Some((value[0].as_u64()?, refusal))
}

/// Of a stretch's entries that were made before: what their authors had seen, and which have lost what they said.
fn note_former(
    c: &Connection,
    feed: FeedId,
    (first, last): (u64, u64),
    recovery: &mut Recovery,
) -> Result<(), ClientError> {
    let sql = "SELECT n, seen, hash, facets IS NOT NULL FROM entries WHERE feed = ?1 AND n BETWEEN ?2 AND ?3 AND former = 1";
    let mut select = c.prepare_cached(sql)?;
    let mut rows = select.query((feed.0, first as i64, last as i64))?;
    while let Some(row) = rows.next()? {
        let n = row.get::<_, i64>(0)? as u64;
        if row.get(3)? {
            recovery.emptied.push((feed, n, EntryHash(row.get(2)?)));
        } else {
            let clock = unpack_clock(&row.get::<_, Vec<u8>>(1)?)?;
            recovery.seen.push(EntrySeen { feed, n, clock });
        }
    }
    Ok(())
}

/// The server seems to have less than it confirmed.
pub(super) fn doubt(c: &Connection) -> Result<(), ClientError> {
    db::set_number(c, DOUBTS, 1)
}

/// Whether the server seems to have less than it confirmed.
pub(super) fn is_in_doubt(c: &Connection) -> Result<bool, ClientError> {
    Ok(db::number(c, DOUBTS)? != 0)
}

/// Whether there may be something of a former generation left to do.
pub(super) fn recovers(c: &Connection) -> Result<bool, ClientError> {
    Ok(db::number(c, RECOVERS)? != 0)
}

/// Whether this phone has moved to another generation before: then what the server has of its entries may be more than
/// what this phone has.
pub(super) fn has_moved(c: &Connection) -> Result<bool, ClientError> {
    Ok(db::number(c, MOVES)? > 0)
}

/// The entry of a feed before the first that lost what it said.
pub(super) fn whole_until(c: &Connection, feed: FeedId) -> Result<Option<u64>, ClientError> {
    let sql = "SELECT min(n) FROM entries WHERE feed = ?1 AND facets IS NOT NULL";
    let first =
        c.prepare_cached(sql)?.query_row([feed.0], |row| row.get::<_, Option<i64>>(0)).optional()?.flatten();
    Ok(first.map(|n| n as u64 - 1))
}
