//! The segments of a request: own entries that the server has not decided.

use gridledger_core::canonical;
use gridledger_schema::ids::{EntryHash, FeedId};
use gridledger_schema::limits;
use gridledger_schema::wire::Segment;

use crate::engine::exchange::answer::{Exchange, SegmentEnd};
use crate::engine::exchange::kept_receipts;
use crate::engine::phone::engine::Engine;
use crate::engine::records::entries::{self, chain};
use crate::error::ClientError;
use crate::model::EntryId;

/// Bytes of entries (canonical) in one push; the next one carries more.
const PUSH_BYTES: usize = 1 << 20;

/// The room that a request has left.
struct Room {
    entries: usize,
    /// Bytes of entries (canonical).
    bytes: usize,
}

impl Engine {
    /// Makes segments of what is not decided, earlier feeds first: as much as goes into one request.
    pub(crate) fn make_segments(&self) -> Result<Vec<Segment>, ClientError> {
        let mut room = Room { entries: limits::PUSH_ENTRIES, bytes: PUSH_BYTES };
        let mut segments = Vec::new();
        for after in self.list_feeds_to_send()? {
            let Some(segment) = self.make_segment(after, &mut room)? else {
                continue;
            };
            let n = segment.entries.last().map_or(0, |entry| entry.n);
            segments.push(segment);
            // A feed whose end did not go keeps the later feeds back.
            if chain::goes_on_after(&self.db, EntryId { feed: after.feed, n })? {
                break;
            }
        }
        Ok(segments)
    }

    /// Makes a segment of a feed's entries after one, as many as there is room for. If receipts prove them, they end with a
    /// receipt; in the dark they end before the first that is sealed.
    fn make_segment(&self, after: EntryId, room: &mut Room) -> Result<Option<Segment>, ClientError> {
        let feed = after.feed;
        let mut entries = entries::read_after(&self.db, after, room.entries, &mut room.bytes)?;
        let mut sent = after.n + entries.len() as u64;
        // The server would judge an entry as a new one if its receipt did not come along.
        if let Some(last) = kept_receipts::find_last_shown(&self.db, after, sent)? {
            entries.truncate((last - after.n) as usize);
            sent = last;
        }
        let proven = kept_receipts::find_proven(&self.db, feed, sent)?;
        // An entry without content begins a request of its own: nothing binds the entries before it.
        if let Some(emptied) = entries::find_next_emptied(&self.db, after, sent)? {
            entries.truncate((emptied - 1 - after.n) as usize);
        }
        let sent = after.n + entries.len() as u64;
        if sent < proven.last && proven.upto > after.n {
            entries.truncate((proven.upto - after.n) as usize);
        }
        room.entries -= entries.len();
        let Some(n) = entries.last().map(|e| e.n) else {
            return Ok(None);
        };
        let mut before = [0; 8];
        before.copy_from_slice(&self.read_hash(after)?.0[..8]);
        let hash = self.read_hash(EntryId { feed, n })?;
        let signature = canonical::sign_segment(self.me.suite, &self.me.key, feed, n, hash);
        Ok(Some(Segment { feed, suite: self.me.suite, before, entries, signature }))
    }

    /// Lists the last entry of each segment.
    pub(crate) fn list_ends(&self, segments: &[Segment]) -> Result<Vec<SegmentEnd>, ClientError> {
        let last = |segment: &Segment| Some(EntryId { feed: segment.feed, n: segment.entries.last()?.n });
        let ends = segments.iter().filter_map(last);
        ends.map(|id| Ok(SegmentEnd { id, hash: self.read_hash(id)? })).collect()
    }

    /// Whether a feed still holds what the request sent of it. Another process on this file may have corrected its times since.
    pub(crate) fn holds_what_was_sent(&self, exchange: &Exchange, feed: FeedId) -> Result<bool, ClientError> {
        let Some(end) = exchange.sent.ends.iter().find(|end| end.id.feed == feed) else {
            return Ok(true);
        };
        Ok(entries::find_hash(&self.db, end.id)? == Some(end.hash))
    }

    fn read_hash(&self, id: EntryId) -> Result<EntryHash, ClientError> {
        if id.n == 0 {
            return Ok(EntryHash::ZERO);
        }
        let held = entries::find_hash(&self.db, id)?;
        held.ok_or_else(|| ClientError::NotAStore(format!("entry {} is not there", id.n)))
    }
}
