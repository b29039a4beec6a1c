//! The settings in the phone's file.

use rusqlite::{Connection, OptionalExtension as _};

use crate::error::ClientError;

/// A setting's bytes.
pub(crate) fn setting(c: &Connection, key: &str) -> Result<Option<Vec<u8>>, ClientError> {
    let mut select = c.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
    Ok(select.query_row([key], |row| row.get(0)).optional()?)
}

/// Keeps a setting.
pub(crate) fn set(c: &Connection, key: &str, value: &[u8]) -> Result<(), ClientError> {
    let sql = "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
    c.prepare_cached(sql)?.execute((key, value))?;
    Ok(())
}

/// A setting that is a number; 0 when it is not there.
pub(crate) fn number(c: &Connection, key: &str) -> Result<i64, ClientError> {
    Ok(setting(c, key)?.and_then(|v| v.try_into().ok()).map_or(0, i64::from_be_bytes))
}

/// Takes a setting away.
pub(crate) fn unset(c: &Connection, key: &str) -> Result<(), ClientError> {
    c.prepare_cached("DELETE FROM settings WHERE key = ?1")?.execute([key])?;
    Ok(())
}

/// Keeps a number.
pub(crate) fn set_number(c: &Connection, key: &str, value: i64) -> Result<(), ClientError> {
    set(c, key, &value.to_be_bytes())
}

/// Keeps a number that is not negative, unless a greater one is kept.
pub(crate) fn raise_number(c: &Connection, key: &str, value: i64) -> Result<(), ClientError> {
    let sql = "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = max(value, ?2)";
    c.prepare_cached(sql)?.execute((key, &value.to_be_bytes()[..]))?;
    Ok(())
}

/// A setting that is a text.
pub(crate) fn text(c: &Connection, key: &str) -> Result<Option<String>, ClientError> {
    Ok(setting(c, key)?.map(|v| String::from_utf8_lossy(&v).into_owned()))
}
