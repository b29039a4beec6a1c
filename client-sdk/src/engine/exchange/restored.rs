//! A restored server: this phone's cursors and positions are of a former generation. Confirmed documents become shadows, and
//! the cursors begin again. Own entries that the server has no more go out again, with the receipts that prove them.

use std::collections::BTreeMap;

use ed25519_dalek::VerifyingKey;
use gridledger_core::recovery;
use gridledger_core::wire::WireError;
use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::wire::{Recovery, RecoveryPhase, Restored, Segment};
use rusqlite::Connection;

use crate::engine::exchange::answer::Exchange;
use crate::engine::exchange::{former_feeds, kept_receipts};
use crate::engine::file::settings::{self, GENERATIONS, RECOVERS, SERVER_DOUBTED, SERVER_EPOCH};
use crate::engine::phone::engine::Engine;
use crate::engine::phone::write_lock::Points;
use crate::engine::records::entries::{chain, refused};
use crate::engine::records::shadows::UNTOLD;
use crate::engine::records::{areas, documents, names, shadows};
use crate::error::ClientError;
use crate::model::EntryId;

/// A request's part for a recovery.
pub(crate) struct RecoveryToSend {
    pub(crate) recovery: Recovery,
    /// The records of which it says that something is missing.
    pub(crate) told_missing: Vec<RecordId>,
}

impl Engine {
    /// Moves to the server's generation, all or nothing. A notice for phones of another generation than this one's voids the
    /// answer.
    pub(crate) fn apply_restored(
        &mut self,
        exchange: &mut Exchange,
        notice: &Restored,
    ) -> Result<(), ClientError> {
        let key = self.me.server_key.and_then(|key| VerifyingKey::from_bytes(&key).ok());
        if !key.is_some_and(|key| recovery::verify(&key, notice)) {
            return Err(WireError::Malformed("notice's signature").into());
        }
        let points = Points::around("phone.before_restored", "phone.after_restored");
        let fits = self.write(points, |engine, c| {
            let at = engine.me.server_epoch;
            if at == Some(notice.former) && notice.epoch != notice.former {
                engine.move_to_generation(c, notice)?;
                return Ok(true);
            }
            // Another process on this file may have done it.
            Ok(at == Some(notice.epoch) && notice.epoch != notice.former)
        })?;
        self.reload()?;
        exchange.heard.epoch = Some(notice.epoch);
        exchange.heard.is_void |= !fits;
        Ok(())
    }

    fn move_to_generation(&self, c: &Connection, notice: &Restored) -> Result<(), ClientError> {
        shadows::cast(c)?;
        documents::unconfirm(c, None)?;
        names::forget(c, None)?;
        areas::reset_cursor(c, None)?;
        refused::mark_notes_untold(c)?;
        former_feeds::remove_all(c)?;
        SERVER_EPOCH.set(c, &notice.epoch)?;
        GENERATIONS.set(c, &(GENERATIONS.get(c)? + 1))?;
        RECOVERS.set(c, &true)?;
        let key = self.public_key();
        for ordinal in 0..=self.me.ordinal {
            let feed = FeedId::of_key(&key, ordinal);
            let known = notice.known.iter().find(|(of, _)| *of == feed);
            let known = EntryId { feed, n: known.map_or(0, |(_, n)| *n) };
            let stays = chain::send_again(c, known)?;
            if ordinal == self.me.ordinal {
                settings::set_decided(c, ordinal, stays)?;
            } else {
                former_feeds::add(c, ordinal, EntryId { feed, n: stays })?;
            }
        }
        Ok(())
    }

    /// Makes what a request brings for a recovery besides its segments; `None` if there is nothing to recover.
    pub(crate) fn make_recovery(
        &self,
        segments: &[Segment],
        shows_receipts: bool,
    ) -> Result<Option<RecoveryToSend>, ClientError> {
        let last_receipts = if shows_receipts { kept_receipts::list_last(&self.db)? } else { Vec::new() };
        if !RECOVERS.get(&self.db)? {
            let recovery = Recovery { receipts: last_receipts, ..Recovery::default() };
            return Ok(shows_receipts.then_some(RecoveryToSend { recovery, told_missing: Vec::new() }));
        }
        let (missing, told_missing) = self.list_missing_to_tell()?;
        let mut recovery = Recovery { missing, ..Recovery::default() };
        let mut sent: BTreeMap<FeedId, u64> = BTreeMap::new();
        for segment in segments {
            let [Some(first), Some(last)] = [segment.entries.first(), segment.entries.last()] else {
                continue;
            };
            let first = EntryId { feed: segment.feed, n: first.n };
            sent.insert(segment.feed, last.n);
            recovery.receipts.extend(kept_receipts::list(&self.db, first, last.n)?);
            chain::add_former(&self.db, first, last.n, &mut recovery)?;
        }
        for EntryId { feed, n: decided } in self.list_feeds_to_send()? {
            let upto = sent.get(&feed).copied().unwrap_or(0).max(decided);
            // Entries behind one that no receipt proves wait with it.
            let proven = kept_receipts::find_proven(&self.db, feed, upto)?;
            if proven.upto == upto {
                recovery.left += proven.last.saturating_sub(upto);
            }
        }
        for receipt in last_receipts {
            if !recovery.receipts.contains(&receipt) {
                recovery.receipts.push(receipt);
            }
        }
        Ok(Some(RecoveryToSend { recovery, told_missing }))
    }

    /// Notes that the server seems to have less than it confirmed: the next request shows it the last receipts. Whether the
    /// request of `exchange` did not show them, so that asking again can help.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn doubt_server(&mut self, exchange: &Exchange) -> Result<bool, ClientError> {
        SERVER_DOUBTED.set(&self.db, &true)?;
        Ok(!exchange.sent.shows_receipts)
    }

    /// Notes how far the server's recovery has come.
    pub(crate) fn apply_recovery(
        &mut self,
        exchange: &mut Exchange,
        phase: RecoveryPhase,
    ) -> Result<(), ClientError> {
        let told = self.apply_part(exchange, Points::NONE, |_, exchange, c| {
            exchange.sent.told_missing.iter().try_for_each(|record| shadows::mark_told(c, *record))
        })?;
        exchange.heard.recovery_over = told.is_some() && phase == RecoveryPhase::Over;
        Ok(())
    }

    /// Ends the recovery here if it is over on the server and nothing is left to do. Whether there is a loss to tell the
    /// server.
    pub(crate) fn end_recovery(&self, c: &Connection, is_over: bool) -> Result<bool, ClientError> {
        if !is_over || self.seal.is_dark() {
            return Ok(false);
        }
        self.give_up_shadows(c)?;
        let waits = !self.list_former_feeds()?.is_empty()
            || self.me.decided < kept_receipts::find_proven(&self.db, self.me.feed, 0)?.last;
        let untold = !self.list_lost(None, &UNTOLD)?.is_empty();
        if !waits && !untold && chain::count_former(&self.db)? == 0 {
            RECOVERS.set(c, &false)?;
        }
        Ok(untold)
    }
}
