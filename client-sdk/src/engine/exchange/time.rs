//! The server's time: how this phone's clock is corrected by it.

use gridledger_schema::ids::{RecordId, ServerEpoch};
use gridledger_schema::limits;
use rusqlite::Connection;

use crate::engine::exchange::times::Which;
use crate::engine::file::settings;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::write_lock::UNNAMED;
use crate::engine::records::entries;
use crate::engine::records::rebuild;
use crate::engine::records::rows;
use crate::error::ClientError;

/// Milliseconds by which a right clock may seem wrong because an answer took its time.
const CLOCK_NOISE_MS: i64 = 2_000;

impl Engine {
    /// The server's clock, and its generation: another one than the store's voids the answer. Small differences of clocks
    /// are the network's. Whatever a wrong clock had shown, the phone's or an earlier one of the server's, is put right. A later
    /// answer has said it better.
    pub(crate) fn server_time(&mut self, at: i64, epoch: ServerEpoch) -> Result<(), ClientError> {
        let offset = at - (self.clock)();
        let offset = if offset.abs() < CLOCK_NOISE_MS { 0 } else { offset };
        self.lease.server = Some(at);
        self.answer_epoch = Some(epoch);
        self.of_answer(UNNAMED, |engine, c| {
            if engine.is_overtaken()? {
                return Ok(());
            }
            let was_ahead = settings::number(c, "latest")? > at + limits::CLOCK_AHEAD_MS;
            settings::set_number(c, "clock_offset", offset)?;
            settings::set_number(c, "told_at", at)?;
            settings::set_number(c, "latest", at)?;
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
    pub(crate) fn settle_times(&mut self) -> Result<(), ClientError> {
        if !entries::may_doubt(&self.db)? {
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
        entries::settle_doubt(&self.db)
    }

    fn correct_doubted(&mut self, now: i64) -> Result<(), ClientError> {
        let feeds = [self.former_feeds()?, vec![(self.me.feed, self.me.decided)]].concat();
        for feed in feeds {
            self.times.corrected += self.correct_times(feed, Which::Doubted, now)?;
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
        if let Some(row) = rows::row(c, record)? {
            rebuild::rebuild_stored(c, schema, &row, author)?;
        }
    }
    Ok(())
}
