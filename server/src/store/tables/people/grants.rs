//! The rows of grants, and of grants as they were before they were shortened.

use std::collections::BTreeSet;

use gridledger_schema::ids::AreaNo;
use gridledger_schema::wire::Grant;

use super::areas;
use crate::store::StoreError;
use crate::store::rows::people::{ShortenedGrant, UserNo};
use crate::store::rows::records::EventKind;
use crate::store::sql::{Connection, Optional as _, Row, SqlError};
use crate::store::tables::marks;
use crate::store::tables::row_locks::Locked;

/// Reads a grant from columns role, area, valid_from, valid_to, starting at the first.
fn grant(row: &Row) -> Result<Grant, SqlError> {
    Ok(Grant { role: row.get(0)?, area: AreaNo(row.get(1)?), from: row.get(2)?, to: row.get(3)? })
}

/// Reads a user's grants, ended ones included.
pub fn read(c: &Connection<'_>, user: UserNo) -> Result<Vec<Grant>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT role, area, valid_from, valid_to FROM grants WHERE user = ?1 ORDER BY role, area, valid_from",
    )?;
    let rows = select.query_map([user.0], grant)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads a user's shortened grants as they were before, the earliest first.
pub fn read_shortened(c: &Connection<'_>, user: UserNo) -> Result<Vec<ShortenedGrant>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT role, area, valid_from, valid_to, replaced_at FROM replaced_grants WHERE user = ?1
         ORDER BY replaced_at",
    )?;
    let rows =
        select.query_map([user.0], |row| Ok(ShortenedGrant { grant: grant(row)?, at: row.get(4)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Adds a grant unless a held one covers it, and returns whether anything changed. A held grant with the same
/// beginning gets the new end.
pub fn put(
    c: &Connection<'_>,
    user: UserNo,
    grant: &Grant,
    shortened: &mut Shortening,
) -> Result<bool, StoreError> {
    let mut known = c.prepare_cached("SELECT EXISTS (SELECT 1 FROM areas WHERE area = ?1)")?;
    if !known.query_row([grant.area.0], |row| row.get::<_, bool>(0))? {
        return Err(StoreError::Missing(format!("area {}", grant.area)));
    }
    let mut select = c.prepare_cached(
        "SELECT valid_to FROM grants WHERE user = ?1 AND role = ?2 AND area = ?3 AND valid_from = ?4",
    )?;
    let key = (user.0, &grant.role, grant.area.0, grant.from);
    let before = select.query_row(key, |row| row.get::<_, Option<i64>>(0)).optional()?;
    let mut insert = c.prepare_cached(
        "INSERT INTO grants (user, role, area, valid_from, valid_to) SELECT CAST(?1 AS BIGINT), ?2, CAST(?3 AS BIGINT), CAST(?4 AS BIGINT),
           CAST(?5 AS BIGINT)
         WHERE NOT EXISTS (SELECT 1 FROM grants WHERE user = ?1 AND role = ?2 AND area = ?3 AND valid_from <= ?4
           AND (valid_to IS NULL OR valid_to >= ?5) AND (valid_from < ?4 OR valid_to IS NOT DISTINCT FROM ?5))
         ON CONFLICT (user, role, area, valid_from) DO UPDATE SET valid_to = excluded.valid_to",
    )?;
    let row = (user.0, &grant.role, grant.area.0, grant.from, grant.to);
    let changed = insert.execute(row)? == 1;
    let ends = |to: Option<i64>| to.unwrap_or(i64::MAX);
    if let Some(before) = before.filter(|before| changed && ends(grant.to) < ends(*before)) {
        let old = Grant { to: before, ..grant.clone() };
        shortened.keep_old(c, user, &old)?;
    }
    Ok(changed)
}

/// Ends the grants of a role at an area, and returns whether there were any.
pub fn end_role(
    c: &Connection<'_>,
    user: UserNo,
    role: &str,
    area: AreaNo,
    (at, now): (i64, i64),
) -> Result<bool, StoreError> {
    let mut update = c.prepare_cached(
        "UPDATE grants SET valid_to = ?4
         WHERE user = ?1 AND role = ?2 AND area = ?3 AND valid_from = ?5 AND (valid_to IS NULL OR valid_to > ?4)",
    )?;
    let mut shortened = Shortening::begin(c, now)?;
    for held in read(c, user)? {
        let key = (user.0, role, area.0, at, held.from);
        if held.role == role && held.area == area && update.execute(key)? == 1 {
            shortened.keep_old(c, user, &held)?;
        }
    }
    shortened.write_log(c)
}

/// Reads the time of the latest change of rights or of the territory, ms since 1970; 0 for none.
pub fn read_last_change(c: &Connection<'_>) -> Result<i64, StoreError> {
    let mut last = c.prepare_cached(
        "SELECT greatest(coalesce((SELECT max(replaced_at) FROM replaced_grants), 0),
                    coalesce((SELECT max(told_at) FROM territory_changes), 0))",
    )?;
    Ok(last.query_row((), |row| row.get(0))?)
}

/// The grants that one transaction shortens. They share a time that no other such transaction has.
pub struct Shortening {
    at: i64,
    areas: BTreeSet<AreaNo>,
}

impl Shortening {
    /// Begins with no grants.
    pub fn begin(c: &Connection<'_>, now: i64) -> Result<Self, StoreError> {
        Ok(Self { at: now.max(read_last_change(c)? + 1), areas: BTreeSet::new() })
    }

    /// Keeps a grant as it was.
    fn keep_old(&mut self, c: &Connection<'_>, user: UserNo, old: &Grant) -> Result<(), StoreError> {
        let mut insert = c.prepare_cached("INSERT INTO replaced_grants VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        insert.execute((user.0, &old.role, old.area.0, old.from, old.to, self.at))?;
        c.prepare_cached("UPDATE users SET rights_cut = ?2 WHERE user = ?1")?.execute((user.0, self.at))?;
        self.areas.insert(old.area);
        Ok(())
    }

    /// Writes to the log of each area concerned, and of those below it, that rights changed. Returns whether any did.
    pub fn write_log(self, c: &Connection<'_>) -> Result<bool, StoreError> {
        let locked = Locked::everything(c)?;
        let mut told = BTreeSet::new();
        for area in &self.areas {
            areas::below(c, *area, &mut told)?;
        }
        let mut advance =
            c.prepare_cached("UPDATE areas SET head = head + 1 WHERE area = ?1 RETURNING head")?;
        let mut insert = c.prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, NULL, ?4)")?;
        for area in told {
            locked.expect(area)?;
            let head: i64 = advance.query_row([area.0], |row| row.get(0))?;
            insert.execute((area.0, head, EventKind::Rights.as_str(), self.at))?;
            marks::put_head(c, area)?;
        }
        Ok(!self.areas.is_empty())
    }
}
