//! The territory's rows.

use crate::store::tables::numbers;
use std::collections::BTreeSet;

use gridledger_schema::ids::AreaNo;
use gridledger_schema::wire::{AreaInfo, Edge};

use crate::store::StoreError;
use crate::store::rows::people::NewArea;
use crate::store::sql::{Connection, Optional as _, Row, SqlError};

/// Every area, by number.
pub fn all(c: &Connection<'_>) -> Result<Vec<AreaInfo>, StoreError> {
    let mut select = c.prepare_cached("SELECT area, parent, code, kind, name FROM areas ORDER BY area")?;
    let rows = select.query_map((), info)?;
    let mut areas: Vec<AreaInfo> = rows.collect::<Result<_, _>>()?;
    let mut select = c.prepare_cached(
        "SELECT area, above, valid_from, valid_to FROM edges ORDER BY area, valid_from, above",
    )?;
    for row in select.query_map((), |row| Ok((AreaNo(row.get(0)?), edge(row)?)))? {
        let (area, edge) = row?;
        if let Ok(at) = areas.binary_search_by_key(&area, |info| info.no) {
            areas[at].edges.push(edge);
        }
    }
    Ok(areas)
}

fn info(row: &Row) -> Result<AreaInfo, SqlError> {
    Ok(AreaInfo {
        no: AreaNo(row.get(0)?),
        parent: row.get::<_, Option<u32>>(1)?.map(AreaNo),
        code: row.get(2)?,
        kind: row.get(3)?,
        name: row.get(4)?,
        edges: Vec::new(),
    })
}

/// Reads an edge from columns above, valid_from, valid_to after the first.
fn edge(row: &Row) -> Result<Edge, SqlError> {
    Ok(Edge { above: AreaNo(row.get(1)?), from: row.get(2)?, to: row.get(3)? })
}

/// An area and all above it, by whatever edge, as a device knew them that had learnt of the territory by `known` (ms).
/// An end that was set later does not count.
pub fn ancestry(c: &Connection<'_>, area: AreaNo, known: i64) -> Result<Vec<AreaInfo>, StoreError> {
    let mut select = c.prepare_cached("SELECT area, parent, code, kind, name FROM areas WHERE area = ?1")?;
    let mut lain = c.prepare_cached(
        "SELECT area, above, valid_from, CASE WHEN ended_at > ?2 THEN NULL ELSE valid_to END
         FROM edges WHERE area = ?1 ORDER BY valid_from, above",
    )?;
    let (mut found, mut next): (Vec<AreaInfo>, _) = (Vec::new(), vec![area]);
    while let Some(area) = next.pop() {
        if found.iter().any(|info| info.no == area) {
            continue;
        }
        if let Some(mut info) = select.query_row([area.0], info).optional()? {
            let edges = lain.query_map((area.0, known), edge)?;
            info.edges = edges.collect::<Result<_, _>>()?;
            next.extend(info.parent);
            next.extend(info.edges.iter().map(|edge| edge.above));
            found.push(info);
        }
    }
    Ok(found)
}

/// Adds an area and all that lies or lay below it.
pub fn below(c: &Connection<'_>, area: AreaNo, found: &mut BTreeSet<AreaNo>) -> Result<(), StoreError> {
    let mut select = c.prepare_cached(
        "SELECT area FROM areas WHERE parent = ?1 UNION SELECT area FROM edges WHERE above = ?1",
    )?;
    let mut next = vec![area];
    while let Some(area) = next.pop() {
        if found.insert(area) {
            let rows = select.query_map([area.0], |row| Ok(AreaNo(row.get(0)?)))?;
            for row in rows {
                next.push(row?);
            }
        }
    }
    Ok(())
}

/// Makes or changes areas, in any order. First the rows, so that every parent is there, then the edges.
pub fn put(c: &Connection<'_>, areas: &[NewArea]) -> Result<(usize, usize), StoreError> {
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
fn insert(c: &Connection<'_>, area: &NewArea) -> Result<bool, StoreError> {
    let mut insert = c.prepare_cached(
        "INSERT INTO areas (area, code, kind, name, valid_from, valid_to) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (code) DO NOTHING",
    )?;
    let no = numbers::next_number(c, "areas", "area")?;
    Ok(insert.execute((no, &area.code, &area.kind, &area.name, area.from, area.to))? == 1)
}

/// Changes an area's row, and returns whether anything differed.
fn change(c: &Connection<'_>, area: &NewArea) -> Result<bool, StoreError> {
    let parent = area.parent.as_deref().map(|code| number(c, code).map(|no| no.0)).transpose()?;
    // A place set outside of a plan holds for all time: the area's past places go.
    c.prepare_cached(
        "DELETE FROM edges WHERE area = (SELECT area FROM areas WHERE code = ?1 AND parent IS DISTINCT FROM ?2)",
    )?
    .execute((&area.code, parent))?;
    let mut update = c.prepare_cached(
        "UPDATE areas SET parent = ?2, kind = ?3, name = ?4, valid_from = ?5, valid_to = ?6
         WHERE code = ?1 AND (parent IS DISTINCT FROM ?2 OR kind <> ?3 OR name <> ?4 OR valid_from IS DISTINCT FROM ?5
                              OR valid_to IS DISTINCT FROM ?6)",
    )?;
    Ok(update.execute((&area.code, parent, &area.kind, &area.name, area.from, area.to))? == 1)
}

/// The number of a code.
pub fn number(c: &Connection<'_>, code: &str) -> Result<AreaNo, StoreError> {
    let mut select = c.prepare_cached("SELECT area FROM areas WHERE code = ?1")?;
    let found = select.query_row([code], |row| row.get(0).map(AreaNo)).optional()?;
    found.ok_or_else(|| StoreError::Missing(format!("area {code}")))
}

/// Checks that an area reaches a root: areas in a circle would belong to no district.
fn reaches_a_root(c: &Connection<'_>, code: &str) -> Result<(), StoreError> {
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
        Err(StoreError::Missing(format!("way up from area {code}: the areas above it form a circle")))
    }
}
