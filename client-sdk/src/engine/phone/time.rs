//! The time edits carry, and the time rights are judged by: neither goes back behind what this phone has been told, and
//! the second not behind what it has seen, so that a clock set back gives no right back.

use gridledger_schema::code::Code;
use gridledger_schema::limits;

use crate::engine::file::settings;
use crate::engine::phone::engine::Engine;
use crate::engine::records::entries::Made;
use crate::error::ClientError;

/// Milliseconds by which the latest time seen may be behind before it is written down.
const LATEST_STEP_MS: i64 = 10 * 60_000;

/// The beginning of 2026 in Shanghai, ms since 1970. This program was written later: an earlier clock is wrong.
pub(crate) const EARLIEST_MS: i64 = 1_767_196_800_000;

impl Engine {
    /// The time edits carry: this phone's clock, corrected by what the server said last, and never before that.
    pub(crate) fn now(&self) -> Result<i64, ClientError> {
        Ok(self.made()?.at)
    }

    /// The time an edit carries that is saved now.
    pub(crate) fn made(&self) -> Result<Made, ClientError> {
        let (clock, told) = ((self.clock)(), settings::number(&self.db, "told_at")?);
        let corrected = clock.saturating_add(settings::number(&self.db, "clock_offset")?);
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
    pub(crate) fn rights_time(&self, now: i64) -> Result<i64, ClientError> {
        Ok(now.max(settings::number(&self.db, "latest")?))
    }

    /// Writes down how late it is. Asked for at every opening and whenever a right is found to have ended.
    pub(crate) fn note_latest(&self) -> Result<(), ClientError> {
        let now = self.now()?;
        if now > settings::number(&self.db, "latest")? + LATEST_STEP_MS {
            settings::raise_number(&self.db, "latest", now)?;
        }
        Ok(())
    }

    /// An edit was refused because a right has ended: from here on it has, whatever the clock says later.
    pub(crate) fn note_refusal(&self, error: &ClientError) -> Result<(), ClientError> {
        if error.code() == Some(Code::GrantEnded) {
            let at = self.rights_time(self.now()?)?;
            settings::raise_number(&self.db, "latest", at)?;
        }
        Ok(())
    }
}
