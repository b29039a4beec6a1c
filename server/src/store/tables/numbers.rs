//! The numbers that the store gives to areas, users and devices.

use crate::store::StoreError;
use crate::store::sql::Connection;

/// The next number for a row of a table. It skips numbers that may have been handed out since a backup, and be known to
/// phones.
pub(super) fn next_number(c: &Connection<'_>, table: &str, column: &str) -> Result<u32, StoreError> {
    let sql = format!(
        "SELECT greatest(coalesce((SELECT max({column}) FROM {table}), 0),
                         coalesce((SELECT max(numbers) FROM restores), 0)) + 1"
    );
    Ok(c.query_row(&sql, (), |row| row.get(0))?)
}
