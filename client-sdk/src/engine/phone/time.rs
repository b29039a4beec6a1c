//! The time that edits carry, and the time that rights are judged by.
//!
//! Neither goes back behind the time that the server told last. The second never goes back behind a time that this phone
//! has seen, so that a clock set back gives no right back.

use gridledger_schema::code::Code;
use gridledger_schema::limits;

use crate::engine::file::settings::{CLOCK_OFFSET, LATEST, TOLD_AT};
use crate::engine::phone::engine::Engine;
use crate::engine::records::entries::Made;
use crate::error::ClientError;

/// Milliseconds that the latest time seen may lag before it is written down.
const LATEST_STEP_MS: i64 = 10 * 60_000;
/// The beginning of 2026 in Shanghai, ms since 1970. This program was written later, so an earlier clock is wrong.
pub(crate) const EARLIEST_MS: i64 = 1_767_196_800_000;

impl Engine {
    /// The time that an edit saved now carries, ms since 1970: this phone's clock, corrected by the server's, and never
    /// before the time that the server told last.
    pub(crate) fn now(&self) -> Result<i64, ClientError> {
        Ok(self.read_clock()?.at)
    }

    /// The same time, with the clock behind it.
    pub(crate) fn read_clock(&self) -> Result<Made, ClientError> {
        let (clock, told) = ((self.clock)(), TOLD_AT.get(&self.db)?);
        let corrected = clock.saturating_add(CLOCK_OFFSET.get(&self.db)?);
        let earliest = if told > 0 {
            told
        } else if corrected < EARLIEST_MS {
            // No server has told a time yet. The rights of an invite begin at a right one.
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

    /// The time that rights are judged by: `now`, but never before a time that this phone has seen.
    pub(crate) fn rights_time(&self, now: i64) -> Result<i64, ClientError> {
        Ok(now.max(LATEST.get(&self.db)?))
    }

    /// Writes down how late it is. The engine does so when it opens and before it hides what is due.
    pub(crate) fn note_latest(&self) -> Result<(), ClientError> {
        let now = self.now()?;
        if now > LATEST.get(&self.db)? + LATEST_STEP_MS {
            LATEST.raise(&self.db, now)?;
        }
        Ok(())
    }

    /// Writes down the time if an edit was refused because a right has ended. The right stays ended, whatever the clock
    /// says later.
    pub(crate) fn note_ended_right(&self, error: &ClientError) -> Result<(), ClientError> {
        if error.code() == Some(Code::GrantEnded) {
            LATEST.raise(&self.db, self.rights_time(self.now()?)?)?;
        }
        Ok(())
    }
}
