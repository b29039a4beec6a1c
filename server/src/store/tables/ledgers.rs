//! Ledgers: pages of a record type's rows, area by area, in the order of their last change.

use std::collections::HashMap;

use gridledger_schema::ids::{AreaNo, RecordId};
use serde_json::Value;

use super::read::{RECORD_COLUMNS, read_record};
use crate::store::StoreError;
use crate::store::rows::records::{LedgerPage, LedgerQuery, LedgerRow};
use crate::store::sql::Connection;

pub(super) fn page(c: &Connection<'_>, query: &LedgerQuery) -> Result<LedgerPage, StoreError> {
    let heads = heads(c, query)?;
    let mut page = LedgerPage::default();
    for (area, after) in &query.areas {
        let head = heads.get(area).copied().unwrap_or_default();
        if head <= *after {
            continue;
        }
        let left = query.limit - page.rows.len();
        if left == 0 {
            break;
        }
        let mut rows = changed(c, query, (*area, *after), left)?;
        // At the first read of an area no shown record can have left it.
        if *after > 0 {
            rows.extend(departed(c, query, (*area, *after), left)?);
            rows.sort_by_key(LedgerRow::position);
        }
        if rows.len() < left {
            page.read.push((*area, head));
        }
        rows.truncate(left);
        page.rows.extend(rows);
    }
    Ok(page)
}

/// The heads of the logs of the areas asked for.
fn heads(c: &Connection<'_>, query: &LedgerQuery) -> Result<HashMap<AreaNo, u64>, StoreError> {
    let areas = || query.areas.iter().map(|(area, _)| area.0);
    let mut select = c.prepare_cached("SELECT area, head FROM areas WHERE area BETWEEN ?1 AND ?2")?;
    let rows = select.query_map((areas().min().unwrap_or(0), areas().max().unwrap_or(0)), |row| {
        Ok((AreaNo(row.get(0)?), row.get::<_, i64>(1)? as u64))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn changed(
    c: &Connection<'_>,
    query: &LedgerQuery,
    (area, after): (AreaNo, u64),
    limit: usize,
) -> Result<Vec<LedgerRow>, StoreError> {
    // So few records are looked up that no engine reads a whole table, whatever it knows of the tables' sizes.
    let sql = format!(
        "SELECT {RECORD_COLUMNS}, l.facet, l.view
         FROM (SELECT * FROM records WHERE area = ?1 AND type = ?2 AND last > ?3 ORDER BY last LIMIT ?4) r
         LEFT JOIN ledger l ON l.record = r.record ORDER BY r.last, l.facet"
    );
    let mut select = c.prepare_cached(&sql)?;
    let mut rows: Vec<LedgerRow> = Vec::new();
    let from = (area.0, &query.record_type, after as i64, limit as i64);
    select.visit(from, |row| -> Result<bool, StoreError> {
        let record = read_record(row)?;
        if rows.last().is_none_or(|last| last.record.record != record.record) {
            rows.push(LedgerRow { record, views: Vec::new(), left: None });
        }
        if let (Some(facet), Some(last)) = (row.get::<_, Option<u8>>("facet")?, rows.last_mut()) {
            last.views.push((facet, read_view(&row.get::<_, String>("view")?)?));
        }
        Ok(true)
    })?;
    Ok(rows)
}

/// Records of the type that left the area, of those that were there at the position.
fn departed(
    c: &Connection<'_>,
    query: &LedgerQuery,
    (area, after): (AreaNo, u64),
    limit: usize,
) -> Result<Vec<LedgerRow>, StoreError> {
    let sql = format!(
        "SELECT {RECORD_COLUMNS}, d.seq FROM departures d JOIN records r ON r.record = d.record
         WHERE d.area = ?1 AND r.type = ?2 AND d.seq > ?3 AND EXISTS (
           SELECT 1 FROM stays s WHERE s.record = d.record AND s.area = d.area AND s.created <= ?3)
         ORDER BY d.seq LIMIT ?4"
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
    let rows = select.query_map([record.0], |row| Ok((row.get::<_, u8>(0)?, row.get::<_, String>(1)?)))?;
    rows.map(|row| {
        let (facet, view) = row?;
        Ok((facet, read_view(&view)?))
    })
    .collect()
}

fn read_view(view: &str) -> Result<Value, StoreError> {
    serde_json::from_str(view).map_err(|_| StoreError::Damaged("ledger"))
}
