//! Receipts: what became of own entries. Verdicts are noted in one transaction with how far the feed is decided.

use std::collections::BTreeSet;

use ed25519_dalek::VerifyingKey;
use gridledger_core::receipt;
use gridledger_core::wire::WireError;
use gridledger_schema::code::Code;
use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::Receipt;
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::json;

use crate::engine::exchange::kept_receipts;
use crate::engine::exchange::restored;
use crate::engine::exchange::times::Which;
use crate::engine::file::settings;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::identity;
use crate::engine::records::documents;
use crate::engine::records::entries;
use crate::engine::records::erased;
use crate::engine::records::rebuild;
use crate::engine::records::remove::{self, forget, forget_withdrawn};
use crate::engine::records::rows;
use crate::error::ClientError;
use crate::model::{SentState, SyncReport};

impl Engine {
    pub(crate) fn receipt(&mut self, receipt: &Receipt, report: &mut SyncReport) -> Result<(), ClientError> {
        let points = ("phone.before_receipt", "");
        let Some(noted) = self.of_answer(points, |engine, c| engine.note_receipt(c, receipt))? else {
            return Ok(());
        };
        if noted.is_void {
            self.answer_is_void = true;
            return Ok(());
        }
        if self.times.told.take().is_some() {
            // The chain may be another now.
            self.me = identity::identity(&self.db)?;
        }
        self.me.decided = noted.decided;
        report.decided += noted.newly;
        if noted.is_ours {
            report.refused += receipt.refused.len() as u64;
        }
        if noted.forked {
            // Up to here the feed is ours, and what was decided of it is noted; the rest went on elsewhere.
            self.answer_is_void = true;
            return self.start_new_feed(receipt.feed);
        }
        match noted.ahead {
            Some(after) => self.correct_undecided((receipt.feed, after)),
            None => Ok(()),
        }
    }

    /// Notes the verdicts on entries of the feed that is written now, or of an earlier one.
    fn note_receipt(&self, c: &Connection, receipt: &Receipt) -> Result<Noted, ClientError> {
        let me = &self.me;
        let signed = match (me.server_key, me.server_epoch) {
            (Some(key), Some(epoch)) if receipt.suite.is_none_or(|suite| suite == me.server_suite) => {
                VerifyingKey::from_bytes(&key).is_ok_and(|key| receipt::verify(&key, epoch, receipt))
            }
            _ => false,
        };
        if !signed {
            return Err(WireError::Malformed("receipt's signature").into());
        }
        let mut noted = Noted { decided: me.decided, ..Noted::default() };
        if receipt.feed != me.feed {
            if let Some(decided) = self.receipt_of_before(c, receipt)? {
                (noted.is_ours, noted.newly) = (true, receipt.n.saturating_sub(decided));
                noted.ahead = ahead_of(receipt, decided);
            }
            return Ok(noted);
        }
        if !self.holds_what_was_sent(receipt.feed)? {
            // The verdicts are on what is not here any more: what is goes out with the next request.
            noted.is_void = true;
            return Ok(noted);
        }
        if self.is_not_ours(receipt)? && !self.take_times(c, receipt)? {
            noted.forked = true;
            return Ok(noted);
        }
        note_verdicts(c, receipt, &self.schema, &me.user)?;
        forget_withdrawn(c)?;
        remove::forget_left(c)?;
        if !self.seal.is_dark() {
            entries::seal_decided(c)?;
        }
        if let Some(epoch) = me.server_epoch {
            kept_receipts::keep_receipt(c, epoch, receipt, settings::number(c, "told_at")?)?;
        }
        noted = Noted {
            is_ours: true,
            newly: receipt.n.saturating_sub(me.decided),
            decided: receipt.n.max(me.decided),
            forked: receipt.stopped.as_ref().is_some_and(|r| r.code == Code::FeedForked),
            ahead: ahead_of(receipt, me.decided),
            is_void: false,
        };
        identity::set_decided(c, me.ordinal, noted.decided)?;
        let trouble = receipt.stopped.as_ref().map(|r| json!(r).to_string());
        settings::set(c, "trouble", trouble.unwrap_or_default().as_bytes())?;
        if receipt.stopped.as_ref().is_some_and(|r| r.code == Code::FeedGap) {
            restored::doubt(c)?;
        }
        Ok(noted)
    }

    /// The server has stopped at an entry of the future: what it has not decided gets right times, and goes out again at once.
    fn correct_undecided(&mut self, feed: (FeedId, u64)) -> Result<(), ClientError> {
        let Some(now) = self.lease.server else {
            return Ok(());
        };
        let corrected = self.correct_times(feed, Which::Undecided, now)?;
        self.times.corrected += corrected;
        self.ask_again |= corrected > 0;
        Ok(())
    }

    /// The verdicts on an earlier feed of this phone, whose entries a restored server had lost; how far it was decided
    /// before. `None`: nothing of that feed waits.
    fn receipt_of_before(&self, c: &Connection, receipt: &Receipt) -> Result<Option<u64>, ClientError> {
        let mut feeds = self.former_feeds()?.into_iter();
        let Some((_, decided)) = feeds.find(|(feed, _)| *feed == receipt.feed) else {
            return Ok(None);
        };
        note_verdicts(c, receipt, &self.schema, &self.me.user)?;
        if let Some(epoch) = self.me.server_epoch {
            kept_receipts::keep_receipt(c, epoch, receipt, settings::number(c, "told_at")?)?;
        }
        self.former_receipt(c, receipt)?;
        Ok(Some(decided))
    }

    /// Whether the server holds another feed under this one's name: its last entry is not ours.
    fn is_not_ours(&self, receipt: &Receipt) -> Result<bool, ClientError> {
        let mut select = self.db.prepare_cached("SELECT hash FROM entries WHERE feed = ?1 AND n = ?2")?;
        let ours = select
            .query_row((receipt.feed.0, receipt.n as i64), |row| row.get::<_, [u8; 32]>(0))
            .optional()?;
        Ok(receipt.n > 0 && ours != Some(receipt.hash.0))
    }
}

/// The outcome of a receipt.
#[derive(Default)]
struct Noted {
    /// It is about what this phone sent.
    is_ours: bool,
    newly: u64,
    /// The last entry decided of the feed that is written now.
    decided: u64,
    /// The feed went on elsewhere.
    forked: bool,
    /// The server stopped at an entry of the future: the last entry that it has decided.
    ahead: Option<u64>,
    /// The verdicts are on what another process has changed since.
    is_void: bool,
}

/// The last entry decided of a feed, where the server stopped because the next one is of the future.
fn ahead_of(receipt: &Receipt, decided: u64) -> Option<u64> {
    let stopped = receipt.stopped.as_ref();
    let ahead = stopped.is_some_and(|stop| stop.code == Code::TimeAhead);
    ahead.then(|| receipt.n.max(decided))
}

fn note_verdicts(
    c: &Connection,
    receipt: &Receipt,
    schema: &SchemaSet,
    author: &str,
) -> Result<(), ClientError> {
    let mut shaken: BTreeSet<RecordId> = BTreeSet::new();
    let stood_until = stood_until(c, receipt.feed)?;
    for (n, refusal) in &receipt.refused {
        let sql = "UPDATE entries SET state = ?3, refusal = ?4, stood_until = ?5 WHERE feed = ?1 AND n = ?2 AND state < 2
                   RETURNING record";
        let mut update = c.prepare_cached(sql)?;
        let told = json!(refusal).to_string();
        let refused = SentState::Refused.number();
        let mut rows = update.query((receipt.feed.0, *n as i64, refused, told, stood_until))?;
        while let Some(row) = rows.next()? {
            shaken.insert(RecordId(row.get(0)?));
        }
        if refusal.code == Code::Erased {
            erased::forget_refused(c, receipt.feed, *n)?;
        }
    }
    let sql = "UPDATE entries SET state = ?3 WHERE feed = ?1 AND n <= ?2 AND state = 0";
    c.prepare_cached(sql)?.execute((receipt.feed.0, receipt.n as i64, SentState::Sent.number()))?;
    for record in shaken {
        if let Some(row) = rows::row(c, record)? {
            if was_to_create(receipt, record) && !documents::is_confirmed(c, record)? {
                // Later edits of it go out too, and are refused for want of it; until then there is nothing to show.
                forget(c, record)?;
            } else {
                rebuild::rebuild_stored(c, schema, &row, author)?;
            }
        }
    }
    Ok(())
}

/// Whether an entry refused here would have created the record.
fn was_to_create(receipt: &Receipt, record: RecordId) -> bool {
    let mut refused = receipt.refused.iter();
    refused.any(|(n, _)| RecordId::created_by(receipt.feed, *n) == record)
}

/// The last own entry made while what is being refused now still seemed to stand.
pub(crate) fn stood_until(c: &Connection, feed: FeedId) -> Result<i64, ClientError> {
    let mut last = c.prepare_cached("SELECT coalesce(max(n), 0) FROM entries WHERE feed = ?1")?;
    Ok(last.query_row([feed.0], |row| row.get(0))?)
}
