//! Takes the steps that a file has not taken yet.

use rusqlite::{Connection, TransactionBehavior};

use crate::store::StoreError;
use crate::store::shared::steps::{STEPS, Steps};

/// "gldg": the file is a gridledger server store.
pub const APPLICATION_ID: i32 = 0x676c_6467;

/// Takes the steps not yet taken, each in one transaction with its number.
pub fn migrate(connection: &mut Connection, steps: Steps<'_>) -> Result<(), StoreError> {
    let taken: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(StoreError::NotAStore("the file is not a gridledger store".into()));
    }
    // One process serves a file, so no older one goes on beside a newer, and a file is not taken back.
    if taken as usize > steps.len() {
        return Err(StoreError::of_newer(taken));
    }
    for (step, (_, sql)) in steps.iter().enumerate().skip(taken as usize) {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(sql)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", step as i64 + 1)?;
        crate::faults::reach("server.before_step");
        tx.commit()?;
        crate::faults::reach("server.after_step");
    }
    Ok(())
}

/// Whether the file is a store that has steps to take.
pub fn is_older(connection: &Connection) -> Result<bool, StoreError> {
    let taken: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    Ok(application == APPLICATION_ID && (taken as usize) < STEPS.len())
}

/// Whether the file is a store that has taken every step.
pub fn check(connection: &Connection) -> Result<(), StoreError> {
    let taken: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION_ID || taken as usize != STEPS.len() {
        return Err(StoreError::NotAStore(
            "the file is not a gridledger store of this version; one of an older version is made new when it is served".into(),
        ));
    }
    Ok(())
}
