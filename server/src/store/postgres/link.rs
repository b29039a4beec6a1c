//! The one way to open a connection to the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::postgres::config::SslMode;
use ::postgres::{Config, NoTls};

use super::tls;
use crate::store::StoreError;
use crate::store::sql::{PostgresLink, SqlError};

/// How long the database may take to answer a new connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long sent bytes may stay without an acknowledgement, and how long silence may last before the other machine is
/// probed.
const SILENCE: Duration = Duration::from_secs(10);

/// Options of every session: commits are durable when they return, nothing waits for ever, and the locks of a silent
/// node are freed. An operator overrides them in the address (`?options=`), which comes after them.
const SESSION: &str = "-c synchronous_commit=on -c statement_timeout=30s -c lock_timeout=20s \
    -c idle_in_transaction_session_timeout=60s -c client_min_messages=warning \
    -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2 \
    -c client_connection_check_interval=5s";

/// The error for an address that wants TLS and names no authority.
const NO_ROOTS: &str = "sslmode=require needs sslrootcert=FILE, the certificate of the authority to trust";

/// Opens a connection.
pub fn open(url: &str) -> Result<PostgresLink, StoreError> {
    let (url, roots) = tls::split(url);
    let mut config: Config =
        url.parse().map_err(|_| StoreError::NotAStore("not an address of a Postgres database".into()))?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    config.keepalives_idle(SILENCE);
    let options = format!("{SESSION} {}", config.get_options().unwrap_or_default());
    config.options(&options);
    config.application_name("gridledger");
    let warned = Arc::new(AtomicBool::new(false));
    let warns = warned.clone();
    config.notice_callback(move |_| warns.store(true, Ordering::Release));
    let connected = match roots {
        Some(roots) => {
            // An operator who names an authority wants TLS always.
            config.ssl_mode(SslMode::Require);
            config.connect(tls::trusting(&roots)?)
        }
        None if config.get_ssl_mode() == SslMode::Require => {
            return Err(StoreError::NotAStore(NO_ROOTS.into()));
        }
        None => config.connect(NoTls),
    };
    Ok(PostgresLink::new(connected.map_err(SqlError::from)?, warned))
}
