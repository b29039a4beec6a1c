//! Areas: those known to this phone, how they are held, and their cursors.

use gridledger_schema::ids::AreaNo;
use gridledger_schema::wire::{AreaCursor, AreaInfo};
use rusqlite::{Connection, OptionalExtension as _};

use crate::error::ClientError;

/// The scope that reads all of an area, as a number.
pub(crate) const WHOLE: i64 = 2;
/// `held` of an area that this phone holds. 0: the area is only known.
const HELD: i64 = 1;
/// `held` of an area that the server has withdrawn.
const WITHDRAWN: i64 = -1;

/// The rights that an area's records were fetched under. An area of an early version has none.
pub(crate) struct FetchedUnder {
    pub(crate) area: AreaNo,
    /// The facets, as bits.
    pub(crate) facets: Option<u64>,
    /// The scope, as a number.
    pub(crate) scope: Option<i64>,
}

/// Lists the areas known.
pub(crate) fn list_known(c: &Connection) -> Result<Vec<AreaInfo>, ClientError> {
    list(c, None)
}

/// Lists the areas held.
pub(crate) fn list_held(c: &Connection) -> Result<Vec<AreaInfo>, ClientError> {
    list(c, Some(HELD))
}

fn list(c: &Connection, held: Option<i64>) -> Result<Vec<AreaInfo>, ClientError> {
    let sql =
        "SELECT area, parent, code, kind, name, edges FROM areas WHERE ?1 IS NULL OR held = ?1 ORDER BY area";
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

/// Keeps what is known of an area. An area that is held stays held.
pub(crate) fn keep(c: &Connection, area: &AreaInfo, held: bool) -> Result<(), ClientError> {
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

/// Marks an area as withdrawn.
pub(crate) fn withdraw(c: &Connection, area: AreaNo) -> Result<(), ClientError> {
    let sql = "UPDATE areas SET held = ?2, facets = NULL, scope = NULL WHERE area = ?1";
    c.execute(sql, (area.0, WITHDRAWN))?;
    Ok(())
}

/// Lists the areas that the server has withdrawn.
pub(crate) fn list_withdrawn(c: &Connection) -> Result<Vec<AreaNo>, ClientError> {
    let mut select = c.prepare_cached("SELECT area FROM areas WHERE held = ?1")?;
    let rows = select.query_map([WITHDRAWN], |row| row.get(0).map(AreaNo))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Finds the floor of an area, and whether this phone holds all of its records.
pub(crate) fn find_floor(c: &Connection, area: AreaNo) -> Result<Option<(u64, bool)>, ClientError> {
    let mut select = c.prepare_cached("SELECT floor, scope FROM areas WHERE area = ?1")?;
    let found = select.query_row([area.0], |row| {
        let scope: Option<i64> = row.get(1)?;
        Ok((row.get::<_, i64>(0)? as u64, scope.is_none_or(|scope| scope == WHOLE)))
    });
    Ok(found.optional()?)
}

/// Finds the cursor of an area that is held.
pub(crate) fn find_cursor(c: &Connection, area: AreaNo) -> Result<Option<AreaCursor>, ClientError> {
    let mut select = c.prepare_cached("SELECT floor, reached FROM areas WHERE area = ?1 AND held = ?2")?;
    let found = select.query_row((area.0, HELD), |row| {
        Ok(AreaCursor { area, floor: row.get::<_, i64>(0)? as u64, reached: row.get::<_, i64>(1)? as u64 })
    });
    Ok(found.optional()?)
}

/// Moves the cursor of an area. `mark` is the mark of the log's end there.
pub(crate) fn move_to(c: &Connection, to: AreaCursor, mark: u16) -> Result<(), ClientError> {
    let sql = "UPDATE areas SET floor = ?2, reached = ?3, mark = ?4 WHERE area = ?1";
    c.prepare_cached(sql)?.execute((to.area.0, to.floor as i64, to.reached as i64, mark))?;
    Ok(())
}

/// Sets the cursor of an area, or of all, to the beginning.
pub(crate) fn reset_cursor(c: &Connection, area: Option<AreaNo>) -> Result<(), ClientError> {
    let sql = "UPDATE areas SET floor = 0, reached = 0, mark = 0 WHERE ?1 IS NULL OR area = ?1";
    c.execute(sql, [area.map(|area| area.0)])?;
    Ok(())
}

/// Lists the cursors of the areas held.
pub(crate) fn list_cursors(c: &Connection) -> Result<Vec<AreaCursor>, ClientError> {
    let mut select =
        c.prepare_cached("SELECT area, floor, reached FROM areas WHERE held = ?1 ORDER BY area")?;
    let rows = select.query_map([HELD], |row| {
        let number = |column| row.get::<_, i64>(column).map(|n| n as u64);
        Ok(AreaCursor { area: AreaNo(row.get(0)?), floor: number(1)?, reached: number(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads the mark at each cursor; none if no area has a mark.
pub(crate) fn read_marks(c: &Connection, cursors: &[AreaCursor]) -> Result<Vec<u16>, ClientError> {
    let mut select = c.prepare_cached("SELECT mark FROM areas WHERE area = ?1")?;
    let of_cursor = |cursor: &AreaCursor| Ok(select.query_row([cursor.area.0], |row| row.get(0))?);
    let marks: Vec<u16> = cursors.iter().map(of_cursor).collect::<Result<_, ClientError>>()?;
    Ok(if marks.iter().all(|mark| *mark == 0) { Vec::new() } else { marks })
}

/// Whether this phone holds only some records of an area. No digest shows then that the area's log is another one.
pub(crate) fn hold_parts(c: &Connection) -> Result<bool, ClientError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM areas WHERE held = ?1 AND scope <> ?2)";
    Ok(c.prepare_cached(sql)?.query_row((HELD, WHOLE), |row| row.get(0))?)
}

/// Lists what the areas held were fetched under.
pub(crate) fn list_fetched(c: &Connection) -> Result<Vec<FetchedUnder>, ClientError> {
    let mut select = c.prepare_cached("SELECT area, facets, scope FROM areas WHERE held = ?1")?;
    let rows = select.query_map([HELD], |row| {
        let facets = row.get::<_, Option<i64>>(1)?.map(|bits| bits as u64);
        Ok(FetchedUnder { area: AreaNo(row.get(0)?), facets, scope: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Keeps the facets and the scope that an area is fetched under; with `if_new` only if none are kept.
pub(crate) fn keep_fetched(
    c: &Connection,
    area: AreaNo,
    facets: u64,
    scope: i64,
    if_new: bool,
) -> Result<(), ClientError> {
    let sql = "UPDATE areas SET facets = ?2, scope = ?3 WHERE area = ?1 AND (facets IS NULL OR NOT ?4)";
    c.prepare_cached(sql)?.execute((area.0, facets as i64, scope, if_new))?;
    Ok(())
}
