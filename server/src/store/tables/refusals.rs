//! Refused entries, questions and rulings.

use gridledger_core::canonical;
use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::wire::Ask;
use serde_json::json;

use super::read::read_refusal;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::rows::people::UserNo;
use crate::store::rows::refusals::{RefusedQuery, RefusedRow, RulingRow};
use crate::store::sql::{Connection, Optional as _, Row, SqlError};

const COLUMNS: &str =
    "SELECT v.feed, v.n, f.author, e.record, v.area, e.body, e.refusal, e.received_at, v.asked_at, v.note,
    r.by, r.at, r.note, r.as_feed, r.as_n
  FROM evidence v JOIN entries e ON e.feed = v.feed AND e.n = v.n JOIN feeds f ON f.feed = v.feed
  LEFT JOIN rulings r ON r.feed = v.feed AND r.n = v.n";

fn read(row: &Row) -> Result<RefusedRow, SqlError> {
    let (feed, n) = (FeedId(row.get(0)?), row.get::<_, i64>(1)? as u64);
    let asked_at: Option<i64> = row.get(8)?;
    let asked = match asked_at {
        Some(at) => Some((at, row.get::<_, Option<String>>(9)?.unwrap_or_default())),
        None => None,
    };
    Ok(RefusedRow {
        feed,
        n,
        author: row.get(2)?,
        record: RecordId(row.get(3)?),
        area: AreaNo(row.get(4)?),
        body: row.get(5)?,
        refusal: read_refusal(&row.get::<_, String>(6)?),
        received_at: row.get(7)?,
        asked,
        ruling: read_ruling(row, (feed, n), 10)?,
    })
}

/// Reads a ruling from columns by, at, note, as_feed, as_n, starting at column `at`.
fn read_ruling(row: &Row, (feed, n): (FeedId, u64), at: usize) -> Result<Option<RulingRow>, SqlError> {
    let Some(by) = row.get::<_, Option<String>>(at)? else {
        return Ok(None);
    };
    let as_feed: Option<[u8; 16]> = row.get(at + 3)?;
    let as_n = row.get::<_, Option<i64>>(at + 4)?.map(|n| n as u64);
    Ok(Some(RulingRow {
        feed,
        n,
        by,
        at: row.get(at + 1)?,
        note: row.get(at + 2)?,
        admitted_as: as_feed.map(FeedId).zip(as_n),
    }))
}

/// Keeps a refused entry as evidence, under the area its record is in, or would be.
pub(super) fn keep(
    c: &Connection<'_>,
    feed: FeedId,
    (entry, unkept): (&Entry, bool),
    now: i64,
) -> Result<(), StoreError> {
    let area = match &entry.target {
        Target::Create { area, .. } => Some(area.0),
        Target::Edit { record } => {
            let mut select = c.prepare_cached(
                "SELECT area FROM records WHERE record = ?1
                 UNION ALL SELECT v.area FROM entries e JOIN evidence v USING (feed, n)
                           WHERE e.record = ?1 AND e.refusal IS NOT NULL LIMIT 1",
            )?;
            select.query_row([record.0], |row| row.get(0)).optional()?
        }
    };
    // A record that was never made is in no area, so no supervisor sees it.
    let mut insert =
        c.prepare_cached("INSERT INTO evidence (feed, n, area, at, unkept) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    insert.execute((feed.0, entry.n as i64, area.unwrap_or(0), now, unkept))?;
    Ok(())
}

/// Keeps a ruling.
pub(super) fn rule(c: &Connection<'_>, ruling: &RulingRow) -> Result<(), StoreError> {
    let mut insert =
        c.prepare_cached("INSERT INTO rulings VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING")?;
    let (as_feed, as_n) = ruling.admitted_as.unzip();
    let done = insert.execute((
        ruling.feed.0,
        ruling.n as i64,
        &ruling.by,
        ruling.at,
        &ruling.note,
        as_feed.map(|feed| feed.0),
        as_n.map(|n| n as i64),
    ))?;
    match done {
        0 => Err(StoreError::Taken("the ruling".into())),
        _ => Ok(()),
    }
}

/// Sorts the asks about a user's own refused entries: those not noted yet, and the rulings there are.
fn asked(c: &Connection<'_>, user: UserNo, asks: &[Ask]) -> Result<(Vec<Ask>, Vec<RulingRow>), StoreError> {
    let mut select = c.prepare_cached(
        "SELECT v.asked_at, r.by, r.at, r.note, r.as_feed, r.as_n FROM evidence v JOIN feeds f ON f.feed = v.feed
         LEFT JOIN rulings r ON r.feed = v.feed AND r.n = v.n WHERE v.feed = ?1 AND v.n = ?2 AND f.user = ?3",
    )?;
    let (mut fresh, mut rulings) = (Vec::new(), Vec::new());
    for ask in asks {
        let n = i64::try_from(ask.n).unwrap_or(i64::MAX);
        let found = select
            .query_row((ask.feed.0, n, user.0), |row| {
                Ok((row.get::<_, Option<i64>>(0)?, read_ruling(row, (ask.feed, ask.n), 1)?))
            })
            .optional()?;
        match found {
            Some((None, _)) => fresh.push(ask.clone()),
            Some((Some(_), ruling)) => rulings.extend(ruling),
            None => {}
        }
    }
    Ok((fresh, rulings))
}

/// The record of a refused or displaced entry, and the area it was kept under.
fn place(c: &Connection<'_>, feed: FeedId, n: i64) -> Result<Option<(RecordId, Option<u32>)>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT e.record, v.area FROM evidence v JOIN entries e ON e.feed = v.feed AND e.n = v.n
         WHERE v.feed = ?1 AND v.n = ?2",
    )?;
    let refused = select.query_row((feed.0, n), |row| Ok((RecordId(row.get(0)?), row.get(1)?)));
    if let Some((record, area)) = refused.optional()? {
        return Ok(Some((record, Some(area))));
    }
    let mut select = c.prepare_cached("SELECT record, body FROM displaced WHERE feed = ?1 AND n = ?2")?;
    let displaced = select
        .query_row((feed.0, n), |row| Ok((row.get::<_, Option<[u8; 16]>>(0)?, row.get::<_, Vec<u8>>(1)?)));
    let displaced = displaced.optional()?;
    Ok(displaced.and_then(|(record, body)| Some((about(feed, record, &body)?, None))))
}

/// The record that a displaced entry is about. A version before this one did not note it.
pub(super) fn about(feed: FeedId, noted: Option<[u8; 16]>, body: &[u8]) -> Option<RecordId> {
    let read = || Some(canonical::decode(body).ok()?.record(feed));
    noted.map(RecordId).or_else(read)
}

/// Erases the content of refused entries and their authors' questions. The refusals stay.
fn end_refused(c: &Connection<'_>, upto: i64, limit: usize, now: i64) -> Result<usize, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT feed, n FROM evidence WHERE ended_at IS NULL AND at <= ?1 ORDER BY at, feed, n LIMIT ?2",
    )?;
    let found = select
        .query_map((upto, limit as i64), |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, i64>(1)?)))?;
    let found: Vec<([u8; 16], i64)> = found.collect::<Result<_, _>>()?;
    for (feed, n) in &found {
        empty(c, FeedId(*feed), *n)?;
        c.prepare_cached("UPDATE evidence SET ended_at = ?3 WHERE feed = ?1 AND n = ?2")?
            .execute((*feed, *n, now))?;
    }
    Ok(found.len())
}

/// Erases the content of a refused entry and its author's question.
pub(super) fn empty(c: &Connection<'_>, feed: FeedId, n: i64) -> Result<(), StoreError> {
    c.prepare_cached("UPDATE entries SET body = ?3 WHERE feed = ?1 AND n = ?2 AND refusal IS NOT NULL")?
        .execute((feed.0, n, Vec::<u8>::new()))?;
    c.prepare_cached("UPDATE evidence SET note = NULL WHERE feed = ?1 AND n = ?2")?.execute((feed.0, n))?;
    Ok(())
}

fn end_displaced(c: &Connection<'_>, upto: i64, limit: usize) -> Result<usize, StoreError> {
    let mut update = c.prepare_cached(
        "UPDATE displaced SET body = ?3 WHERE (feed, n, hash) IN
           (SELECT feed, n, hash FROM displaced WHERE at <= ?1 AND length(body) > 0 LIMIT ?2)",
    )?;
    Ok(update.execute((upto, limit as i64, Vec::<u8>::new()))?)
}

impl Store {
    /// Refused entries, the latest received first.
    pub fn refused(&self, query: &RefusedQuery) -> Result<Vec<RefusedRow>, StoreError> {
        let areas = json!(query.areas.iter().map(|area| area.0).collect::<Vec<_>>()).to_string();
        let (at, feed, n) = query.before.unwrap_or((i64::MAX, FeedId([0xff; 16]), u64::MAX >> 1));
        let only = if query.asked { "AND v.asked_at IS NOT NULL AND r.by IS NULL" } else { "" };
        self.engine.read(|c| {
            let among = c.numbers("?1");
            let sql = format!(
                "{COLUMNS} WHERE v.area IN ({among}) AND (v.at, v.feed, v.n) < (?2, ?3, ?4) {only}
             ORDER BY v.at DESC, v.feed DESC, v.n DESC LIMIT ?5"
            );
            let mut select = c.prepare_cached(&sql)?;
            let key = (areas, at, feed.0, n as i64, query.limit as i64);
            let rows = select.query_map(key, read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// One refused entry.
    pub fn refused_entry(&self, feed: FeedId, n: u64) -> Result<Option<RefusedRow>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached(&[COLUMNS, " WHERE v.feed = ?1 AND v.n = ?2"].concat())?;
            let n = i64::try_from(n).unwrap_or(i64::MAX);
            Ok(select.query_row((feed.0, n), read).optional()?)
        })
    }

    /// The area that refused entries about a record belong to; `None` if there is no such entry.
    pub fn refused_in(&self, record: RecordId) -> Result<Option<AreaNo>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached(
                "SELECT v.area FROM entries e JOIN evidence v ON v.feed = e.feed AND v.n = e.n
                 WHERE e.record = ?1 AND e.refusal IS NOT NULL ORDER BY v.at, v.n LIMIT 1",
            )?;
            Ok(select.query_row([record.0], |row| Ok(AreaNo(row.get(0)?))).optional()?)
        })
    }

    /// The record and the area of a refused entry, or of a displaced entry. It is the area where the record is; `None`
    /// if the record was never made.
    pub fn refused_place(
        &self,
        feed: FeedId,
        n: u64,
    ) -> Result<Option<(RecordId, Option<AreaNo>)>, StoreError> {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        self.engine.read(|c| {
            let Some((record, area)) = place(c, feed, n)? else {
                return Ok(None);
            };
            let mut select = c.prepare_cached("SELECT area FROM records WHERE record = ?1")?;
            let now: Option<u32> = select.query_row([record.0], |row| row.get(0)).optional()?;
            let area = now.or(area).filter(|area| *area != 0);
            Ok(Some((record, area.map(AreaNo))))
        })
    }

    /// Erases the content of refused and displaced entries that came at or before a time, up to `limit` of each.
    /// Returns how many.
    pub fn end_evidence(&self, upto: i64, limit: usize, now: i64) -> Result<usize, StoreError> {
        self.engine.write_alone(move |c| {
            let ended = end_refused(c, upto, limit, now)? + end_displaced(c, upto, limit)?;
            if ended > 0 {
                c.overwrites();
            }
            Ok(ended)
        })
    }

    /// Counts the entries that [`end_evidence`](Self::end_evidence) would empty.
    pub fn evidence_due(&self, upto: i64) -> Result<u64, StoreError> {
        self.engine.read(|c| {
            let count = |sql: &str| c.prepare_cached(sql)?.query_row([upto], |row| row.get::<_, i64>(0));
            Ok((count("SELECT count(*) FROM evidence WHERE ended_at IS NULL AND at <= ?1")?
                + count("SELECT count(*) FROM displaced WHERE at <= ?1 AND length(body) > 0")?)
                as u64)
        })
    }

    /// Notes a user's questions about own refused entries, and returns the rulings there are. Asking again costs no
    /// write. Entries that are not the user's own refused ones are passed over.
    pub fn ask(&self, user: UserNo, asks: &[Ask], now: i64) -> Result<Vec<RulingRow>, StoreError> {
        let (fresh, rulings) = self.engine.read(|c| asked(c, user, asks))?;
        if fresh.is_empty() {
            return Ok(rulings);
        }
        let asks = asks.to_vec();
        self.engine.write_alone(move |c| {
            let mut update =
                c.prepare_cached("UPDATE evidence SET asked_at = ?3, note = ?4 WHERE feed = ?1 AND n = ?2")?;
            for ask in &fresh {
                update.execute((ask.feed.0, ask.n as i64, now, &ask.note))?;
            }
            // A ruling may have come before the question.
            Ok(asked(c, user, &asks)?.1)
        })
    }

    /// Keeps a ruling that declines; [`StoreError::Taken`] if there is one already.
    pub fn decline(&self, ruling: &RulingRow) -> Result<(), StoreError> {
        let ruling = ruling.clone();
        self.engine.write_alone(move |c| rule(c, &ruling))
    }
}
