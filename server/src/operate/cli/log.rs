//! The log: one line an event on standard error, as text or JSON.

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::say::CliError;
use crate::config::{LogFormat, Settings};

/// Libraries say more at `info` than an operator wants.
const QUIET: &str = "actix_server=warn,actix_http=warn,mio=warn";

/// Starts logging to the standard error.
pub fn start(settings: &Settings) -> Result<(), CliError> {
    let subscriber = subscriber(settings, std::io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|error| CliError::Log(error.to_string()))
}

/// A subscriber that writes to `writer` in the form and from the level of the settings.
pub fn subscriber<W>(settings: &Settings, writer: W) -> Result<Box<dyn Subscriber + Send + Sync>, CliError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let directives = format!("{QUIET},{}", settings.log_level);
    let filter =
        EnvFilter::try_new(directives).map_err(|_| CliError::Log("log_level: not a level".into()))?;
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false)
        // If the log's reader is gone, no other place could report it.
        .log_internal_errors(false);
    Ok(match settings.log_format {
        LogFormat::Text => Box::new(base.finish()),
        LogFormat::Json => Box::new(base.json().flatten_event(true).with_current_span(false).finish()),
    })
}
