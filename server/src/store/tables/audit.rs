//! Reads everything, for `verify`.

use gridledger_schema::ids::{AreaNo, DeviceNo, FeedId, RecordId};

use super::pushes;
use super::read::{entry_hash, read_line};
use crate::store::Store;
use crate::store::StoreError;
use crate::store::rows::audit::{FeedHead, KeptEntry, Repaired};
use crate::store::rows::people::{FeedRow, UserNo};
use crate::store::rows::records::{EventRow, LogRow};
use crate::store::sql::{Optional as _, Row, SqlError};

/// Rows named of each kind of stray.
const STRAYS: usize = 100;

/// The kinds of missing rows, and a query for each that finds the rows that lack one.
const STRAY_ROWS: &[(&str, &str)] = &[
    (
        "log line of a stored entry",
        "SELECT hex(e.feed) || '.' || e.n FROM entries e WHERE e.refusal IS NULL
         AND NOT EXISTS (SELECT 1 FROM log l WHERE l.record = e.record AND l.feed = e.feed AND l.n = e.n)",
    ),
    (
        "entry of a log line",
        "SELECT l.area || '.' || l.seq FROM log l LEFT JOIN entries e ON e.feed = l.feed AND e.n = l.n
         WHERE e.record IS DISTINCT FROM l.record OR e.refusal IS NOT NULL",
    ),
    (
        "record of a log line",
        "SELECT l.area || '.' || l.seq FROM log l LEFT JOIN records r ON r.record = l.record
         WHERE r.area IS DISTINCT FROM l.area AND NOT EXISTS
           (SELECT 1 FROM stays s WHERE s.record = l.record AND s.area = l.area AND l.seq < s.until)",
    ),
    (
        "record of a document",
        "SELECT hex(d.record) || '.' || d.facet FROM documents d
         WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.record = d.record)",
    ),
    (
        "document of a ledger row",
        "SELECT hex(v.record) || '.' || v.facet FROM ledger v
         WHERE NOT EXISTS (SELECT 1 FROM documents d WHERE d.record = v.record AND d.facet = v.facet)",
    ),
    (
        "record of a base",
        "SELECT hex(b.record) || '.' || b.facet FROM bases b
         WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.record = b.record AND r.epoch > 0)",
    ),
    (
        "area of a record",
        "SELECT hex(r.record) FROM records r WHERE NOT EXISTS (SELECT 1 FROM areas a WHERE a.area = r.area)",
    ),
    (
        "feed of an entry",
        "SELECT hex(e.feed) || '.' || e.n FROM entries e
         WHERE NOT EXISTS (SELECT 1 FROM feeds f WHERE f.feed = e.feed)",
    ),
    (
        "record of an imported thing",
        "SELECT hex(i.key) FROM import_keys i
         WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.record = i.record)",
    ),
    (
        "record of a sheet's name",
        "SELECT hex(i.name) FROM import_names i
         WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.record = i.record)",
    ),
];

fn feed(row: &Row) -> Result<(FeedRow, u64, Vec<u8>), SqlError> {
    let feed = FeedRow {
        feed: FeedId(row.get(0)?),
        device: row.get::<_, Option<u32>>(1)?.map(DeviceNo),
        user: UserNo(row.get(2)?),
        author: row.get(3)?,
        public_key: row.get(4)?,
        ordinal: row.get(5)?,
        suite: row.get(8)?,
    };
    Ok((feed, row.get::<_, i64>(6)? as u64, row.get(7)?))
}

impl Store {
    /// Every feed.
    pub fn feeds(&self) -> Result<Vec<FeedHead>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached(
                "SELECT feed, device, user, author, public_key, ordinal, n, hash, suite FROM feeds ORDER BY feed",
            )?;
            let rows = select.query_map((), feed)?;
            rows.map(|row| {
                let (row, n, hash) = row?;
                let hash = entry_hash(hash)?;
                Ok(FeedHead { row, n, hash })
            })
            .collect()
        })
    }

    /// Up to `limit` entries of a feed after `n`, in order.
    pub fn kept_entries(&self, feed: FeedId, after: u64, limit: usize) -> Result<Vec<KeptEntry>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached(
                "SELECT e.n, e.record, e.body, e.hash, e.refusal IS NOT NULL, v.ended_at IS NOT NULL, coalesce(v.unkept, 0) <> 0
                 FROM entries e LEFT JOIN evidence v ON v.feed = e.feed AND v.n = e.n
                 WHERE e.feed = ?1 AND e.n > ?2 ORDER BY e.n LIMIT ?3",
            )?;
            let rows = select.query_map((feed.0, after as i64, limit as i64), |row| {
                Ok(KeptEntry {
                    n: row.get::<_, i64>(0)? as u64,
                    record: RecordId(row.get(1)?),
                    body: row.get(2)?,
                    hash: row.get(3)?,
                    refused: row.get(4)?,
                    ended: row.get(5)?,
                    unkept: row.get(6)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Every signature of a feed: the entry it was made at, and its bytes.
    pub fn signatures(&self, feed: FeedId) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.engine.read(|c| {
            let mut select =
                c.prepare_cached("SELECT n, signature FROM signatures WHERE feed = ?1 ORDER BY n")?;
            let rows = select
                .query_map([feed.0], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, Vec<u8>>(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The entry at which a feed's last push ended, if it ended before the entry that its author's signature was made at.
    pub fn halted(&self, feed: FeedId) -> Result<Option<u64>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached("SELECT n FROM halts WHERE feed = ?1")?;
            let n = select.query_row([feed.0], |row| row.get::<_, i64>(0)).optional()?;
            Ok(n.map(|n| n as u64))
        })
    }

    /// Up to `limit` rows of an area's log after `seq`, in order.
    pub fn log_lines(&self, area: AreaNo, after: u64, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached(
                "SELECT seq, record, feed, n, facets, seen FROM log WHERE area = ?1 AND seq > ?2
                 ORDER BY seq LIMIT ?3",
            )?;
            let rows = select.query_map((area.0, after as i64, limit as i64), |row| read_line(row, 0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// An area's events after `after`, up to `upto`, in order.
    pub fn events_between(&self, area: AreaNo, after: u64, upto: u64) -> Result<Vec<EventRow>, StoreError> {
        self.engine.read(|c| super::events::between(c, area, after, upto))
    }

    /// Reads the base of a record's generation: an Automerge save of each facet. The first generation has no base.
    pub fn bases(&self, record: RecordId) -> Result<Vec<(u8, Vec<u8>)>, StoreError> {
        self.engine.read(|c| {
            let mut select =
                c.prepare_cached("SELECT facet, bytes FROM bases WHERE record = ?1 ORDER BY facet")?;
            let rows = select.query_map([record.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The type of a record; `None` if there is no such record.
    pub fn type_of(&self, record: RecordId) -> Result<Option<String>, StoreError> {
        self.engine.read(|c| pushes::type_of(c, record))
    }

    /// Whether a user has this login.
    pub fn has_login(&self, login: &str) -> Result<bool, StoreError> {
        self.engine.read(|c| pushes::has_login(c, login))
    }

    /// Rows that refer to missing rows: (the kind of the missing row, the row's key).
    pub fn strays(&self) -> Result<Vec<(&'static str, String)>, StoreError> {
        self.engine.read(|c| {
            let mut found = Vec::new();
            for (missing, sql) in STRAY_ROWS {
                let mut select = c.prepare_cached(&format!("{sql} LIMIT {STRAYS}"))?;
                let rows = select.query_map((), |row| row.get::<_, String>(0))?;
                for row in rows {
                    found.push((*missing, row?.to_lowercase()));
                }
            }
            Ok(found)
        })
    }

    /// Makes an area's digests again from its documents, in one transaction.
    pub fn repair_digests(&self, area: AreaNo) -> Result<Repaired, StoreError> {
        self.engine.write_alone(move |c| super::repair::digests(c, area))
    }
}
