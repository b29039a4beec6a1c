//! Parts of an answer, each applied in one transaction, unless a newer answer has made it void.

use rusqlite::Connection;

use crate::engine::file::settings;
use crate::engine::phone::engine::Engine;
use crate::error::ClientError;
use crate::faults;

/// The counter of the newest request whose answer changed what other answers build on: rights, areas, schema, generation.
const BASIS: &str = "basis";

/// The counter of the newest request whose answer said what time it is.
const ANSWERED: &str = "answered";

impl Engine {
    /// Applies a part of the answer being received, in one transaction. `None` if another process has applied a newer
    /// answer that this one does not fit: then nothing is done, and the answer is void.
    pub(crate) fn of_answer<T>(
        &mut self,
        points: (&str, &str),
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<Option<T>, ClientError> {
        let looks = !faults::is_planted("03");
        let done = self.within("BEGIN IMMEDIATE", looks, points, |engine, c| {
            if engine.is_outdated()? {
                return Ok(None);
            }
            work(engine, c).map(Some)
        })?;
        self.answer_is_void |= done.is_none();
        Ok(done)
    }

    /// As [`of_answer`](Self::of_answer), for what later answers build on. A newer answer says it as well: one that was
    /// overtaken changes nothing.
    pub(crate) fn of_newest_answer<T>(
        &mut self,
        points: (&str, &str),
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<Option<T>, ClientError> {
        let done = self.of_answer(points, |engine, c| {
            if engine.is_overtaken()? {
                return Ok(None);
            }
            if engine.counter > 0 {
                settings::set_number(c, BASIS, engine.counter as i64)?;
            }
            work(engine, c).map(Some)
        })?;
        let done = done.flatten();
        self.answer_is_void |= done.is_none();
        self.look_again()?;
        Ok(done)
    }

    /// Whether the answer being received says nothing to this store any more: it is of another generation, the feed it is
    /// about has been left, or a newer answer has changed what it builds on.
    fn is_outdated(&self) -> Result<bool, ClientError> {
        let generation = self.answer_epoch;
        let of_another = generation.is_some_and(|epoch| self.me.server_epoch != Some(epoch))
            || self.answer_feed.is_some_and(|feed| self.me.feed != feed);
        Ok(of_another || (self.counter > 0 && settings::number(&self.db, BASIS)? as u64 > self.counter))
    }

    /// Whether another process has begun to apply the answer to a later request.
    pub(crate) fn is_overtaken(&self) -> Result<bool, ClientError> {
        Ok(self.counter > 0 && settings::number(&self.db, ANSWERED)? as u64 > self.counter)
    }

    /// Notes that the answer being received is the newest.
    pub(crate) fn note_answered(&self, c: &Connection) -> Result<(), ClientError> {
        if self.counter == 0 {
            return Ok(());
        }
        settings::set_number(c, ANSWERED, self.counter as i64)
    }
}

/// The setting that holds the counter used last.
pub(crate) const COUNTER: &str = "counter";
