//! A restored server: this phone's cursors and positions are of a former generation. What was confirmed becomes a shadow,
//! cursors begin again, and own entries that the server has no more go out again with the receipts that prove them.

use std::collections::BTreeMap;

use ed25519_dalek::VerifyingKey;
use gridledger_core::clock;
use gridledger_core::recovery;
use gridledger_core::wire::WireError;
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};
use gridledger_schema::wire::{EntrySeen, Recovery, RecoveryPhase, Restored, Segment};
use rusqlite::Connection;

use crate::engine::exchange::kept_receipts::{last_receipts, receipts};
use crate::engine::exchange::lost;
use crate::engine::file::settings;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::identity;
use crate::engine::phone::write_lock::UNNAMED;
use crate::engine::records::shadows;
use crate::error::ClientError;

/// How often this phone has moved to another generation of its server.
const MOVES: &str = "generations";

/// 1 while there may be something left to do.
const RECOVERS: &str = "recovers";

/// 1 while the server seems to have less than it confirmed.
const DOUBTS: &str = "doubts";

impl Engine {
    /// The server is of another generation: moves to it, all or nothing. A word to phones of another generation than this
    /// one's, an old one then, voids the answer.
    pub(crate) fn restored(&mut self, notice: &Restored) -> Result<(), ClientError> {
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

    /// What a request brings besides its segments, and the records of which it says that something is missing; `None` when
    /// there is nothing to recover.
    pub(crate) fn recovery(
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
    pub(crate) fn doubted(&self) -> Result<Option<Recovery>, ClientError> {
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
    pub(crate) fn end_doubt(&self, c: &Connection) -> Result<(), ClientError> {
        if self.recovering.shows_receipts {
            settings::set_number(c, DOUBTS, 0)?;
        }
        Ok(())
    }

    /// The server says how far the recovery has come.
    pub(crate) fn recovery_phase(&mut self, phase: RecoveryPhase) -> Result<(), ClientError> {
        let records = std::mem::take(&mut self.recovering.told_missing);
        let told = self.of_answer(UNNAMED, |_, c| lost::missing_told(c, &records))?;
        self.recovering.over = told.is_some() && phase == RecoveryPhase::Over;
        Ok(())
    }

    /// An answer has ended, and there is no more: if the recovery is over, so is it here. Whether there is something to
    /// tell the server.
    pub(crate) fn end_recovery(&self, c: &Connection, is_over: bool) -> Result<bool, ClientError> {
        if !is_over || self.seal.is_dark() {
            return Ok(false);
        }
        self.give_up_shadows(c)?;
        let waits = !self.former_feeds()?.is_empty() || self.me.decided < self.proven(self.me.feed, 0)?.0;
        let untold = !self.lost_records(None, true)?.is_empty();
        if !waits && !untold && self.former_entries()? == 0 {
            settings::set_number(c, RECOVERS, 0)?;
        }
        Ok(untold)
    }

    /// Own undecided entries that were made before, or on what was confirmed before.
    fn former_entries(&self) -> Result<u64, ClientError> {
        let sql = "SELECT count(*) FROM entries WHERE former = 1 AND state = 0";
        Ok(self.db.query_row(sql, [], |row| row.get::<_, i64>(0))? as u64)
    }
}

/// What was confirmed becomes a shadow, and every cursor begins again; names and positions of before mean nothing.
fn begin_again(c: &Connection, notice: &Restored) -> Result<(), ClientError> {
    let no = settings::number(c, MOVES)? + 1;
    shadows::cast(c)?;
    c.execute_batch(
        "UPDATE documents SET overlay = coalesce(overlay, confirmed), confirmed = NULL, term = zeroblob(16),
           overlay_clock = coalesce(overlay_clock, confirmed_clock), confirmed_clock = NULL;
         UPDATE records SET held = 0, created = NULL;
         UPDATE areas SET floor = 0, reached = 0, mark = 0;
         UPDATE entries SET asked_told = 0 WHERE asked IS NOT NULL AND ruling IS NULL;
         DELETE FROM digests; DELETE FROM gone; DELETE FROM former_feeds;",
    )?;
    settings::set_number(c, "server_epoch", notice.epoch.0 as i64)?;
    settings::set_number(c, MOVES, no)?;
    settings::set_number(c, RECOVERS, 1)
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
        return identity::set_decided(c, ordinal, known);
    }
    let sql = "INSERT INTO former_feeds SELECT ?1, ?3 WHERE EXISTS (SELECT 1 FROM entries WHERE feed = ?2 AND n > ?3)";
    c.execute(sql, (ordinal, feed.0, known as i64))?;
    Ok(())
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
            let clock = clock::unpack(&row.get::<_, Vec<u8>>(1)?)?;
            recovery.seen.push(EntrySeen { feed, n, clock });
        }
    }
    Ok(())
}

/// The server seems to have less than it confirmed.
pub(crate) fn doubt(c: &Connection) -> Result<(), ClientError> {
    settings::set_number(c, DOUBTS, 1)
}

/// Whether the server seems to have less than it confirmed.
pub(crate) fn is_in_doubt(c: &Connection) -> Result<bool, ClientError> {
    Ok(settings::number(c, DOUBTS)? != 0)
}

/// Whether there may be something of a former generation left to do.
pub(crate) fn recovers(c: &Connection) -> Result<bool, ClientError> {
    Ok(settings::number(c, RECOVERS)? != 0)
}

/// Whether this phone has moved to another generation before: then what the server has of its entries may be more than
/// what this phone has.
pub(crate) fn has_moved(c: &Connection) -> Result<bool, ClientError> {
    Ok(settings::number(c, MOVES)? > 0)
}
