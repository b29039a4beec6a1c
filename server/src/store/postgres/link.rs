//! The one way to open a connection to the database.

use std::time::Duration;

use ::postgres::{Config, NoTls};

use crate::store::StoreError;
use crate::store::sql::{Link as _, PostgresLink};

/// How long the database may take to answer a new connection.
const CONNECT: Duration = Duration::from_secs(5);

/// What every session begins with: commits are durable when they return, and nothing waits for ever.
const SESSION: &str = "SET synchronous_commit = on; SET statement_timeout = '30s'; SET lock_timeout = '20s';
    SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning";

/// Opens a connection.
pub fn open(url: &str) -> Result<PostgresLink, StoreError> {
    let mut config: Config = url
        .parse()
        .map_err(|_| StoreError::NotAStore("not an address of a Postgres database".into()))?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    config.application_name("gridledger");
    let link = PostgresLink::new(config.connect(NoTls).map_err(crate::store::sql::SqlError::from)?);
    link.batch(SESSION)?;
    Ok(link)
}
