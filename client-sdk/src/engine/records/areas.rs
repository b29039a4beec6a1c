//! The areas known to this phone, and those held.

use gridledger_schema::ids::AreaNo;
use gridledger_schema::wire::AreaInfo;
use rusqlite::Connection;

use crate::error::ClientError;

/// The areas known, or only those held.
pub(crate) fn areas(c: &Connection, held: bool) -> Result<Vec<AreaInfo>, ClientError> {
    let sql =
        "SELECT area, parent, code, kind, name, edges FROM areas WHERE held = 1 OR NOT ?1 ORDER BY area";
    let mut select = c.prepare_cached(sql)?;
    let rows = select.query_map([held], |row| {
        Ok(AreaInfo {
            no: AreaNo(row.get(0)?),
            parent: row.get::<_, Option<u32>>(1)?.map(AreaNo),
            code: row.get(2)?,
            kind: row.get(3)?,
            name: row.get(4)?,
            edges: serde_json::from_str(&row.get::<_, String>(5)?).unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn put_area(c: &Connection, area: &AreaInfo, held: bool) -> Result<(), ClientError> {
    let mut upsert = c.prepare_cached(
        "INSERT INTO areas (area, parent, code, kind, name, held, edges) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (area) DO UPDATE SET parent = ?2, code = ?3, kind = ?4, name = ?5, held = max(held, ?6), edges = ?7",
    )?;
    upsert.execute((
        area.no.0,
        area.parent.map(|AreaNo(p)| p),
        &area.code,
        &area.kind,
        &area.name,
        held,
        serde_json::json!(area.edges).to_string(),
    ))?;
    Ok(())
}

/// The number of the scope that reads all of an area.
pub(crate) const WHOLE: i64 = 2;
