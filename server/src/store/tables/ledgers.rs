//! Ledgers: pages of a record type's rows, area by area, in the order of their last change.

use gridledger_schema::ids::{AreaNo, RecordId};
use serde_json::Value;

use super::records::{RECORD_COLUMNS, read_record};
use crate::store::StoreError;
use crate::store::records::{LedgerQuery, LedgerRow};
use crate::store::sql::Connection;

pub(super) fn page(c: &Connection<'_>, query: &LedgerQuery) -> Result<Vec<LedgerRow>, StoreError> {
    let mut rows = Vec::new();
    for (area, after) in &query.areas {
        let left = query.limit - rows.len();
        if left == 0 {
            break;
        }
        let mut page = changed(c, query, (*area, *after), left)?;
        // Of an area that is read for the first time nothing can have left that was shown.
        if *after > 0 {
            page.extend(departed(c, query, (*area, *after), left)?);
            page.sort_by_key(LedgerRow::position);
            page.truncate(left);
        }
        rows.extend(page);
    }
    Ok(rows)
}

fn changed(
    c: &Connection<'_>,
    query: &LedgerQuery,
    (area, after): (AreaNo, u64),
    limit: usize,
) -> Result<Vec<LedgerRow>, StoreError> {
    let sql = format!(
        "SELECT {RECORD_COLUMNS} FROM records r WHERE area = ?1 AND type = ?2 AND last > ?3 ORDER BY last LIMIT ?4"
    );
    let mut select = c.prepare_cached(&sql)?;
    let page = select.query_map(
        (area.0, &query.record_type, after as i64, limit as i64),
        read_record,
    )?;
    page.map(|record| {
        let record = record?;
        let views = views(c, record.record)?;
        Ok(LedgerRow {
            record,
            views,
            left: None,
        })
    })
    .collect()
}

/// Records of the type that left the area.
fn departed(
    c: &Connection<'_>,
    query: &LedgerQuery,
    (area, after): (AreaNo, u64),
    limit: usize,
) -> Result<Vec<LedgerRow>, StoreError> {
    let sql = format!(
        "SELECT {RECORD_COLUMNS}, d.seq FROM departures d JOIN records r ON r.record = d.record
         WHERE d.area = ?1 AND r.type = ?2 AND d.seq > ?3 ORDER BY d.seq LIMIT ?4"
    );
    let mut select = c.prepare_cached(&sql)?;
    let page = select.query_map((area.0, &query.record_type, after as i64, limit as i64), |row| {
        Ok(LedgerRow {
            record: read_record(row)?,
            views: Vec::new(),
            left: Some((area, row.get::<_, i64>("seq")? as u64)),
        })
    })?;
    Ok(page.collect::<Result<_, _>>()?)
}

pub(super) fn views(c: &Connection<'_>, record: RecordId) -> Result<Vec<(u8, Value)>, StoreError> {
    let mut select = c.prepare_cached("SELECT facet, view FROM ledger WHERE record = ?1 ORDER BY facet")?;
    let rows = select.query_map([record.0], |row| {
        Ok((row.get::<_, u8>(0)?, row.get::<_, String>(1)?))
    })?;
    rows.map(|row| {
        let (facet, view) = row?;
        let view = serde_json::from_str(&view).map_err(|_| StoreError::Damaged("ledger"))?;
        Ok((facet, view))
    })
    .collect()
}
