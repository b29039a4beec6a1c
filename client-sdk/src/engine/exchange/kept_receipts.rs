//! Receipts as they are kept: proof of what a server had confirmed.

use gridledger_core::calendar::DAY_MS;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::{EntryHash, FeedId, ServerEpoch};
use gridledger_schema::limits;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::Receipt;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::engine::phone::engine::Engine;
use crate::error::ClientError;

impl Engine {
    /// The last entry of a feed that a receipt of before proves, and the last such one at or below `upto`.
    pub(crate) fn proven(&self, feed: FeedId, upto: u64) -> Result<(u64, u64), ClientError> {
        let sql = "SELECT coalesce(max(n), 0), coalesce(max(CASE WHEN n <= ?2 THEN n END), 0) FROM receipts WHERE feed = ?1";
        let mut select = self.db.prepare_cached(sql)?;
        Ok(select.query_row((feed.0, upto as i64), |row| {
            Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64))
        })?)
    }
}

/// Keeps a receipt that tells of entries.
pub(crate) fn keep_receipt(
    c: &Connection,
    epoch: ServerEpoch,
    receipt: &Receipt,
    now: i64,
) -> Result<(), ClientError> {
    if receipt.first == 0 || receipt.first > receipt.n {
        return Ok(());
    }
    let sql = "INSERT INTO receipts (feed, n, first, epoch, hash, refused, signature, at, suite) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
               ON CONFLICT (feed, n, first, epoch) DO UPDATE SET refused = ?6, signature = ?7, at = ?8, suite = ?9";
    let key = (receipt.feed.0, receipt.n as i64, receipt.first as i64, epoch.0 as i64);
    let refused = json!(receipt.refused).to_string();
    c.prepare_cached(sql)?.execute((
        key.0,
        key.1,
        key.2,
        key.3,
        receipt.hash.0,
        refused,
        receipt.signature,
        now,
        receipt.suite.map_or(0, Suite::number),
    ))?;
    Ok(())
}

/// Lets go of receipts that are too old to be of use: a backup is not that old.
pub(crate) fn forget_receipts(c: &Connection, now: i64) -> Result<(), ClientError> {
    let before = now - limits::RECEIPT_DAYS * DAY_MS;
    c.prepare_cached("DELETE FROM receipts WHERE at < ?1")?.execute([before])?;
    Ok(())
}

/// What [`read_receipt`] reads.
const RECEIPT: &str = "SELECT epoch, first, n, hash, refused, signature, suite, feed FROM receipts";

/// A kept receipt, with the generation that signed it.
fn read_receipt(row: &rusqlite::Row<'_>) -> rusqlite::Result<(ServerEpoch, Receipt)> {
    let refused: Vec<Value> = serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or_default();
    let receipt = Receipt {
        suite: Suite::of_number(row.get::<_, i64>(6)? as u64),
        feed: FeedId(row.get(7)?),
        first: row.get::<_, i64>(1)? as u64,
        n: row.get::<_, i64>(2)? as u64,
        hash: EntryHash(row.get(3)?),
        refused: refused.iter().filter_map(read_refused).collect(),
        stopped: None,
        signature: row.get(5)?,
    };
    Ok((ServerEpoch(row.get::<_, i64>(0)? as u64), receipt))
}

/// Receipts of one feed that a request shows.
const SHOWN: i64 = limits::REQUEST_RECEIPTS as i64 / 4;

/// The entry of the last receipt that a request shows of a stretch of a feed, after one and up to another; `None` if it shows
/// all of them.
pub(crate) fn last_shown(
    c: &Connection,
    feed: FeedId,
    (after, upto): (u64, u64),
) -> Result<Option<u64>, ClientError> {
    let sql =
        "SELECT n FROM receipts WHERE feed = ?1 AND n > ?2 AND n <= ?3 ORDER BY n, at LIMIT 2 OFFSET ?4";
    let mut select = c.prepare_cached(sql)?;
    let rows =
        select.query_map((feed.0, after as i64, upto as i64, SHOWN - 1), |row| row.get::<_, i64>(0))?;
    let last: Vec<i64> = rows.collect::<Result<_, _>>()?;
    Ok(match last[..] {
        [last, _] => Some(last as u64),
        _ => None,
    })
}

/// The receipts that end in a stretch of a feed.
pub(crate) fn receipts(
    c: &Connection,
    feed: FeedId,
    (first, last): (u64, u64),
) -> Result<Vec<(ServerEpoch, Receipt)>, ClientError> {
    let sql = format!("{RECEIPT} WHERE feed = ?1 AND n BETWEEN ?2 AND ?3 ORDER BY n, at LIMIT ?4");
    let mut select = c.prepare_cached(&sql)?;
    let rows = select.query_map((feed.0, first as i64, last as i64, SHOWN), read_receipt)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The last receipt for each feed: what shows that a server has less than it confirmed.
pub(crate) fn last_receipts(c: &Connection) -> Result<Vec<(ServerEpoch, Receipt)>, ClientError> {
    let sql = format!(
        "{RECEIPT} r WHERE n = (SELECT max(n) FROM receipts o WHERE o.feed = r.feed) ORDER BY at DESC LIMIT ?1"
    );
    let mut select = c.prepare_cached(&sql)?;
    let rows = select.query_map([SHOWN], read_receipt)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read_refused(value: &Value) -> Option<(u64, Refusal)> {
    let refusal = &value[1];
    let refusal = Refusal {
        code: Code::parse(refusal["code"].as_str()?)?,
        rule: refusal["rule"].as_str()?.to_owned(),
        field: refusal["field"].as_str().map(str::to_owned),
    };
    Some((value[0].as_u64()?, refusal))
}

/// The last entry of a feed that a receipt proves.
pub(crate) fn proven(c: &Connection, feed: FeedId) -> Result<u64, ClientError> {
    let sql = "SELECT coalesce(max(n), 0) FROM receipts WHERE feed = ?1";
    let proven: i64 = c.prepare_cached(sql)?.query_row([feed.0], |row| row.get(0))?;
    Ok(proven as u64)
}
