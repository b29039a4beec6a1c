//! The server's time: it corrects this phone's clock, and the times of edits saved while the clock was known to be wrong.

use gridledger_schema::ids::ServerEpoch;
use gridledger_schema::limits;

use crate::engine::exchange::answer::Exchange;
use crate::engine::exchange::times::Which;
use crate::engine::file::settings::{ANSWERED, CLOCK_OFFSET, LATEST, TIMES_DOUBTED, TOLD_AT};
use crate::engine::phone::engine::Engine;
use crate::engine::phone::write_lock::Points;
use crate::engine::records::entries::ANY_DOUBTED;
use crate::engine::records::{due, rebuild};
use crate::error::ClientError;

/// Milliseconds that a right clock may seem wrong by, since an answer takes its time.
const CLOCK_NOISE_MS: i64 = 2_000;

impl Engine {
    /// Takes the server's time (ms since 1970) and its generation; another generation than the store's voids the answer. An
    /// error of any clock is put right, also an earlier one of the server's. A later answer has told a better time.
    pub(crate) fn apply_time(
        &mut self,
        exchange: &mut Exchange,
        at: i64,
        epoch: ServerEpoch,
    ) -> Result<(), ClientError> {
        let offset = at - (self.clock)();
        let offset = if offset.abs() < CLOCK_NOISE_MS { 0 } else { offset };
        exchange.heard.server_time = Some(at);
        exchange.heard.epoch = Some(epoch);
        self.apply_part(exchange, Points::NONE, |engine, exchange, c| {
            if engine.is_overtaken(exchange)? {
                return Ok(());
            }
            let was_ahead = LATEST.get(c)? > at + limits::CLOCK_AHEAD_MS;
            CLOCK_OFFSET.set(c, &offset)?;
            TOLD_AT.set(c, &at)?;
            LATEST.set(c, &at)?;
            if was_ahead {
                // Records that the clock ahead had taken for due are shown again.
                rebuild::rebuild_each(c, &engine.schema, due::list_hidden(c)?, &engine.me.user)?;
            }
            ANSWERED.set(c, &exchange.sent.counter)
        })?;
        // The server's time may end a lease that held by this phone's clock: the next request of this sync asks for another.
        self.check_lease()?;
        exchange.heard.ask_again |= self.seal.is_dark() && !exchange.sent.asks_lease;
        if !exchange.heard.is_void
            && exchange.sent.holds_back
            && !std::mem::replace(&mut exchange.heard.times_corrected, true)
        {
            exchange.heard.corrected += self.correct_doubted(exchange.sent.counter, at)?;
            exchange.heard.ask_again = true;
        }
        Ok(())
    }

    /// Corrects the times of edits saved while this phone knew that its clock was wrong, if the clock seems right by now; gives
    /// the number of edits corrected. While the clock is wrong, the server's time comes first. `counter` is the request's.
    pub(crate) fn settle_times(&mut self, counter: u64) -> Result<u64, ClientError> {
        if !TIMES_DOUBTED.get(&self.db)? {
            return Ok(0);
        }
        match self.settle_doubted(counter) {
            // On a full disk the times stay in doubt, and the edits are held back.
            Err(error) if !error.is_damage() => Ok(0),
            settled => settled,
        }
    }

    fn settle_doubted(&mut self, counter: u64) -> Result<u64, ClientError> {
        let made = self.read_clock()?;
        let corrected = if !self.seal.is_dark() && !made.doubted && self.has_doubted_times()? {
            self.correct_doubted(counter, made.at)?
        } else {
            0
        };
        TIMES_DOUBTED.remove_unless(&self.db, ANY_DOUBTED)?;
        Ok(corrected)
    }

    fn correct_doubted(&mut self, counter: u64, now: i64) -> Result<u64, ClientError> {
        let mut corrected = 0;
        for after in self.list_feeds_to_send()? {
            corrected += self.correct_times(counter, after, Which::Doubted, now)?;
        }
        Ok(corrected)
    }
}
