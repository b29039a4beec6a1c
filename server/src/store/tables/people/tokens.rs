//! The rows of refresh tokens: hashes only.

use crate::store::StoreError;
use crate::store::rows::people::{RefreshToken, Refreshed, UserNo};
use crate::store::sql::{Connection, Optional as _};

/// Keeps a token.
pub fn put(c: &Connection<'_>, token: &RefreshToken) -> Result<(), StoreError> {
    let mut insert = c.prepare_cached(
        "INSERT INTO refresh_tokens (hash, family, user, expires) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    )?;
    match insert.execute((token.hash, token.family, token.user.0, token.expires))? {
        0 => Err(StoreError::Taken("the refresh token".into())),
        _ => Ok(()),
    }
}

/// Whether a token is known and not over at a time.
pub fn is_known(c: &Connection<'_>, hash: [u8; 32], now: i64) -> Result<bool, StoreError> {
    let mut select = c.prepare_cached("SELECT 1 FROM refresh_tokens WHERE hash = ?1 AND expires > ?2")?;
    Ok(select.query_row((hash, now), |_| Ok(())).optional()?.is_some())
}

/// Uses a token up and keeps its successor. A token that was used before ends its whole family: a stranger may hold a
/// copy.
pub fn use_up(
    c: &Connection<'_>,
    hash: [u8; 32],
    (next, expires): ([u8; 32], i64),
    now: i64,
) -> Result<Refreshed, StoreError> {
    c.prepare_cached("DELETE FROM refresh_tokens WHERE expires <= ?1")?.execute([now])?;
    let mut select = c.prepare_cached("SELECT user, used, family FROM refresh_tokens WHERE hash = ?1")?;
    let row = select.query_row([hash], |row| Ok((UserNo(row.get(0)?), row.get::<_, bool>(1)?, row.get(2)?)));
    match row.optional()? {
        None => Ok(Refreshed::Unknown),
        Some((_, true, _)) => {
            end(c, hash)?;
            Ok(Refreshed::Reused)
        }
        Some((user, false, family)) => {
            c.prepare_cached("UPDATE refresh_tokens SET used = 1 WHERE hash = ?1")?.execute([hash])?;
            let successor = RefreshToken { hash: next, family, user, expires };
            put(c, &successor)?;
            Ok(Refreshed::Good(user))
        }
    }
}

/// Ends the family of a token.
pub fn end(c: &Connection<'_>, hash: [u8; 32]) -> Result<(), StoreError> {
    let sql = "DELETE FROM refresh_tokens WHERE family = (SELECT family FROM refresh_tokens WHERE hash = ?1)";
    c.prepare_cached(sql)?.execute([hash])?;
    Ok(())
}

/// Whether a family has not ended. An access token is never older than its family's last refresh token.
pub fn lives(c: &Connection<'_>, family: [u8; 16]) -> Result<bool, StoreError> {
    let mut select = c.prepare_cached("SELECT 1 FROM refresh_tokens WHERE family = ?1 LIMIT 1")?;
    Ok(select.query_row([family], |_| Ok(())).optional()?.is_some())
}
