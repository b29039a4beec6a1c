//! The rows of users and their grants.

use crate::store::sql::{Connection, Optional as _, Row, SqlError};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::wire::Grant;

use crate::store::StoreError;
use crate::store::people::{NewUser, User, UserNo};

fn user(row: &Row) -> Result<User, SqlError> {
    Ok(User {
        no: UserNo(row.get(0)?),
        login: row.get(1)?,
        name: row.get(2)?,
        password: row.get(3)?,
        revoked: row.get(4)?,
    })
}

/// Every user, by login.
pub fn all(c: &Connection<'_>) -> Result<Vec<User>, StoreError> {
    let mut select =
        c.prepare_cached("SELECT user, login, name, password, revoked FROM users ORDER BY login")?;
    let rows = select.query_map((), user)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The user of a login.
pub fn by_login(c: &Connection<'_>, login: &str) -> Result<Option<User>, StoreError> {
    let mut select =
        c.prepare_cached("SELECT user, login, name, password, revoked FROM users WHERE login = ?1")?;
    Ok(select.query_row([login], user).optional()?)
}

/// The user of a number.
pub fn by_no(c: &Connection<'_>, no: UserNo) -> Result<Option<User>, StoreError> {
    let mut select =
        c.prepare_cached("SELECT user, login, name, password, revoked FROM users WHERE user = ?1")?;
    Ok(select.query_row([no.0], user).optional()?)
}

/// A user's grants, ended ones included.
pub fn grants(c: &Connection<'_>, user: UserNo) -> Result<Vec<Grant>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT role, area, valid_from, valid_to FROM grants WHERE user = ?1 ORDER BY role, area, valid_from",
    )?;
    let rows = select.query_map([user.0], |row| {
        let (role, area) = (row.get(0)?, AreaNo(row.get(1)?));
        Ok(Grant {
            role,
            area,
            from: row.get(2)?,
            to: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes or changes users and adds grants; returns (made, changed).
pub fn put(c: &Connection<'_>, users: &[NewUser]) -> Result<(usize, usize), StoreError> {
    let (mut made, mut changed) = (0, 0);
    for user in users {
        let fresh = insert(c, user)?;
        let mut differs = !fresh && change(c, user)?;
        let no = by_login(c, &user.login)?.ok_or(StoreError::Damaged("users"))?.no;
        if differs && user.password.is_some() {
            end_sessions(c, no)?;
        }
        for grant in &user.grants {
            differs |= put_grant(c, no, grant)?;
        }
        made += usize::from(fresh);
        changed += usize::from(differs && !fresh);
    }
    Ok((made, changed))
}

fn insert(c: &Connection<'_>, user: &NewUser) -> Result<bool, StoreError> {
    let mut insert = c.prepare_cached(
        "INSERT INTO users (login, name, password) VALUES (?1, ?2, ?3) ON CONFLICT (login) DO NOTHING",
    )?;
    Ok(insert.execute((&user.login, &user.name, &user.password))? == 1)
}

fn change(c: &Connection<'_>, user: &NewUser) -> Result<bool, StoreError> {
    let mut update = c.prepare_cached(
        "UPDATE users SET name = ?2, password = coalesce(?3, password)
         WHERE login = ?1 AND (name <> ?2 OR (CAST(?3 AS TEXT) IS NOT NULL AND password IS DISTINCT FROM ?3))",
    )?;
    Ok(update.execute((&user.login, &user.name, &user.password))? == 1)
}

/// Adds a grant unless one that is held covers it; whether anything changed. A grant with the same beginning gets
/// the new end.
fn put_grant(c: &Connection<'_>, user: UserNo, grant: &Grant) -> Result<bool, StoreError> {
    let mut known = c.prepare_cached("SELECT EXISTS (SELECT 1 FROM areas WHERE area = ?1)")?;
    if !known.query_row([grant.area.0], |row| row.get::<_, bool>(0))? {
        return Err(StoreError::Missing(format!("area {}", grant.area)));
    }
    let mut insert = c.prepare_cached(
        "INSERT INTO grants (user, role, area, valid_from, valid_to) SELECT CAST(?1 AS BIGINT), ?2, CAST(?3 AS BIGINT), CAST(?4 AS BIGINT), CAST(?5 AS BIGINT)
         WHERE NOT EXISTS (SELECT 1 FROM grants WHERE user = ?1 AND role = ?2 AND area = ?3 AND valid_from <= ?4
           AND (valid_to IS NULL OR valid_to >= ?5) AND (valid_from < ?4 OR valid_to IS NOT DISTINCT FROM ?5))
         ON CONFLICT (user, role, area, valid_from) DO UPDATE SET valid_to = excluded.valid_to",
    )?;
    let row = (user.0, &grant.role, grant.area.0, grant.from, grant.to);
    Ok(insert.execute(row)? == 1)
}

/// Ends what is held of a role at an area; whether anything was.
pub fn end_grant(
    c: &Connection<'_>,
    user: UserNo,
    role: &str,
    area: AreaNo,
    at: i64,
) -> Result<bool, StoreError> {
    let mut update = c.prepare_cached(
        "UPDATE grants SET valid_to = ?4
         WHERE user = ?1 AND role = ?2 AND area = ?3 AND (valid_to IS NULL OR valid_to > ?4)",
    )?;
    Ok(update.execute((user.0, role, area.0, at))? > 0)
}

/// Revokes a user, with every refresh token, or takes the revocation back.
pub fn set_revoked(c: &Connection<'_>, user: UserNo, revoked: bool) -> Result<(), StoreError> {
    let mut update = c.prepare_cached("UPDATE users SET revoked = ?2 WHERE user = ?1")?;
    if update.execute((user.0, revoked))? == 0 {
        return Err(StoreError::Missing(format!("user {}", user.0)));
    }
    if revoked { end_sessions(c, user) } else { Ok(()) }
}

fn end_sessions(c: &Connection<'_>, user: UserNo) -> Result<(), StoreError> {
    c.prepare_cached("DELETE FROM refresh_tokens WHERE user = ?1")?
        .execute([user.0])?;
    Ok(())
}
