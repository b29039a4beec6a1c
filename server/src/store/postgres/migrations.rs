//! Takes the steps that a database has not taken yet. One node at a time: two that start together would race even on making
//! the first table. The others go on serving: a step expands, or they must be gone.

use crate::store::StoreError;
use crate::store::shared::steps;
use crate::store::shared::steps::Steps;
use crate::store::sql::{Connection, Link as _, PostgresLink, SqlError, dialect};

/// The advisory lock of a migration.
const MIGRATING: i64 = 0x6772_6d67;
/// A migration waits as long as another one runs, and no step has a time limit.
const PATIENT: &str = "SET statement_timeout = 0; SET lock_timeout = 0";
/// A step that waits for a table blocks every later transaction on it. After this time it lets them go first, and tries
/// again.
const POLITE: &str = "SET LOCAL lock_timeout = '2s'";
/// Times a step gives way before the start fails.
const ATTEMPTS: usize = 30;

/// Functions that the tables' code uses and Postgres lacks.
const FUNCTIONS: &str = "CREATE OR REPLACE FUNCTION hex(bytea) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$ SELECT encode($1, 'hex') $$";

/// The taken steps, and which of them contract: a program that does not know such a step cannot serve the store.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS steps (
    step BIGINT PRIMARY KEY, name TEXT NOT NULL, contracts BOOLEAN NOT NULL)";

/// Takes each step in one transaction with its number.
pub fn migrate(link: &PostgresLink, steps: Steps<'_>) -> Result<(), StoreError> {
    link.batch(PATIENT)?;
    link.batch(&format!("SELECT pg_advisory_lock({MIGRATING})"))?;
    let migrated = take_steps(link, steps);
    link.batch(&format!("SELECT pg_advisory_unlock({MIGRATING})"))?;
    migrated?;
    link.batch("RESET statement_timeout; RESET lock_timeout")?;
    Ok(())
}

fn take_steps(link: &PostgresLink, steps: Steps<'_>) -> Result<(), StoreError> {
    link.batch(TABLE)?;
    let c = Connection::new(link);
    let taken: i64 = c.query_row("SELECT count(*) FROM steps", (), |row| row.get(0))?;
    is_served_by(&c, steps.len())?;
    for (step, (name, sql)) in (1i64..).zip(steps).skip(taken as usize) {
        let contracts = steps::contracts(name);
        let mut taken = take_step(link, (step, name, contracts), sql);
        for _ in 1..ATTEMPTS {
            if !matches!(&taken, Err(error) if error.is_locked()) {
                break;
            }
            taken = take_step(link, (step, name, contracts), sql);
        }
        taken?;
    }
    Ok(())
}

fn take_step(link: &PostgresLink, row: (i64, &str, bool), sql: &str) -> Result<(), SqlError> {
    let step = || {
        link.batch(POLITE)?;
        link.batch(FUNCTIONS)?;
        link.batch(&dialect::postgres_tables(sql))?;
        Connection::new(link).execute("INSERT INTO steps VALUES (?1, ?2, ?3)", row)?;
        crate::faults::reach("server.before_step");
        link.batch("COMMIT")
    };
    link.batch("BEGIN")?;
    let taken = step();
    match taken {
        Ok(()) => crate::faults::reach("server.after_step"),
        // Where even that fails, the connection is lost, and the transaction with it.
        Err(_) => _ = link.batch("ROLLBACK"),
    }
    taken
}

/// Whether a program that knows `known` steps can serve the store: what it does not know must only expand.
pub fn is_served_by(c: &Connection<'_>, known: usize) -> Result<(), StoreError> {
    let newest = "SELECT max(step) FROM steps WHERE step > ?1 AND contracts";
    let newest: Option<i64> = c.query_row(newest, [known as i64], |row| row.get(0))?;
    newest.map_or(Ok(()), |step| Err(StoreError::of_newer(step)))
}
