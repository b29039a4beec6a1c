//! The time edits carry, and the time rights are judged by: neither goes back behind what this phone has been told, and
//! the second not behind what it has seen, so that a clock set back gives no right back.

use gridledger_schema::code::Code;
use gridledger_schema::ids::{RecordId, ServerEpoch};
use gridledger_schema::limits;
use rusqlite::Connection;

use super::lock::UNNAMED;
use super::overlay;
use super::times::{self, Which};
use super::{Engine, db};
use crate::error::ClientError;

/// Milliseconds by which a right clock may seem wrong because an answer took its time.
const CLOCK_NOISE_MS: i64 = 2_000;
/// Milliseconds by which the latest time seen may be behind before it is written down.
const LATEST_STEP_MS: i64 = 10 * 60_000;
/// The beginning of 2026 in Shanghai, ms since 1970. This program was written later: an earlier clock is wrong.
pub(super) const EARLIEST_MS: i64 = 1_767_196_800_000;

/// When an entry was saved, and by what clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Made {
    /// The time it carries, ms since 1970.
    pub(super) at: i64,
    /// The time that the phone's own clock said; `None` in files of the version before.
    pub(super) clock: Option<i64>,
    /// The server's time that the phone had been told last, 0 for none.
    pub(super) told: i64,
    /// The phone knew that its clock was wrong, and not by how much.
    pub(super) doubted: bool,
}

impl Engine {
    /// The time edits carry: this phone's clock, corrected by what the server said last, and never before that.
    pub(super) fn now(&self) -> Result<i64, ClientError> {
        Ok(self.made()?.at)
    }

    /// The time an edit carries that is saved now.
    pub(super) fn made(&self) -> Result<Made, ClientError> {
        let (clock, told) = ((self.clock)(), db::number(&self.db, "told_at")?);
        let corrected = clock.saturating_add(db::number(&self.db, "clock_offset")?);
        let earliest = if told > 0 {
            told
        } else if corrected < EARLIEST_MS {
            // No server has said a time yet. The rights an invite gives begin at a right one.
            let begins = self.grants.iter().map(|grant| grant.from).min();
            begins.unwrap_or(EARLIEST_MS).max(EARLIEST_MS)
        } else {
            corrected
        };
        let range = limits::TIME_RANGE_MS;
        Ok(Made {
            at: corrected.max(earliest).clamp(*range.start(), *range.end()),
            clock: Some(clock),
            told,
            doubted: corrected < earliest - limits::CLOCK_AGREES_MS,
        })
    }

    /// The time rights are judged by: `now`, but never before a time that this phone has seen.
    pub(super) fn rights_time(&self, now: i64) -> Result<i64, ClientError> {
        Ok(now.max(db::number(&self.db, "latest")?))
    }

    /// The server's clock, and its generation: another one than the store's voids the answer. Small differences of clocks
    /// are the network's. Whatever a wrong clock had shown, the phone's or an earlier one of the server's, is put right. A later
    /// answer has said it better.
    pub(super) fn server_time(&mut self, at: i64, epoch: ServerEpoch) -> Result<(), ClientError> {
        let offset = at - (self.clock)();
        let offset = if offset.abs() < CLOCK_NOISE_MS { 0 } else { offset };
        self.lease.server = Some(at);
        self.answer_epoch = Some(epoch);
        self.of_answer(UNNAMED, |engine, c| {
            if engine.is_overtaken()? {
                return Ok(());
            }
            let was_ahead = db::number(c, "latest")? > at + limits::CLOCK_AHEAD_MS;
            db::set_number(c, "clock_offset", offset)?;
            db::set_number(c, "told_at", at)?;
            db::set_number(c, "latest", at)?;
            if was_ahead {
                show_hidden(c, &engine.schema, &engine.me.user)?;
            }
            engine.note_answered(c)
        })?;
        if !self.answer_is_void && std::mem::take(&mut self.times.held_back) {
            self.correct_doubted(at)?;
            self.ask_again = true;
        }
        Ok(())
    }

    /// Corrects the times of edits saved while this phone knew that its clock was wrong, if it seems right by now. While it is still
    /// wrong, the server's time comes first.
    pub(super) fn settle_times(&mut self) -> Result<(), ClientError> {
        if !times::may_doubt(&self.db)? {
            return Ok(());
        }
        match self.settle_doubted() {
            // On a full disk the times stay in doubt, and the edits are held back.
            Err(error) if !error.is_damage() => Ok(()),
            settled => settled,
        }
    }

    fn settle_doubted(&mut self) -> Result<(), ClientError> {
        let made = self.made()?;
        if !self.seal.is_dark() && !made.doubted && self.doubts_times()? {
            self.correct_doubted(made.at)?;
        }
        times::settle_doubt(&self.db)
    }

    fn correct_doubted(&mut self, now: i64) -> Result<(), ClientError> {
        let feeds = [self.former_feeds()?, vec![(self.me.feed, self.me.decided)]].concat();
        for feed in feeds {
            self.times.corrected += self.correct_times(feed, Which::Doubted, now)?;
        }
        Ok(())
    }

    /// Writes down how late it is. Asked for at every opening and whenever a right is found to have ended.
    pub(super) fn note_latest(&self) -> Result<(), ClientError> {
        let now = self.now()?;
        if now > db::number(&self.db, "latest")? + LATEST_STEP_MS {
            db::raise_number(&self.db, "latest", now)?;
        }
        Ok(())
    }

    /// An edit was refused because a right has ended: from here on it has, whatever the clock says later.
    pub(super) fn note_refusal(&self, error: &ClientError) -> Result<(), ClientError> {
        if error.code() == Some(Code::GrantEnded) {
            let at = self.rights_time(self.now()?)?;
            db::raise_number(&self.db, "latest", at)?;
        }
        Ok(())
    }
}

/// Records that a clock ahead had taken for due are shown again.
fn show_hidden(
    c: &Connection,
    schema: &gridledger_schema::set::SchemaSet,
    author: &str,
) -> Result<(), ClientError> {
    let mut select = c.prepare_cached("SELECT record FROM due WHERE hides = 1")?;
    let hidden = select.query_map([], |row| row.get(0).map(RecordId))?;
    for record in hidden.collect::<Result<Vec<_>, _>>()? {
        if let Some(row) = overlay::row(c, record)? {
            overlay::rebuild_stored(c, schema, &row, author)?;
        }
    }
    Ok(())
}
