//! The territory's rows.

use gridledger_schema::ids::AreaNo;
use gridledger_schema::wire::{AreaInfo, Edge};
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::store::StoreError;
use crate::store::people::NewArea;

/// An area's columns, in the order [`info`] reads them.
pub const COLUMNS: &str = "a.area, a.parent, a.code, a.kind, a.name,
  (SELECT json_group_array(json_object('above', e.above, 'from', e.valid_from, 'to', e.valid_to) ORDER BY e.valid_from, e.above)
   FROM edges e WHERE e.area = a.area)";

/// Every area, by number.
pub fn all(c: &Connection) -> Result<Vec<AreaInfo>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM areas a ORDER BY a.area");
    let mut select = c.prepare_cached(&sql)?;
    let rows = select.query_map([], info)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn info(row: &Row<'_>) -> rusqlite::Result<AreaInfo> {
    Ok(AreaInfo {
        no: AreaNo(row.get(0)?),
        parent: row.get::<_, Option<u32>>(1)?.map(AreaNo),
        code: row.get(2)?,
        kind: row.get(3)?,
        name: row.get(4)?,
        edges: read_edges(&row.get::<_, String>(5)?),
    })
}

fn read_edges(json: &str) -> Vec<Edge> {
    serde_json::from_str(json).unwrap_or_default()
}

/// An area and all above it, by whatever edge, as who knew the territory as of `known` (ms) believed it to be: an end
/// that was set later is not there yet.
pub fn ancestry(c: &Connection, area: AreaNo, known: i64) -> Result<Vec<AreaInfo>, StoreError> {
    let sql = format!(
        "WITH RECURSIVE up (area) AS (SELECT ?1
           UNION SELECT a.parent FROM areas a JOIN up USING (area) WHERE a.parent IS NOT NULL
           UNION SELECT e.above FROM edges e JOIN up USING (area))
         SELECT {} FROM up JOIN areas a USING (area)",
        COLUMNS.replace("e.valid_to", "iif(e.ended_at > ?2, NULL, e.valid_to)")
    );
    let mut select = c.prepare_cached(&sql)?;
    let rows = select.query_map((area.0, known), info)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes or changes areas, in any order. First the rows, so that every parent is there, then the edges.
pub fn put(c: &Connection, areas: &[NewArea]) -> Result<(usize, usize), StoreError> {
    let mut fresh = vec![false; areas.len()];
    for (area, fresh) in areas.iter().zip(&mut fresh) {
        *fresh = insert(c, area)?;
    }
    let mut changed = 0;
    for (area, fresh) in areas.iter().zip(&fresh) {
        if change(c, area)? && !fresh {
            changed += 1;
        }
    }
    areas.iter().try_for_each(|area| reaches_a_root(c, &area.code))?;
    Ok((fresh.iter().filter(|&&fresh| fresh).count(), changed))
}

/// Inserts an area without its edge; `false` if its code is there already.
fn insert(c: &Connection, area: &NewArea) -> Result<bool, StoreError> {
    let mut insert = c.prepare_cached(
        "INSERT INTO areas (code, kind, name, valid_from, valid_to) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (code) DO NOTHING",
    )?;
    Ok(insert.execute((&area.code, &area.kind, &area.name, area.from, area.to))? == 1)
}

/// Brings an area's row to what is wanted; whether anything differed.
fn change(c: &Connection, area: &NewArea) -> Result<bool, StoreError> {
    let parent = area
        .parent
        .as_deref()
        .map(|code| number(c, code).map(|no| no.0))
        .transpose()?;
    // What an office says of an area outside of a plan holds from always: its past places go.
    c.prepare_cached(
        "DELETE FROM edges WHERE area = (SELECT area FROM areas WHERE code = ?1 AND parent IS NOT ?2)",
    )?
    .execute((&area.code, parent))?;
    let mut update = c.prepare_cached(
        "UPDATE areas SET parent = ?2, kind = ?3, name = ?4, valid_from = ?5, valid_to = ?6
         WHERE code = ?1 AND (parent IS NOT ?2 OR kind <> ?3 OR name <> ?4 OR valid_from IS NOT ?5
                              OR valid_to IS NOT ?6)",
    )?;
    Ok(update.execute((&area.code, parent, &area.kind, &area.name, area.from, area.to))? == 1)
}

/// The number of a code.
pub fn number(c: &Connection, code: &str) -> Result<AreaNo, StoreError> {
    let mut select = c.prepare_cached("SELECT area FROM areas WHERE code = ?1")?;
    let found = select
        .query_row([code], |row| row.get(0).map(AreaNo))
        .optional()?;
    found.ok_or_else(|| StoreError::Missing(format!("area {code}")))
}

/// Areas above one another in a circle would belong to nobody.
fn reaches_a_root(c: &Connection, code: &str) -> Result<(), StoreError> {
    // UNION keeps each area once, so the walk ends in a circle too.
    let mut walk = c.prepare_cached(
        "WITH RECURSIVE up(area, parent) AS (
           SELECT area, parent FROM areas WHERE code = ?1
           UNION SELECT a.area, a.parent FROM areas a JOIN up ON a.area = up.parent)
         SELECT EXISTS (SELECT 1 FROM up WHERE parent IS NULL)",
    )?;
    if walk.query_row([code], |row| row.get(0))? {
        Ok(())
    } else {
        Err(StoreError::Missing(format!(
            "way up from area {code}: the areas above it form a circle"
        )))
    }
}
