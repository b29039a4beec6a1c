//! Ledgers in SQLite: pages of a record type's rows, area by area, in the order of their last change.

use crate::store::sql::Connection;
use gridledger_schema::ids::RecordId;
use serde_json::Value;

use super::records::{RECORD_COLUMNS, read_record};
use crate::store::StoreError;
use crate::store::records::{LedgerQuery, LedgerRow};

pub(super) fn page(c: &Connection<'_>, query: &LedgerQuery) -> Result<Vec<LedgerRow>, StoreError> {
    let sql = format!(
        "SELECT {RECORD_COLUMNS} FROM records r WHERE area = ?1 AND type = ?2 AND last > ?3 ORDER BY last LIMIT ?4"
    );
    let mut select = c.prepare_cached(&sql)?;
    let mut rows = Vec::new();
    for (area, after) in &query.areas {
        let left = query.limit - rows.len();
        if left == 0 {
            break;
        }
        let page = select.query_map(
            (area.0, &query.record_type, *after as i64, left as i64),
            read_record,
        )?;
        for record in page {
            let record = record?;
            let views = views(c, record.record)?;
            rows.push(LedgerRow { record, views });
        }
    }
    Ok(rows)
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
