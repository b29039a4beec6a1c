//! Records, documents, area logs and history.

use std::collections::BTreeMap;
use std::sync::Arc;

use gridledger_schema::ids::{AreaNo, DeviceNo, EntryHash, FeedId, RecordId};
use gridledger_schema::wire::AreaCursor;

use super::pushes;
use super::read::{self, RECORD_COLUMNS, documents_of, read_line, read_record, read_refusal, record_row};
use super::row_locks::Discovered;
use super::{epochs, events, handled, ledgers, marks};
use crate::faults::is_planted;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::rows::records::{
    Act, AreaHead, Changes, DocumentRow, ErasureRow, Handled, HistoryRow, LedgerPage, LedgerQuery, LedgerRow,
    Push, RecordNewsRow, RecordRow, SegmentVerdict, Told,
};
use crate::store::sql::{Connection, Optional as _, SqlError};

/// Columns of a log row, its author and the entry's bytes, for [`news`], and the first of them.
const NEWS_LINE: &str = "l.seq, l.record, l.feed, l.n, l.facets, l.seen, f.author, e.body";
const LINE: usize = 20;

/// Records that changed or left after the cursor, in the order in which they did.
pub(super) fn news(
    c: &Connection<'_>,
    cursor: AreaCursor,
    bytes: usize,
) -> Result<Vec<RecordNewsRow>, StoreError> {
    let (mut found, cut) = changed(c, cursor, bytes)?;
    let upto = found.last().filter(|_| cut).map(|last| last.at);
    with_departures(&mut found, events::left(c, cursor, upto)?);
    Ok(found)
}

/// Adds the records that left an area to those that changed in it. Returns whether more left.
fn with_departures(found: &mut Vec<RecordNewsRow>, left: Vec<RecordNewsRow>) -> bool {
    let more = left.len() >= events::DEPARTURES_AT_ONCE;
    if let Some(last) = left.last().filter(|_| more) {
        found.retain(|news| news.at <= last.at);
    }
    found.extend(left);
    found.sort_by_key(|news| news.at);
    more
}

/// Records that changed or left after a position, without their content: about `limit` at most; and whether there are
/// more.
fn changes(
    c: &Connection<'_>,
    area: AreaNo,
    after: u64,
    limit: usize,
) -> Result<(Vec<RecordNewsRow>, bool), StoreError> {
    let sql = format!(
        "SELECT {RECORD_COLUMNS} FROM records r WHERE area = ?1 AND last > ?2 ORDER BY last LIMIT ?3"
    );
    let mut select = c.prepare_cached(&sql)?;
    let rows = select.query_map((area.0, after as i64, limit as i64), |row| {
        let row = read_record(row)?;
        Ok(RecordNewsRow { told: Told::Changed, at: row.last, row, whole: None, entries: Vec::new() })
    })?;
    let mut found = rows.collect::<Result<Vec<_>, SqlError>>()?;
    let more = found.len() >= limit;
    let upto = found.last().filter(|_| more).map(|last| last.at);
    let cursor = AreaCursor { area, floor: after, reached: after };
    let more_left = with_departures(&mut found, events::left(c, cursor, upto)?);
    Ok((found, more || more_left))
}

/// Records looked up at once: so few that no engine thinks of reading a whole table, whatever it knows of its size.
const RECORDS_AT_ONCE: usize = 250;

/// Records of the area that changed after the cursor, and whether there are more.
fn changed(
    c: &Connection<'_>,
    cursor: AreaCursor,
    bytes: usize,
) -> Result<(Vec<RecordNewsRow>, bool), StoreError> {
    let (mut found, mut taken, mut cut) = (Vec::<RecordNewsRow>::new(), 0, false);
    loop {
        let (before, after) = (found.len(), found.last().map_or(cursor.reached, |last| last.at));
        cut |= changed_after(c, cursor, after, (&mut found, &mut taken, bytes))?;
        if cut || found.len() - before < RECORDS_AT_ONCE {
            break;
        }
    }
    for news in &mut found {
        if begins_with_more(&news.row, cursor.floor) {
            news.whole = Some(documents_of(c, news.row.record)?);
        }
    }
    Ok((found, cut))
}

/// Reads the next records after a position, until there are enough bytes. Returns whether there were.
fn changed_after(
    c: &Connection<'_>,
    cursor: AreaCursor,
    after: u64,
    (found, taken, bytes): (&mut Vec<RecordNewsRow>, &mut usize, usize),
) -> Result<bool, StoreError> {
    let sql = format!(
        "SELECT {RECORD_COLUMNS}, {NEWS_LINE},
           CASE WHEN {BEGINS_WITH_MORE} THEN (SELECT CAST(sum(length(d.bytes)) AS BIGINT) FROM documents d
             WHERE d.record = r.record) END AS weight
         FROM (SELECT * FROM records WHERE area = ?1 AND last > ?3 ORDER BY last LIMIT {RECORDS_AT_ONCE}) r
         LEFT JOIN log l ON l.record = r.record AND l.seq > CASE WHEN r.arrived > ?2 THEN 0 ELSE ?2 END
           AND r.began <= ?2 AND (r.began = 0 OR r.arrived <= ?2)
         LEFT JOIN entries e ON e.feed = l.feed AND e.n = l.n LEFT JOIN feeds f ON f.feed = l.feed
         ORDER BY r.last, l.seq"
    );
    let mut select = c.prepare_cached(&sql)?;
    let mut cut = false;
    let from = (cursor.area.0, cursor.floor as i64, after as i64);
    select.visit(from, |row| -> Result<bool, SqlError> {
        let record = RecordId(row.get(0)?);
        if found.last().is_none_or(|last| last.row.record != record) {
            if *taken >= bytes && !found.is_empty() {
                cut = true;
                return Ok(false);
            }
            let weight = row.get::<_, Option<i64>>("weight")?.unwrap_or(0) as usize;
            let record = read_record(row)?;
            *taken += if is_planted("16") { weight.min(2 << 10) } else { weight };
            found.push(RecordNewsRow {
                told: Told::Changed,
                at: record.last,
                row: record,
                whole: None,
                entries: Vec::new(),
            });
        }
        if let (Some(body), Some(last)) = (row.get::<_, Option<Vec<u8>>>(LINE + 7)?, found.last_mut()) {
            let line = read_line(row, LINE)?;
            *taken += body.len() + SEEN_BYTES * line.seen.as_ref().map_or(0, Vec::len);
            last.entries.push((line, row.get(LINE + 6)?, body));
        }
        Ok(true)
    })?;
    Ok(cut)
}

/// Bytes that one change named in what an entry's author had seen takes in a frame.
const SEEN_BYTES: usize = 4;

/// The condition of [`begins_with_more`], where `?2` is the floor.
const BEGINS_WITH_MORE: &str = "r.erased = 0 AND (r.began > ?2 OR (r.began > 0 AND r.arrived > ?2))";

/// Whether a record's entries are not enough for a reader at `floor`. A record that arrived later needs all its
/// entries; after a new generation they do not begin with nothing.
fn begins_with_more(row: &RecordRow, floor: u64) -> bool {
    !row.erased && (row.began > floor || (row.began > 0 && row.arrived > floor))
}

/// The record that has, or had, a number in an area's log as its short name.
pub(super) fn record_named(c: &Connection<'_>, area: AreaNo, created: u64) -> Result<RecordId, SqlError> {
    let mut select = c.prepare_cached(
        "SELECT record FROM records WHERE area = ?1 AND created = ?2
         UNION ALL SELECT record FROM stays WHERE area = ?1 AND created = ?2 LIMIT 1",
    )?;
    select.query_row((area.0, created as i64), |row| Ok(RecordId(row.get(0)?)))
}

fn history(c: &Connection<'_>, record: RecordId, refused: usize) -> Result<Vec<HistoryRow>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT l.seq, e.record, e.feed, e.n, coalesce(l.facets, 0), l.seen, f.author, f.device, e.body, e.received_at,
                e.refusal
         FROM (SELECT feed, n FROM log WHERE record = ?1
               UNION SELECT feed, n FROM (
                 SELECT feed, n FROM entries WHERE record = ?1 AND refusal IS NOT NULL
                 ORDER BY received_at DESC, n DESC LIMIT ?2) r) k
         JOIN entries e ON e.feed = k.feed AND e.n = k.n JOIN feeds f ON f.feed = k.feed
         LEFT JOIN log l ON l.record = ?1 AND l.feed = k.feed AND l.n = k.n
         ORDER BY l.seq IS NULL, l.seq, e.received_at, e.n",
    )?;
    let most = i64::try_from(refused).unwrap_or(i64::MAX);
    let rows = select.query_map((record.0, most), |row| {
        let logged = row.get::<_, Option<i64>>(0)?.is_some();
        Ok(HistoryRow {
            log: logged.then(|| read_line(row, 0)).transpose()?,
            feed: FeedId(row.get(2)?),
            n: row.get::<_, i64>(3)? as u64,
            author: row.get(6)?,
            device: row.get::<_, Option<u32>>(7)?.map(DeviceNo),
            body: row.get(8)?,
            received_at: row.get(9)?,
            refusal: row.get::<_, Option<String>>(10)?.map(|text| read_refusal(&text)),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

impl Store {
    /// Decides a push and stores everything in one transaction. Concurrent calls may share a commit; each stands or
    /// falls by itself. Returns only after the commit.
    pub fn push(&self, push: Push) -> Result<Vec<SegmentVerdict>, StoreError> {
        let (decide, key) = (self.decide.clone(), push.key());
        let discovered = Discovered::default();
        self.engine.write_locked(key, move |c| pushes::push(c, &push, &discovered, &*decide))
    }

    /// Writes what `act` decides, in one transaction.
    pub fn act(&self, act: Arc<Act>) -> Result<(), StoreError> {
        self.engine.write_alone(move |c| pushes::act(c, &*act))
    }

    /// The hash of a decided entry (to check the chain of the next), zero for entry 0; `None` if it is not there.
    pub fn entry_hash(&self, feed: FeedId, n: u64) -> Result<Option<EntryHash>, StoreError> {
        if n == 0 {
            return Ok(Some(EntryHash::ZERO));
        }
        self.engine.read(|c| {
            let mut select = c.prepare_cached("SELECT hash FROM entries WHERE feed = ?1 AND n = ?2")?;
            let hash = select.query_row((feed.0, n as i64), |row| row.get(0)).optional()?;
            hash.map(read::entry_hash).transpose()
        })
    }

    /// The record of a short name: of one that moved, also its earlier names.
    pub fn record_named(&self, area: AreaNo, created: u64) -> Result<Option<RecordId>, StoreError> {
        self.engine.read(|c| Ok(record_named(c, area, created).optional()?))
    }

    /// An area's head.
    pub fn head(&self, area: AreaNo) -> Result<AreaHead, StoreError> {
        self.engine.read(|c| Ok(read::area_head(c, area)?.unwrap_or_default()))
    }

    /// The last positions of these areas' logs; of those that are not there, none.
    pub fn heads(&self, areas: &[AreaNo]) -> Result<BTreeMap<AreaNo, u64>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached("SELECT head FROM areas WHERE area = ?1")?;
            let mut heads = BTreeMap::new();
            for area in areas {
                let head = select.query_row([area.0], |row| row.get::<_, i64>(0)).optional()?;
                heads.extend(head.map(|head| (*area, head as u64)));
            }
            Ok(heads)
        })
    }

    /// An area at one moment: its head, and the records changed after the cursor in the order of their last change, up
    /// to about `bytes` of entries (at least one record).
    pub fn news(
        &self,
        cursor: AreaCursor,
        bytes: usize,
    ) -> Result<(AreaHead, Vec<RecordNewsRow>), StoreError> {
        self.engine.read(|c| {
            let mut head = read::area_head(c, cursor.area)?.unwrap_or_default();
            let rows = if head.seq > cursor.reached {
                head.mark = marks::read_mark(c, cursor.area, head.seq)?;
                news(c, cursor, bytes)?
            } else {
                Vec::new()
            };
            Ok((head, rows))
        })
    }

    /// The changes in an area after a position, read at one moment: about `limit` records at most.
    pub fn changes(&self, area: AreaNo, after: u64, limit: usize) -> Result<Changes, StoreError> {
        self.engine.read(|c| {
            let mut head = read::area_head(c, area)?.unwrap_or_default();
            let (rows, more) = if head.seq > after {
                head.mark = marks::read_mark(c, area, head.seq)?;
                changes(c, area, after, limit)?
            } else {
                (Vec::new(), false)
            };
            Ok(Changes { head, rows, more })
        })
    }

    /// The area a record is in.
    pub fn record_area(&self, record: RecordId) -> Result<Option<AreaNo>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached("SELECT area FROM records WHERE record = ?1")?;
            Ok(select.query_row([record.0], |row| row.get(0).map(AreaNo)).optional()?)
        })
    }

    /// When a person handled a record.
    pub fn handled(&self, record: RecordId, login: &str) -> Result<Vec<Handled>, StoreError> {
        self.engine.read(|c| handled::by(c, record, login))
    }

    /// A record and its documents.
    pub fn record(&self, record: RecordId) -> Result<Option<(RecordRow, Vec<DocumentRow>)>, StoreError> {
        self.engine.read(|c| {
            let Some(row) = record_row(c, record)? else {
                return Ok(None);
            };
            Ok(Some((row, documents_of(c, record)?)))
        })
    }

    /// A page of a ledger.
    pub fn ledger(&self, query: &LedgerQuery) -> Result<LedgerPage, StoreError> {
        self.engine.read(|c| ledgers::page(c, query))
    }

    /// A record's ledger row.
    pub fn ledger_row(&self, record: RecordId) -> Result<Option<LedgerRow>, StoreError> {
        self.engine.read(|c| {
            let Some(row) = record_row(c, record)? else {
                return Ok(None);
            };
            Ok(Some(LedgerRow { record: row, views: ledgers::views(c, record)?, left: None }))
        })
    }

    /// Every entry about a record: the stored in log order, then the refused.
    pub fn history(&self, record: RecordId) -> Result<Vec<HistoryRow>, StoreError> {
        self.history_upto(record, usize::MAX)
    }

    /// As [`history`](Self::history), with at most `refused` of the refused entries, the latest.
    pub fn history_upto(&self, record: RecordId, refused: usize) -> Result<Vec<HistoryRow>, StoreError> {
        self.engine.read(|c| history(c, record, refused))
    }

    /// Every record of an area, for `verify`.
    pub fn records_of(&self, area: AreaNo) -> Result<Vec<RecordRow>, StoreError> {
        self.engine.read(|c| {
            let sql = format!("SELECT {RECORD_COLUMNS} FROM records r WHERE area = ?1 ORDER BY created");
            let mut select = c.prepare_cached(&sql)?;
            Ok(select.query_map([area.0], read_record)?.collect::<Result<_, _>>()?)
        })
    }

    /// Reads the erasures of a record, or of all records, the earliest first.
    pub fn erasures(&self, record: Option<RecordId>) -> Result<Vec<ErasureRow>, StoreError> {
        self.engine.read(|c| epochs::erasures(c, record))
    }

    /// Records of which something may be due at a time, the longest due first.
    pub fn records_due(&self, now: i64, limit: usize) -> Result<Vec<RecordId>, StoreError> {
        self.engine.read(|c| epochs::due(c, now, limit))
    }

    /// Records after one, in order of their ids, whose generation was begun under other rules than these.
    pub fn records_under_other_rules(
        &self,
        rules: u32,
        after: Option<RecordId>,
        limit: usize,
    ) -> Result<Vec<RecordId>, StoreError> {
        self.engine.read(|c| epochs::under_other_rules(c, rules, after, limit))
    }

    /// Folds the log of writes into the main file and truncates it, so that nothing overwritten is left in it. Returns
    /// whether that was possible now: a long read may be in the way.
    pub fn scrub(&self) -> Result<bool, StoreError> {
        self.engine.scrub()
    }

    /// Counts for metrics: (records, entries, refused).
    pub fn counts(&self) -> Result<(u64, u64, u64), StoreError> {
        self.engine.read(|c| {
            let count = |sql: &str| c.query_row(sql, (), |row| row.get::<_, i64>(0)).map(|n| n as u64);
            let (records, entries) =
                (count("SELECT count(*) FROM records")?, count("SELECT count(*) FROM entries")?);
            Ok((records, entries, count("SELECT count(*) FROM entries WHERE refusal IS NOT NULL")?))
        })
    }
}
