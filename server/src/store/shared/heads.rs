//! How far the store has come: what a node compares to find out that another node wrote.

use gridledger_schema::ids::AreaNo;

use crate::store::StoreError;
use crate::store::sql::Connection;

/// Reads the territory's number and the last position of each area's log.
pub(in crate::store) fn read_heads(c: &Connection<'_>) -> Result<(u64, Vec<(AreaNo, u64)>), StoreError> {
    let mut select = c.prepare_cached("SELECT area, head FROM areas")?;
    let heads = select.query_map((), |row| Ok((AreaNo(row.get(0)?), row.get::<_, i64>(1)? as u64)))?;
    Ok((read_territory_version(c)?, heads.collect::<Result<_, _>>()?))
}

/// Reads the territory's number: another one whenever the territory is.
pub(in crate::store) fn read_territory_version(c: &Connection<'_>) -> Result<u64, StoreError> {
    let mut select = c.prepare_cached("SELECT version FROM territory")?;
    Ok(select.query_row((), |row| row.get::<_, i64>(0))? as u64)
}
