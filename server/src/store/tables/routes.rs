//! The routes of new records of an area that was split or closed.

use gridledger_schema::ids::AreaNo;

use super::people::area_number;
use crate::store::StoreError;
use crate::store::rows::plans::RouteRow;
use crate::store::sql::{Connection, Optional as _};

/// The route of new records of an area.
pub(super) fn route(c: &Connection<'_>, area: AreaNo) -> Result<Option<RouteRow>, StoreError> {
    let mut select = c.prepare_cached("SELECT seq, closed, parts FROM routes WHERE area = ?1")?;
    let found = select.query_row([area.0], |row| {
        Ok(RouteRow {
            seq: row.get::<_, i64>(0)? as u64,
            closed: row.get(1)?,
            parts: row.get(2)?,
            areas: Vec::new(),
        })
    });
    let Some(mut route) = found.optional()? else {
        return Ok(None);
    };
    let parts: serde_json::Value =
        serde_json::from_str(&route.parts).map_err(|_| StoreError::Damaged("routes"))?;
    for code in parts.as_array().into_iter().flatten().filter_map(|part| part["area"].as_str()) {
        route.areas.push((code.to_owned(), area_number(c, code)?));
    }
    Ok(Some(route))
}
