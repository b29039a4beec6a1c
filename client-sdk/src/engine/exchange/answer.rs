//! The exchange: one request and its answer. Each part of the answer is applied in one transaction, unless the answer has
//! become void.

use gridledger_schema::ids::{EntryHash, FeedId, RecordId, ServerEpoch};
use gridledger_schema::wire::{Ask, Times};
use rusqlite::Connection;

use crate::engine::file::settings::{ANSWERED, BASIS};
use crate::engine::phone::engine::Engine;
use crate::engine::phone::write_lock::Points;
use crate::error::ClientError;
use crate::model::EntryId;

/// One request and its answer. [`Engine::request`] makes it, [`Engine::apply`] takes the answer with it, and the answer's end
/// consumes it.
#[derive(Clone)]
#[must_use = "the answer to a request is applied with its exchange"]
pub struct Exchange {
    /// The server's address.
    pub server: String,
    /// The sealed body of the request.
    pub body: Vec<u8>,
    /// How many entries the request carries.
    pub entries: usize,
    pub(crate) sent: Sent,
    pub(crate) heard: Heard,
}

/// How far the answer to a request has come.
#[must_use = "a waiting exchange takes the rest of its answer"]
pub enum Progress {
    /// More of the answer is to come.
    Waiting(Box<Exchange>),
    /// The answer has ended.
    Ended {
        /// Whether there is more to send or to fetch.
        more: bool,
    },
}

/// The contents of the request, as far as its answer concerns them.
#[derive(Clone)]
pub(crate) struct Sent {
    /// The request's counter.
    pub(crate) counter: u64,
    /// The feed that was written when the request was made.
    pub(crate) feed: FeedId,
    /// The last entry of each segment.
    pub(crate) ends: Vec<SegmentEnd>,
    /// The questions in the request.
    pub(crate) asks: Vec<Ask>,
    /// The records of which the request says that something is missing.
    pub(crate) told_missing: Vec<RecordId>,
    /// The request shows the server this phone's last receipts.
    pub(crate) shows_receipts: bool,
    /// The request asks for a lease.
    pub(crate) asks_lease: bool,
    /// The request leaves out own entries, since their times are in doubt: the server's time comes first.
    pub(crate) holds_back: bool,
}

/// The last entry of a segment.
#[derive(Clone, Copy)]
pub(crate) struct SegmentEnd {
    pub(crate) id: EntryId,
    pub(crate) hash: EntryHash,
}

/// The contents of the answer so far.
#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that some frame settles")]
pub(crate) struct Heard {
    /// The generation of the server.
    pub(crate) epoch: Option<ServerEpoch>,
    /// The server's time, ms since 1970.
    pub(crate) server_time: Option<i64>,
    /// The frames mean nothing any more.
    pub(crate) is_void: bool,
    /// The records held are in step with the rights.
    pub(crate) reach_settled: bool,
    /// Another request is needed, whatever the answer says.
    pub(crate) ask_again: bool,
    /// The recovery from a restore is over.
    pub(crate) recovery_over: bool,
    /// The times under which a copy of this phone had entries decided. A receipt has to prove them.
    pub(crate) times: Option<Times>,
    /// The doubted times were corrected by this answer.
    pub(crate) times_corrected: bool,
    /// Own entries whose times were corrected, and that no report has counted yet.
    pub(crate) corrected: u64,
    /// The lease does not open this store.
    pub(crate) lease_misfit: bool,
}

impl Engine {
    /// Applies a part of an answer in one transaction. `None` if the answer is outdated: then nothing is done, and the answer
    /// is void.
    pub(crate) fn apply_part<T>(
        &mut self,
        exchange: &mut Exchange,
        points: Points,
        work: impl FnOnce(&Self, &Exchange, &Connection) -> Result<T, ClientError>,
    ) -> Result<Option<T>, ClientError> {
        let shared = &*exchange;
        let done = self.write_of_answer(points, |engine, c| {
            if engine.is_outdated(shared)? {
                return Ok(None);
            }
            work(engine, shared, c).map(Some)
        })?;
        exchange.heard.is_void |= done.is_none();
        Ok(done)
    }

    /// As [`apply_part`](Self::apply_part), for what later answers build on: rights, areas, schema. A newer answer says it as
    /// well, so an answer that was overtaken changes nothing and is void.
    pub(crate) fn apply_basis<T>(
        &mut self,
        exchange: &mut Exchange,
        work: impl FnOnce(&Self, &Connection) -> Result<T, ClientError>,
    ) -> Result<Option<T>, ClientError> {
        let done = self.apply_part(exchange, Points::NONE, |engine, exchange, c| {
            if engine.is_overtaken(exchange)? {
                return Ok(None);
            }
            BASIS.set(c, &exchange.sent.counter)?;
            work(engine, c).map(Some)
        })?;
        let done = done.flatten();
        exchange.heard.is_void |= done.is_none();
        self.reload()?;
        Ok(done)
    }

    /// Whether an answer says nothing to this store any more: it is of another generation, the feed has changed since the
    /// request, or a newer answer has changed what this one builds on.
    fn is_outdated(&self, exchange: &Exchange) -> Result<bool, ClientError> {
        let of_another = exchange.heard.epoch.is_some_and(|epoch| self.me.server_epoch != Some(epoch))
            || self.me.feed != exchange.sent.feed;
        Ok(of_another || BASIS.get(&self.db)? > exchange.sent.counter)
    }

    /// Whether another process has begun to apply the answer to a later request.
    pub(crate) fn is_overtaken(&self, exchange: &Exchange) -> Result<bool, ClientError> {
        Ok(ANSWERED.get(&self.db)? > exchange.sent.counter)
    }
}
