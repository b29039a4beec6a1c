//! Takes the steps that a database has not taken yet. One node at a time: two that start together would race even on making
//! the first table.

use crate::store::StoreError;
use crate::store::sql::{Connection, Link as _, PostgresLink, dialect};
use crate::store::tables::steps::STEPS;

/// The advisory lock of who migrates.
const MIGRATING: i64 = 0x6772_6d67;

/// What the tables' code uses and Postgres does not have.
const FUNCTIONS: &str = "CREATE OR REPLACE FUNCTION hex(bytea) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$ SELECT encode($1, 'hex') $$";

/// Takes each step in one transaction with its number.
pub fn migrate(link: &PostgresLink) -> Result<(), StoreError> {
    link.batch(&format!("SELECT pg_advisory_lock({MIGRATING})"))?;
    let migrated = take_steps(link);
    link.batch(&format!("SELECT pg_advisory_unlock({MIGRATING})"))?;
    migrated
}

fn take_steps(link: &PostgresLink) -> Result<(), StoreError> {
    link.batch("CREATE TABLE IF NOT EXISTS steps (step BIGINT PRIMARY KEY, name TEXT NOT NULL)")?;
    let c = Connection::new(link);
    let taken: i64 = c.query_row("SELECT count(*) FROM steps", (), |row| row.get(0))?;
    if taken as usize > STEPS.len() {
        return Err(StoreError::NotAStore(format!(
            "the store was written by a newer version (step {taken})"
        )));
    }
    for (step, (name, sql)) in (1i64..).zip(STEPS).skip(taken as usize) {
        link.batch("BEGIN")?;
        link.batch(FUNCTIONS)?;
        link.batch(&dialect::postgres_tables(sql))?;
        c.execute("INSERT INTO steps VALUES (?1, ?2)", (step, *name))?;
        link.batch("COMMIT")?;
    }
    Ok(())
}
