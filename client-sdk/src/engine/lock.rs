//! Changes that begin with a look at what is there: the store's write lock first, then the look, then the writing. Two
//! processes may have one phone's file open.

use rusqlite::Connection;

use super::{Engine, db, settings};
use crate::error::ClientError;
use crate::faults;

/// A write transaction: taken back when it is dropped.
struct Open<'a>(Option<&'a Connection>);

impl Open<'_> {
    fn commit(mut self) -> Result<(), ClientError> {
        let connection = self.0.take().expect("BUG: open until here");
        let committed = connection.execute_batch("COMMIT");
        if committed.is_err() {
            let _ = connection.execute_batch("ROLLBACK");
        }
        committed.map_err(ClientError::of_store)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.0 {
            let _ = connection.execute_batch("ROLLBACK");
        }
    }
}

/// No named points around a commit.
pub(super) const UNNAMED: (&str, &str) = ("", "");
/// The counter of the newest request whose answer changed what other answers build on: rights, areas, schema, generation.
const BASIS: &str = "basis";
/// The counter of the newest request whose answer said what time it is.
const ANSWERED: &str = "answered";

impl Engine {
    /// Does something in one transaction, on what is there now. `before` and `after` name the points around its commit.
    pub(super) fn locked<T>(
        &mut self,
        points: (&str, &str),
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let done = self.within("BEGIN IMMEDIATE", true, points, work);
        done.map_err(|error| self.told(error))
    }

    /// Reads several things of one moment. Other processes write meanwhile.
    pub(super) fn at_one_moment<T>(
        &mut self,
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        self.within("BEGIN", true, UNNAMED, work)
    }

    /// Applies a part of the answer being received, in one transaction. `None` if another process has applied a newer
    /// answer that this one does not fit: then nothing is done, and the answer is void.
    pub(super) fn of_answer<T>(
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
    pub(super) fn of_newest_answer<T>(
        &mut self,
        points: (&str, &str),
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<Option<T>, ClientError> {
        let done = self.of_answer(points, |engine, c| {
            if engine.is_overtaken()? {
                return Ok(None);
            }
            if engine.counter > 0 {
                db::set_number(c, BASIS, engine.counter as i64)?;
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
    pub(super) fn is_outdated(&self) -> Result<bool, ClientError> {
        let generation = self.answer_epoch;
        let of_another = generation.is_some_and(|epoch| self.me.server_epoch != Some(epoch))
            || self.answer_feed.is_some_and(|feed| self.me.feed != feed);
        Ok(of_another || (self.counter > 0 && db::number(&self.db, BASIS)? as u64 > self.counter))
    }

    /// Whether another process has begun to apply the answer to a later request.
    pub(super) fn is_overtaken(&self) -> Result<bool, ClientError> {
        Ok(self.counter > 0 && db::number(&self.db, ANSWERED)? as u64 > self.counter)
    }

    /// Notes that the answer being received is the newest.
    pub(super) fn note_answered(&self, c: &Connection) -> Result<(), ClientError> {
        if self.counter == 0 {
            return Ok(());
        }
        db::set_number(c, ANSWERED, self.counter as i64)
    }

    fn within<T>(
        &mut self,
        begin: &str,
        looks: bool,
        (before, after): (&str, &str),
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        self.db.execute_batch(begin).map_err(ClientError::of_store)?;
        let caught_up = if looks { self.catch_up() } else { Ok(()) };
        let open = Open(Some(&self.db));
        caught_up?;
        let done = work(self, &self.db)?;
        faults::reach(before);
        let committed = open.commit();
        if committed.is_err() {
            // Whether the commit is durable is unknown: look at what the store holds now.
            self.look_again()?;
        }
        committed?;
        faults::reach(after);
        Ok(done)
    }

    /// Reads again what this engine keeps of the store, if another process has written to it.
    fn catch_up(&mut self) -> Result<(), ClientError> {
        let version = db::version(&self.db)?;
        if version != self.version {
            self.look_again()?;
            self.catch_up_lease()?;
            self.version = version;
        }
        Ok(())
    }

    /// Reads again what this engine keeps of the store.
    pub(super) fn look_again(&mut self) -> Result<(), ClientError> {
        self.me = settings::identity(&self.db)?;
        self.grants = settings::grants(&self.db)?;
        let schema_no = db::number(&self.db, settings::SCHEMA_NO)?;
        if schema_no != self.schema_no {
            self.schema = settings::schema(&self.db)?;
            self.seal.follow(&self.schema);
            self.schema_no = schema_no;
        }
        self.reload_tree()
    }
}
