//! The rows of users.

use super::grants::{self, Shortening};
use crate::store::StoreError;
use crate::store::rows::people::{NewUser, User, UserNo};
use crate::store::sql::{Connection, Optional as _, Row, SqlError};
use crate::store::tables::numbers;

fn user(row: &Row) -> Result<User, SqlError> {
    Ok(User {
        no: UserNo(row.get(0)?),
        login: row.get(1)?,
        name: row.get(2)?,
        password: row.get(3)?,
        revoked: row.get(4)?,
        rights_cut: row.get(5)?,
    })
}

/// Every user, by login.
pub fn all(c: &Connection<'_>) -> Result<Vec<User>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT user, login, name, password, revoked, rights_cut FROM users ORDER BY login",
    )?;
    let rows = select.query_map((), user)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The user of a login.
pub fn by_login(c: &Connection<'_>, login: &str) -> Result<Option<User>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT user, login, name, password, revoked, rights_cut FROM users WHERE login = ?1",
    )?;
    Ok(select.query_row([login], user).optional()?)
}

/// The user of a number.
pub fn by_no(c: &Connection<'_>, no: UserNo) -> Result<Option<User>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT user, login, name, password, revoked, rights_cut FROM users WHERE user = ?1",
    )?;
    Ok(select.query_row([no.0], user).optional()?)
}

/// Makes or changes users and adds grants; returns (made, changed).
pub fn put(c: &Connection<'_>, users: &[NewUser], now: i64) -> Result<(usize, usize), StoreError> {
    let (mut made, mut changed) = (0, 0);
    let mut shortened = Shortening::begin(c, now)?;
    for user in users {
        let fresh = insert(c, user)?;
        let mut differs = !fresh && change(c, user)?;
        let no = by_login(c, &user.login)?.ok_or(StoreError::Damaged("users"))?.no;
        if differs && user.password.is_some() {
            end_sessions(c, no)?;
        }
        for grant in &user.grants {
            differs |= grants::put(c, no, grant, &mut shortened)?;
        }
        made += usize::from(fresh);
        changed += usize::from(differs && !fresh);
    }
    shortened.write_log(c)?;
    Ok((made, changed))
}

fn insert(c: &Connection<'_>, user: &NewUser) -> Result<bool, StoreError> {
    let mut insert = c.prepare_cached(
        "INSERT INTO users (user, login, name, password) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (login) DO NOTHING",
    )?;
    let no = numbers::next_number(c, "users", "user")?;
    Ok(insert.execute((no, &user.login, &user.name, &user.password))? == 1)
}

fn change(c: &Connection<'_>, user: &NewUser) -> Result<bool, StoreError> {
    let mut update = c.prepare_cached(
        "UPDATE users SET name = ?2, password = coalesce(?3, password)
         WHERE login = ?1 AND (name <> ?2 OR (CAST(?3 AS TEXT) IS NOT NULL AND password IS DISTINCT FROM ?3))",
    )?;
    Ok(update.execute((&user.login, &user.name, &user.password))? == 1)
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
    c.prepare_cached("DELETE FROM refresh_tokens WHERE user = ?1")?.execute([user.0])?;
    Ok(())
}
