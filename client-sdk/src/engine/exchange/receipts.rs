//! Receipts: verdicts on own entries. They are noted in one transaction with how far the feed is decided.

use std::collections::BTreeSet;

use ed25519_dalek::VerifyingKey;
use gridledger_core::receipt;
use gridledger_core::wire::WireError;
use gridledger_schema::code::Code;
use gridledger_schema::ids::RecordId;
use gridledger_schema::wire::Receipt;
use rusqlite::Connection;
use serde_json::json;

use crate::engine::exchange::answer::Exchange;
use crate::engine::exchange::kept_receipts;
use crate::engine::exchange::times::Which;
use crate::engine::file::settings::{self, SERVER_DOUBTED, TOLD_AT, TROUBLE};
use crate::engine::phone::engine::Engine;
use crate::engine::phone::identity;
use crate::engine::phone::write_lock::Points;
use crate::engine::records::remove::{self, Reach};
use crate::engine::records::{documents, entries, erased, rebuild, rows};
use crate::error::ClientError;
use crate::model::{EntryId, SyncReport};

/// The outcome of a receipt.
#[derive(Default)]
struct Outcome {
    /// The receipt is about what this phone sent.
    is_ours: bool,
    /// Entries decided that were not decided before.
    newly: u64,
    /// The last entry decided of the feed that is written now.
    decided: u64,
    /// The feed went on elsewhere.
    forked: bool,
    /// The server stopped at an entry of the future: the last entry that it has decided.
    ahead: Option<u64>,
    /// The verdicts are on entries that another process has changed since.
    is_void: bool,
}

impl Engine {
    pub(crate) fn apply_receipt(
        &mut self,
        exchange: &mut Exchange,
        receipt: &Receipt,
        report: &mut SyncReport,
    ) -> Result<(), ClientError> {
        let points = Points::before("phone.before_receipt");
        let noted = self
            .apply_part(exchange, points, |engine, exchange, c| engine.note_receipt(exchange, c, receipt))?;
        let Some(noted) = noted else {
            return Ok(());
        };
        if noted.is_void {
            exchange.heard.is_void = true;
            return Ok(());
        }
        if exchange.heard.times.take().is_some() {
            // The chain may be another one now.
            self.me = identity::read_identity(&self.db)?;
        }
        self.me.decided = noted.decided;
        report.decided += noted.newly;
        if noted.is_ours {
            report.refused += receipt.refused.len() as u64;
        }
        if noted.forked {
            // The feed is this phone's up to here, and its verdicts are noted. The rest went on elsewhere.
            exchange.heard.is_void = true;
            return self.start_new_feed(receipt.feed);
        }
        match noted.ahead {
            Some(n) => self.correct_undecided(exchange, EntryId { feed: receipt.feed, n }),
            None => Ok(()),
        }
    }

    /// Notes the verdicts on entries of the feed that is written now, or of an earlier one.
    fn note_receipt(
        &self,
        exchange: &Exchange,
        c: &Connection,
        receipt: &Receipt,
    ) -> Result<Outcome, ClientError> {
        let me = &self.me;
        if !self.is_signed(receipt) {
            return Err(WireError::Malformed("receipt's signature").into());
        }
        let mut outcome = Outcome { decided: me.decided, ..Outcome::default() };
        if receipt.feed != me.feed {
            if let Some(decided) = self.note_former_receipt(c, receipt)? {
                outcome.is_ours = true;
                outcome.newly = receipt.n.saturating_sub(decided);
                outcome.ahead = last_before_future(receipt, decided);
            }
            return Ok(outcome);
        }
        if !self.holds_what_was_sent(exchange, receipt.feed)? {
            // The entries here are others than those decided. They go out with the next request.
            outcome.is_void = true;
            return Ok(outcome);
        }
        if self.is_of_another_feed(receipt)? && !self.take_times(exchange, c, receipt)? {
            outcome.forked = true;
            return Ok(outcome);
        }
        self.note_verdicts(c, receipt)?;
        remove::remove_withdrawn(c)?;
        remove::remove_left(c)?;
        if !self.seal.is_dark() {
            entries::seal_decided(c)?;
        }
        self.keep_receipt(c, receipt)?;
        outcome = Outcome {
            is_ours: true,
            newly: receipt.n.saturating_sub(me.decided),
            decided: receipt.n.max(me.decided),
            forked: has_stopped_for(receipt, Code::FeedForked),
            ahead: last_before_future(receipt, me.decided),
            is_void: false,
        };
        settings::set_decided(c, me.ordinal, outcome.decided)?;
        let trouble = receipt.stopped.as_ref().map(|refusal| json!(refusal).to_string());
        TROUBLE.set(c, &trouble.unwrap_or_default())?;
        if has_stopped_for(receipt, Code::FeedGap) {
            SERVER_DOUBTED.set(c, &true)?;
        }
        Ok(outcome)
    }

    /// Whether the server of this phone, in its generation, signed a receipt.
    fn is_signed(&self, receipt: &Receipt) -> bool {
        let me = &self.me;
        match (me.server_key, me.server_epoch) {
            (Some(key), Some(epoch)) if receipt.suite.is_none_or(|suite| suite == me.server_suite) => {
                VerifyingKey::from_bytes(&key).is_ok_and(|key| receipt::verify(&key, epoch, receipt))
            }
            _ => false,
        }
    }

    /// Corrects the times of what the server has not decided, after it stopped at an entry of the future. The entries go out
    /// again at once.
    fn correct_undecided(&mut self, exchange: &mut Exchange, after: EntryId) -> Result<(), ClientError> {
        let Some(now) = exchange.heard.server_time else {
            return Ok(());
        };
        let corrected = self.correct_times(exchange.sent.counter, after, Which::Undecided, now)?;
        exchange.heard.corrected += corrected;
        exchange.heard.ask_again |= corrected > 0;
        Ok(())
    }

    /// Notes the verdicts on an earlier feed of this phone, whose entries a restored server had lost; gives the entry up to
    /// which it was decided before. `None` if nothing of that feed waits.
    fn note_former_receipt(&self, c: &Connection, receipt: &Receipt) -> Result<Option<u64>, ClientError> {
        let mut feeds = self.list_former_feeds()?.into_iter();
        let Some(EntryId { n: decided, .. }) = feeds.find(|former| former.feed == receipt.feed) else {
            return Ok(None);
        };
        self.note_verdicts(c, receipt)?;
        self.keep_receipt(c, receipt)?;
        self.advance_former_feed(c, receipt)?;
        Ok(Some(decided))
    }

    fn keep_receipt(&self, c: &Connection, receipt: &Receipt) -> Result<(), ClientError> {
        match self.me.server_epoch {
            Some(epoch) => kept_receipts::keep(c, epoch, receipt, TOLD_AT.get(c)?),
            None => Ok(()),
        }
    }

    /// Whether the server holds another feed under this one's name: the last entry decided is not this phone's.
    fn is_of_another_feed(&self, receipt: &Receipt) -> Result<bool, ClientError> {
        let ours = entries::find_hash(&self.db, EntryId { feed: receipt.feed, n: receipt.n })?;
        Ok(receipt.n > 0 && ours != Some(receipt.hash))
    }

    fn note_verdicts(&self, c: &Connection, receipt: &Receipt) -> Result<(), ClientError> {
        let mut shaken: BTreeSet<RecordId> = BTreeSet::new();
        // Own entries up to the last one were made while the refused ones still seemed to stand.
        let stood_until = entries::last_number(c, receipt.feed)?;
        for (n, refusal) in &receipt.refused {
            let id = EntryId { feed: receipt.feed, n: *n };
            shaken.extend(entries::refuse(c, id, refusal, stood_until)?);
            if refusal.code == Code::Erased {
                erased::empty_refused(c, receipt.feed, *n)?;
            }
        }
        entries::mark_sent(c, EntryId { feed: receipt.feed, n: receipt.n })?;
        for record in shaken {
            let Some(row) = rows::find(c, record)? else {
                continue;
            };
            if was_to_create(receipt, record) && !documents::is_confirmed(c, record)? {
                // Later edits of the record go out, too, and are refused for want of it. Until then nothing is shown.
                remove::remove_record(c, record, Reach::Within)?;
            } else {
                rebuild::rebuild_stored(c, &self.schema, &row, &self.me.user)?;
            }
        }
        Ok(())
    }
}

/// Whether the server stopped with this code before the end of what was sent.
fn has_stopped_for(receipt: &Receipt, code: Code) -> bool {
    receipt.stopped.as_ref().is_some_and(|stopped| stopped.code == code)
}

/// The last entry decided of a feed, if the server stopped because the next one is of the future.
fn last_before_future(receipt: &Receipt, decided: u64) -> Option<u64> {
    has_stopped_for(receipt, Code::TimeAhead).then(|| receipt.n.max(decided))
}

/// Whether an entry refused here would have created the record.
fn was_to_create(receipt: &Receipt, record: RecordId) -> bool {
    let mut refused = receipt.refused.iter();
    refused.any(|(n, _)| RecordId::created_by(receipt.feed, *n) == record)
}
