//! The segments of a request: own entries that the server has not decided.

use gridledger_core::canonical;
use gridledger_schema::ids::{EntryHash, FeedId};
use gridledger_schema::limits;
use gridledger_schema::wire::Segment;

use crate::engine::exchange::kept_receipts;
use crate::engine::phone::engine::Engine;
use crate::engine::records::entries;
use crate::error::ClientError;

/// Bytes of entries (canonical) in one push; more goes with the next.
const PUSH_BYTES: usize = 1 << 20;

impl Engine {
    /// What is not decided, of earlier feeds first: as much as goes into one request.
    pub(crate) fn segments(&self) -> Result<Vec<Segment>, ClientError> {
        let mut feeds = self.former_feeds()?;
        feeds.push((self.me.feed, self.me.decided));
        let mut left = (limits::PUSH_ENTRIES, PUSH_BYTES);
        let mut segments = Vec::new();
        for (feed, after) in feeds {
            let Some(segment) = self.segment(feed, after, &mut left)? else {
                continue;
            };
            let last = segment.entries.last().map_or(0, |entry| entry.n);
            segments.push(segment);
            // What was made later goes later.
            if self.has_after(feed, last)? {
                break;
            }
        }
        Ok(segments)
    }

    fn has_after(&self, feed: FeedId, n: u64) -> Result<bool, ClientError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM entries WHERE feed = ?1 AND n > ?2)";
        let mut select = self.db.prepare_cached(sql)?;
        Ok(select.query_row((feed.0, n as i64), |row| row.get(0))?)
    }

    /// A feed's entries after one, as many as are left to a request. Where receipts prove them they end with a receipt; in the
    /// dark they end before what is sealed.
    pub(crate) fn segment(
        &self,
        feed: FeedId,
        after: u64,
        (most, most_bytes): &mut (usize, usize),
    ) -> Result<Option<Segment>, ClientError> {
        let sql = "SELECT opened(body, record, 65), hash FROM entries WHERE feed = ?1 AND n > ?2 ORDER BY n LIMIT ?3";
        let mut select = self.db.prepare_cached(sql)?;
        let mut rows = select.query((feed.0, after as i64, *most as i64))?;
        let mut entries = Vec::new();
        while *most_bytes > 0
            && let Some(row) = rows.next()?
            && let Some(body) = row.get::<_, Option<Vec<u8>>>(0)?
        {
            *most_bytes = most_bytes.saturating_sub(body.len());
            entries.push(canonical::decode(&body).map_err(|e| ClientError::NotAStore(e.to_string()))?);
        }
        let mut sent = after + entries.len() as u64;
        // An entry whose receipt did not come along would be judged as a new one.
        if let Some(last) = kept_receipts::last_shown(&self.db, feed, (after, sent))? {
            entries.truncate((last - after) as usize);
            sent = last;
        }
        let (proven, whole) = self.proven(feed, sent)?;
        // An entry that lost what it said begins a request of its own: nothing binds what stands before it.
        if let Some(emptied) = self.next_emptied(feed, (after, sent))? {
            entries.truncate((emptied - 1 - after) as usize);
        }
        let sent = after + entries.len() as u64;
        if sent < proven && whole > after {
            entries.truncate((whole - after) as usize);
        }
        *most -= entries.len();
        let Some(n) = entries.last().map(|e| e.n) else {
            return Ok(None);
        };
        let mut before = [0; 8];
        before.copy_from_slice(&self.hash_of(feed, after)?.0[..8]);
        let signature = canonical::sign_segment(self.me.suite, &self.me.key, feed, n, self.hash_of(feed, n)?);
        Ok(Some(Segment { feed, suite: self.me.suite, before, entries, signature }))
    }

    /// The first entry that lost what it said after one that did not, in a stretch of a feed.
    fn next_emptied(&self, feed: FeedId, (after, upto): (u64, u64)) -> Result<Option<u64>, ClientError> {
        let sql = "SELECT min(e.n) FROM entries e JOIN entries b ON b.feed = e.feed AND b.n = e.n - 1
                   WHERE e.feed = ?1 AND e.n > ?2 + 1 AND e.n <= ?3 AND e.facets IS NOT NULL AND b.facets IS NULL";
        let mut select = self.db.prepare_cached(sql)?;
        let found =
            select.query_row((feed.0, after as i64, upto as i64), |row| row.get::<_, Option<i64>>(0))?;
        Ok(found.map(|n| n as u64))
    }

    /// The last entry of each segment, with its hash.
    pub(crate) fn ends_of(&self, segments: &[Segment]) -> Result<Vec<(FeedId, u64, EntryHash)>, ClientError> {
        let last = |segment: &Segment| Some((segment.feed, segment.entries.last()?.n));
        let ends = segments.iter().filter_map(last);
        ends.map(|(feed, n)| Ok((feed, n, self.hash_of(feed, n)?))).collect()
    }

    /// Whether what was sent of a feed is what it holds now: another process on this file may have corrected its times since.
    pub(crate) fn holds_what_was_sent(&self, feed: FeedId) -> Result<bool, ClientError> {
        let Some((_, n, hash)) = self.times.sent.iter().find(|(of, ..)| *of == feed) else {
            return Ok(true);
        };
        let held = entries::hash_of(&self.db, feed, *n)?;
        Ok(held == Some(*hash))
    }

    pub(crate) fn hash_of(&self, feed: FeedId, n: u64) -> Result<EntryHash, ClientError> {
        if n == 0 {
            return Ok(EntryHash::ZERO);
        }
        let held = entries::hash_of(&self.db, feed, n)?;
        held.ok_or_else(|| ClientError::NotAStore(format!("entry {n} is not there")))
    }
}
