//! Receipts as the phone keeps them: proof of what a server had confirmed.

use gridledger_core::calendar::DAY_MS;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::{EntryHash, FeedId, ServerEpoch};
use gridledger_schema::limits;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::Receipt;
use rusqlite::{Connection, Row};
use serde_json::{Value, json};

use crate::error::ClientError;
use crate::model::EntryId;

/// Receipts of one feed that a request shows.
const SHOWN: i64 = limits::REQUEST_RECEIPTS as i64 / 4;
/// The columns of a receipt, as [`read`] reads them.
const COLUMNS: &str = "SELECT epoch, first, n, hash, refused, signature, suite, feed FROM receipts";

/// Entries of a feed that kept receipts prove; 0 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    /// The last one.
    pub(crate) last: u64,
    /// The last one up to the number asked for.
    pub(crate) upto: u64,
}

/// Finds the entries of a feed that receipts prove.
pub(crate) fn find_proven(c: &Connection, feed: FeedId, upto: u64) -> Result<Proven, ClientError> {
    let sql = "SELECT coalesce(max(n), 0), coalesce(max(CASE WHEN n <= ?2 THEN n END), 0) FROM receipts
               WHERE feed = ?1";
    let mut select = c.prepare_cached(sql)?;
    Ok(select.query_row((feed.0, upto as i64), |row| {
        Ok(Proven { last: row.get::<_, i64>(0)? as u64, upto: row.get::<_, i64>(1)? as u64 })
    })?)
}

/// Keeps a receipt that has entries. `now` is ms since 1970.
pub(crate) fn keep(
    c: &Connection,
    epoch: ServerEpoch,
    receipt: &Receipt,
    now: i64,
) -> Result<(), ClientError> {
    if receipt.first == 0 || receipt.first > receipt.n {
        return Ok(());
    }
    let sql = "INSERT INTO receipts (feed, n, first, epoch, hash, refused, signature, at, suite)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
               ON CONFLICT (feed, n, first, epoch) DO UPDATE SET refused = ?6, signature = ?7, at = ?8, suite = ?9";
    c.prepare_cached(sql)?.execute((
        receipt.feed.0,
        receipt.n as i64,
        receipt.first as i64,
        epoch.0 as i64,
        receipt.hash.0,
        json!(receipt.refused).to_string(),
        receipt.signature,
        now,
        receipt.suite.map_or(0, Suite::number),
    ))?;
    Ok(())
}

/// Removes receipts that are older than any backup would be.
pub(crate) fn remove_old(c: &Connection, now: i64) -> Result<(), ClientError> {
    let before = now - limits::RECEIPT_DAYS * DAY_MS;
    c.prepare_cached("DELETE FROM receipts WHERE at < ?1")?.execute([before])?;
    Ok(())
}

/// Reads a receipt, with the generation that signed it.
fn read(row: &Row<'_>) -> rusqlite::Result<(ServerEpoch, Receipt)> {
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

fn read_refused(value: &Value) -> Option<(u64, Refusal)> {
    let refusal = &value[1];
    let refusal = Refusal {
        code: Code::parse(refusal["code"].as_str()?)?,
        rule: refusal["rule"].as_str()?.to_owned(),
        field: refusal["field"].as_str().map(str::to_owned),
    };
    Some((value[0].as_u64()?, refusal))
}

/// Finds the last entry whose receipt a request shows, of a feed's entries after `after` and up to `upto`; `None` if the
/// request shows all of these receipts.
pub(crate) fn find_last_shown(c: &Connection, after: EntryId, upto: u64) -> Result<Option<u64>, ClientError> {
    let sql =
        "SELECT n FROM receipts WHERE feed = ?1 AND n > ?2 AND n <= ?3 ORDER BY n, at LIMIT 2 OFFSET ?4";
    let mut select = c.prepare_cached(sql)?;
    let values = (after.feed.0, after.n as i64, upto as i64, SHOWN - 1);
    let rows = select.query_map(values, |row| row.get::<_, i64>(0))?;
    let last: Vec<i64> = rows.collect::<Result<_, _>>()?;
    Ok(match last[..] {
        [last, _] => Some(last as u64),
        _ => None,
    })
}

/// Lists the receipts that end at a feed's entries from `first` to `last`, as many as a request shows.
pub(crate) fn list(
    c: &Connection,
    first: EntryId,
    last: u64,
) -> Result<Vec<(ServerEpoch, Receipt)>, ClientError> {
    let sql = format!("{COLUMNS} WHERE feed = ?1 AND n BETWEEN ?2 AND ?3 ORDER BY n, at LIMIT ?4");
    let mut select = c.prepare_cached(&sql)?;
    let rows = select.query_map((first.feed.0, first.n as i64, last as i64, SHOWN), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Lists the last receipt of each feed in each generation. They show a server that it has less than it confirmed. A receipt of a
/// former generation may have a higher number than the last of this one, and does not stand for it.
pub(crate) fn list_last(c: &Connection) -> Result<Vec<(ServerEpoch, Receipt)>, ClientError> {
    let sql = format!(
        "{COLUMNS} r WHERE n = (SELECT max(n) FROM receipts o WHERE o.feed = r.feed AND o.epoch = r.epoch)
         ORDER BY at DESC LIMIT ?1"
    );
    let mut select = c.prepare_cached(&sql)?;
    let rows = select.query_map([SHOWN], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}
