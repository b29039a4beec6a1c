//! The one way to open a connection to the database.

use std::time::Duration;

use ::postgres::config::SslMode;
use ::postgres::{Config, NoTls};

use super::tls;
use crate::store::StoreError;
use crate::store::sql::{Link as _, PostgresLink, SqlError};

/// How long the database may take to answer a new connection.
const CONNECT: Duration = Duration::from_secs(5);

/// What every session begins with: commits are durable when they return, and nothing waits for ever.
const SESSION: &str = "SET synchronous_commit = on; SET statement_timeout = '30s'; SET lock_timeout = '20s';
    SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning";

/// Said to who wants TLS and names nobody to trust.
const NO_ROOTS: &str = "sslmode=require needs sslrootcert=FILE, the certificate of the authority to trust";

/// Opens a connection.
pub fn open(url: &str) -> Result<PostgresLink, StoreError> {
    let (url, roots) = tls::split(url);
    let mut config: Config = url
        .parse()
        .map_err(|_| StoreError::NotAStore("not an address of a Postgres database".into()))?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    config.application_name("gridledger");
    let connected = match roots {
        Some(roots) => {
            // Who names an authority does not want to be served by anybody else.
            config.ssl_mode(SslMode::Require);
            config.connect(tls::trusting(&roots)?)
        }
        None if config.get_ssl_mode() == SslMode::Require => {
            return Err(StoreError::NotAStore(NO_ROOTS.into()));
        }
        None => config.connect(NoTls),
    };
    let link = PostgresLink::new(connected.map_err(SqlError::from)?);
    link.batch(SESSION)?;
    Ok(link)
}
