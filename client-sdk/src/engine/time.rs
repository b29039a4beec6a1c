//! The time edits carry, and the time rights are judged by: neither goes back behind what this phone has been told, and
//! the second not behind what it has seen, so that a clock set back gives no right back.

use gridledger_schema::code::Code;
use gridledger_schema::ids::ServerEpoch;

use super::lock::UNNAMED;
use super::{Engine, db};
use crate::error::ClientError;

/// Milliseconds by which a right clock may seem wrong because an answer took its time.
const CLOCK_NOISE_MS: i64 = 2_000;
/// Milliseconds by which the latest time seen may be behind before it is written down.
const LATEST_STEP_MS: i64 = 10 * 60_000;

impl Engine {
    /// The time edits carry: this phone's clock, corrected by what the server said last, and never before that.
    pub(super) fn now(&self) -> Result<i64, ClientError> {
        let corrected = (self.clock)() + db::number(&self.db, "clock_offset")?;
        Ok(corrected.max(db::number(&self.db, "told_at")?))
    }

    /// The time rights are judged by: `now`, but never before a time that this phone has seen.
    pub(super) fn rights_time(&self, now: i64) -> Result<i64, ClientError> {
        Ok(now.max(db::number(&self.db, "latest")?))
    }

    /// The server's clock, and its generation: another one than the store's voids the answer. Small differences of clocks
    /// are the network's. A later answer has said it better.
    pub(super) fn server_time(&mut self, at: i64, epoch: ServerEpoch) -> Result<(), ClientError> {
        let offset = at - (self.clock)();
        let offset = if offset.abs() < CLOCK_NOISE_MS { 0 } else { offset };
        self.lease.server = Some(at);
        self.answer_epoch = Some(epoch);
        self.of_answer(UNNAMED, |engine, c| {
            if engine.is_overtaken()? {
                return Ok(());
            }
            db::set_number(c, "clock_offset", offset)?;
            db::set_number(c, "told_at", at)?;
            // Whatever a wrong clock had shown is put right.
            db::set_number(c, "latest", at)?;
            engine.note_answered(c)
        })?;
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
